"""The bytes put together by hand are those that the generated code writes and reads."""

from hypothesis import given
from hypothesis import strategies as st
from penstock.ratelimit.v1 import limit_pb2 as pb
from penstock.ratelimit.v1 import rate_limit_service_pb2 as service_pb

from edge.limits import wire

limits = st.builds(
    pb.Limit,
    key=st.binary(min_size=1, max_size=256),
    limit=st.integers(1, 1_000_000),
    window_millis=st.integers(1, 366 * 24 * 3600 * 1000),
    algorithm=st.sampled_from([1, 2]),
)
checks = st.tuples(st.lists(limits, min_size=1, max_size=8), st.integers(0, 1_000_000))


def tail(limit: pb.Limit) -> bytes:
    return wire.limit_tail(limit.limit, limit.window_millis, limit.algorithm)


def check(limits: list[pb.Limit], cost: int) -> pb.Check:
    return pb.Check(limits=limits) if cost == 1 else pb.Check(limits=limits, cost=cost)


@given(st.integers(1, 2**63), st.lists(checks, min_size=1, max_size=5))
def test_a_request_is_what_the_generated_code_writes(batch_id: int, batch: list[tuple[list[pb.Limit], int]]) -> None:
    entries = [
        wire.check_entry(b"".join(wire.limit_entry(each.key, tail(each)) for each in limits), cost)
        for limits, cost in batch
    ]
    message = service_pb.StreamChecksRequest(batch_id=batch_id, checks=[check(*each) for each in batch])
    assert wire.request(batch_id, entries) == message.SerializeToString(deterministic=True)


@given(st.lists(limits, min_size=1, max_size=3))
def test_a_remembered_head_fits_every_key_of_its_length(limits: list[pb.Limit]) -> None:
    first, *others = limits
    rest = b"".join(wire.limit_entry(each.key, tail(each)) for each in others)
    head = wire.check_head(len(first.key), len(tail(first)), len(rest))
    message = service_pb.StreamChecksRequest(checks=[check(limits, 1)])
    assert head + first.key + tail(first) + rest == message.SerializeToString(deterministic=True)
