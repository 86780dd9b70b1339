"""Requests of streams, packed from their bytes as the generated code and `packed` would do it."""

from contextlib import suppress

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st
from penstock.ratelimit.v1 import limit_pb2
from penstock.ratelimit.v1 import rate_limit_service_pb2 as pb

from edge.limits import wire
from ratelimitsvc.batch import MAX_CHECKS, Batch, Checks, Layout, packed
from ratelimitsvc.wire import RequestReader, StreamedChecks
from svckit.errors import Fault

LAYOUT = Layout("ring", exact_up_to=100)
keys = st.sampled_from([b"", b"k", b"t:l", b"k" * 90, b"k" * 127, b"k" * 128, b"k" * 257])
limits = st.builds(
    limit_pb2.Limit,
    key=keys,
    limit=st.sampled_from([0, 1, 100, 101, 1_000_001]),
    window_millis=st.sampled_from([0, 1, 60_000]),
    algorithm=st.integers(0, 3),
    shadow=st.booleans(),
)
requests = st.builds(
    pb.StreamChecksRequest,
    batch_id=st.sampled_from([0, 1, 127, 128, 2**64 - 1]),
    checks=st.lists(
        st.builds(limit_pb2.Check, limits=st.lists(limits, max_size=3), cost=st.none() | st.integers(0, 3)), max_size=4
    ),
    budget_millis=st.sampled_from([0, 5]),
)


def usual(*names: bytes) -> list[bytes]:
    """Entries of checks as edges write them."""
    tail = wire.limit_tail(5, 1_000, limit_pb2.ALGORITHM_SLIDING_WINDOW)
    return [wire.check_entry(wire.limit_entry(name, tail), 1) for name in names]


@given(requests)
def test_requests_are_packed_as_their_messages_are(request: pb.StreamChecksRequest) -> None:
    assert outcome(request.SerializeToString()) == by_message(request.SerializeToString())


@given(requests, st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=3), st.integers(0, 400))
def test_damaged_requests_are_read_as_the_generated_code_reads_them(
    request: pb.StreamChecksRequest, damages: list[tuple[int, int]], length: int
) -> None:
    octets = bytearray(request.SerializeToString())
    for place, octet in damages:
        if place < len(octets):
            octets[place] = octet
    octets = octets[: len(octets) - length] if length < len(octets) else octets
    assert outcome(bytes(octets)) == by_message(bytes(octets))


@pytest.mark.parametrize(
    ("key", "tail"),
    [
        pytest.param(b"k", b"\x10\x05\x18\x01\x0a\x01x", id="another key"),
        pytest.param(b"k", b"\x10\x05\x18\x01\x0a\x00", id="no key after all"),
        pytest.param(b"", b"\x10\x05\x18\x01", id="no key, said so"),
        pytest.param(b"k", b"\x10\x05\x18\x01\x10\x06", id="a field twice"),
        pytest.param(b"k", b"\x18\x01\x10\x05", id="another order"),
        pytest.param(b"k", b"\x10\x85\x00\x18\x01", id="a long number"),
    ],
)
def test_unusual_forms_of_a_limit_mean_what_they_mean(key: bytes, tail: bytes) -> None:
    octets = wire.request(7, [wire.check_entry(wire.limit_entry(key, tail), 1)])
    assert outcome(octets) == by_message(octets)


@pytest.mark.parametrize("length", [9, 10, 11, 200])
def test_a_number_longer_than_any_is_no_number(length: int) -> None:
    octets = b"\x08" + b"\xff" * length + b"\x01" + wire.request(7, usual(b"k"))[2:]
    assert outcome(octets) == by_message(octets)


def test_what_edges_write_needs_no_message() -> None:
    both = wire.limit_entry(b"t:a", wire.limit_tail(5, 1_000, 1)) + wire.limit_entry(b"t:b", wire.limit_tail(9, 1, 2))
    entries = [*usual(b"t:k", b"k" * 90), wire.check_entry(both, 1), wire.check_entry(both, 3)]
    read = RequestReader(LAYOUT)(wire.request(300, entries))
    assert read.batch_id == 300
    assert isinstance(read.checks, Batch)
    assert len(read.checks) == 4


@pytest.mark.parametrize("count", [0, MAX_CHECKS + 1])
def test_a_batch_of_another_size_is_refused(count: int) -> None:
    octets = wire.request(1, usual(b"k") * count)
    with pytest.raises(Fault):
        packed(RequestReader(LAYOUT)(octets).checks, LAYOUT)


def outcome(octets: bytes) -> object:
    """What the reader makes of a request."""
    with suppress(DecodeError):
        return told(RequestReader(LAYOUT)(octets))
    return "no message"


def by_message(octets: bytes) -> object:
    """What the generated code makes of it."""
    with suppress(DecodeError):
        message = pb.StreamChecksRequest.FromString(octets)
        return told(StreamedChecks(message.batch_id, message.budget_millis, message.checks))
    return "no message"


def told(read: StreamedChecks) -> object:
    """All that a request says, or the faults of its checks."""
    checks: Checks = read.checks
    try:
        batch = packed(checks, LAYOUT)
    except Fault as fault:
        return read.batch_id, read.budget_millis, fault.fields
    return read.batch_id, read.budget_millis, list(batch.keys), batch.numbers, len(batch)
