"""Which policy of a tenant's document limits a descriptor, by the keys and values of its entries. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from penstock.config.v1 import gateway_config_pb2 as config_pb
from penstock.ratelimit.v1 import limit_pb2

# Keys and values as they come; Envoy does not promise that a header's value is UTF-8.
Entries: TypeAlias = Sequence[tuple[bytes, bytes]]

_ALGORITHMS: Final = {
    config_pb.LIMIT_ALGORITHM_TOKEN_BUCKET: limit_pb2.ALGORITHM_TOKEN_BUCKET,
}


@dataclass(frozen=True, slots=True)
class Policy:
    """So many units per window, by the name that clients see. No units: nothing is ever admitted."""

    name: str
    units: int
    window_millis: int
    algorithm: "limit_pb2.Algorithm.ValueType" = limit_pb2.ALGORITHM_SLIDING_WINDOW


class DescriptorPolicies:
    """The policies of one tenant. Looking one up costs a hash for each combination of given and open values that the
    document has under the same keys, however many values there are."""

    def __init__(self, descriptors: Iterable[config_pb.DescriptorLimit] = ()) -> None:
        self._by_keys: dict[tuple[bytes, ...], list[_Pattern]] = {}
        for descriptor in descriptors:
            keys = tuple(entry.key.encode() for entry in descriptor.match)
            given = tuple(number for number, entry in enumerate(descriptor.match) if entry.HasField("value"))
            patterns = self._by_keys.setdefault(keys, [])
            pattern = next((each for each in patterns if each.given == given), None)
            if pattern is None:
                pattern = _Pattern(given, {})
                patterns.append(pattern)
            pattern.policies[tuple(descriptor.match[number].value.encode() for number in given)] = _policy(descriptor)
        for keys, patterns in self._by_keys.items():
            # A given value wins over an open one, from the first entry on.
            patterns.sort(key=lambda each: [number not in each.given for number in range(len(keys))])

    def find(self, entries: Entries) -> Policy | None:
        """The policy of the most specific match; None when the descriptor is not limited."""
        for given, policies in self._by_keys.get(tuple(key for key, _ in entries), ()):
            values = tuple(entries[number][1] for number in given)
            if values in policies:
                return policies[values]
        return None


class _Pattern(NamedTuple):
    """The policies that leave the same values open, by the given ones; None: not limited."""

    given: tuple[int, ...]
    policies: dict[tuple[bytes, ...], Policy | None]


def default_name(keys: Iterable[bytes]) -> str:
    """What a policy without a name is called."""
    return ".".join(key.decode(errors="replace") for key in keys)[:64]


def _policy(descriptor: config_pb.DescriptorLimit) -> Policy | None:
    rate = descriptor.limit
    if rate.unlimited:
        return None
    return Policy(
        descriptor.name or default_name(entry.key.encode() for entry in descriptor.match),
        rate.requests,
        rate.window.seconds * 1000 + rate.window.nanos // 1_000_000,
        _ALGORITHMS.get(descriptor.algorithm, limit_pb2.ALGORITHM_SLIDING_WINDOW),
    )
