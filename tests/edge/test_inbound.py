"""A body on its way in reaches whoever takes it whole, in order and once, whenever it is taken."""

from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from penstock.errors.v1 import error_reason_pb2 as reasons

from edge.inbound import BUFFER_BYTES, InboundRequest
from tests.edge.heads import head_of


class Taker:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[bytes | str] = []

    def upload_data(self, data: bytes) -> None:
        self.told.append(data)

    def upload_ended(self) -> None:
        self.told.append("ended")

    def upload_failed(self, reason: reasons.ErrorReason.ValueType) -> None:
        self.told.append(reasons.ErrorReason.Name(reason))


def inbound() -> InboundRequest:
    return InboundRequest(head_of(), started_at=0.0, started_time=0.0)


def fail(request: InboundRequest) -> None:
    request.fail(reasons.ERROR_REASON_REQUEST_TIMEOUT)


ends = st.sampled_from([InboundRequest.end, fail])


@given(st.lists(st.binary(min_size=1, max_size=9), max_size=6), st.integers(0, 7), ends)
def test_a_body_is_the_same_whenever_it_is_taken(
    pieces: list[bytes], place: int, end: Callable[[InboundRequest], None]
) -> None:
    request, taker = inbound(), Taker()
    steps = [*(partial(request.feed, piece) for piece in pieces), partial(end, request)]
    steps.insert(place, partial(request.attach, taker))
    for step in steps:
        step()
    assert taker.told == [*pieces, "ended" if end is InboundRequest.end else "ERROR_REASON_REQUEST_TIMEOUT"]
    assert request.body_bytes == sum(map(len, pieces))
    assert request.complete is (end is InboundRequest.end)
    assert (request.failed is None) is request.complete


def test_a_body_that_has_not_ended_is_not_told_to_have() -> None:
    request, taker = inbound(), Taker()
    request.feed(b"a")
    request.attach(taker)
    assert taker.told == [b"a"]


def test_a_complete_body_is_whole_even_if_its_connection_fails_later() -> None:
    request, taker = inbound(), Taker()
    request.end()
    request.fail()
    request.attach(taker)
    assert taker.told == ["ended"]


@pytest.mark.parametrize(("octets", "full"), [(BUFFER_BYTES, False), (BUFFER_BYTES + 1, True)], ids=["just", "over"])
def test_a_body_that_nobody_takes_fills_its_buffer(octets: int, full: bool) -> None:
    request = inbound()
    request.feed(bytes(octets))
    assert request.full is full
    request.attach(Taker())
    assert not request.full


@pytest.mark.parametrize("taken", [False, True], ids=["before it is taken", "after it was taken"])
def test_a_body_that_is_let_go_goes_nowhere(taken: bool) -> None:
    request, taker = inbound(), Taker()
    request.feed(b"a")
    if taken:
        request.attach(taker)
    request.detach()
    request.feed(bytes(BUFFER_BYTES + 1))
    request.fail()
    request.end()
    assert taker.told == ([b"a"] if taken else [])
    assert not request.full

    late = Taker()
    request.attach(late)
    assert late.told == ["ended"]
