"""Policies of descriptors as a document has them, and descriptors as Envoy sends them."""

from google.protobuf.duration_pb2 import Duration
from google.protobuf.wrappers_pb2 import UInt64Value
from penstock.config.v1 import gateway_config_pb2 as config_pb
from penstock.envoy.v3 import rate_limit_pb2 as pb

from ratelimitsvc.envoy.policies import Entries


def limited(*match: str, requests: int = 5, seconds: int = 60, name: str = "") -> config_pb.DescriptorLimit:
    """The limit of a match such as `generic_key=login`."""
    parts = [each.partition("=") for each in match]
    return config_pb.DescriptorLimit(
        name=name,
        match=[config_pb.DescriptorEntry(key=key, value=value if given else None) for key, given, value in parts],
        limit=config_pb.Rate(requests=requests, window=Duration(seconds=seconds)),
    )


def entries(*pairs: str) -> Entries:
    """The entries of a descriptor such as `generic_key=login`."""
    parts = [each.encode().partition(b"=") for each in pairs]
    return [(key, value) for key, _, value in parts]


def descriptor(
    *pairs: str,
    limit: tuple[int, "pb.RateLimitUnit.ValueType"] | None = None,
    hits: int | None = None,
) -> pb.RateLimitDescriptor:
    """A descriptor with a limit and a cost of its own where they are given."""
    return pb.RateLimitDescriptor(
        entries=[pb.RateLimitDescriptor.Entry(key=key, value=value) for key, value in entries(*pairs)],
        limit=pb.RateLimitDescriptor.RateLimitOverride(requests_per_unit=limit[0], unit=limit[1]) if limit else None,
        hits_addend=UInt64Value(value=hits) if hits is not None else None,
    )
