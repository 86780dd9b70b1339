"""Every case over real sockets, whole: what comes of it is what is expected, and all sides agree."""

import asyncio

import h11
import pytest

from edge.client import LINGER_BYTES
from tests.edge.plane import DEADLINE
from tests.edge.wire.case import Case, Passed, departures
from tests.edge.wire.catalogue import CASES, FAMILIES, IDS
from tests.edge.wire.oracle import discrepancies, outcomes, passed_on
from tests.edge.wire.sockets import Sockets, sockets
from tests.edge.wire.trace import Trace

HASTY = 0.3
"""Seconds that the edge waits where a case is about waiting; elsewhere it waits longer than any case takes."""


def is_read_whole(case: Case) -> bool:
    """Whether the edge reads all octets of a case that it refuses. Behind more of them it ends the connection by a
    reset, and the client may never read its answer; such cases are judged in memory only."""
    return len(case.octets) <= LINGER_BYTES


def waits(case: Case) -> bool:
    """Whether the case ends by a deadline."""
    return 408 in case.expected or not case.expected


@pytest.mark.parametrize("family", FAMILIES)
async def test_what_comes_of_a_case_is_what_is_expected(family: str) -> None:
    cases = [case for case in FAMILIES[family] if is_read_whole(case)]
    async with sockets(DEADLINE) as edge:
        found = [await wrong(edge, case) for case in cases if not waits(case)]
    found += await asyncio.gather(*[wrong_at_last(case) for case in cases if waits(case)])
    assert [sentence for sentences in found for sentence in sentences] == []


async def wrong_at_last(case: Case) -> list[str]:
    """What is wrong with a case that ends by a deadline, tried at an edge of its own."""
    async with sockets(HASTY) as edge:
        return await wrong(edge, case)


async def wrong(edge: Sockets, case: Case) -> list[str]:
    """What is wrong with what came of a case."""
    to_head = [isinstance(want, Passed) and want.line.startswith("HEAD ") for want in case.expected]
    trace = await edge.send(case.octets, to_head)
    sentences = discrepancies(trace) or [*departures(case, outcomes(trace)), *disagreements(trace)]
    return [f"{case.name}: {sentence}" for sentence in sentences]


def disagreements(trace: Trace) -> list[str]:
    """Where h11, a reader of its own kind, reads something else than the reference in what an upstream was sent."""
    whole = [request for request in passed_on(trace) if request.complete]
    theirs = [request for upstream in trace.upstreams for request in read_by_h11(bytes(upstream.octets))]
    ours = [(request.method, request.target, request.body) for request in whole]
    return [] if theirs == ours else [f"h11 reads {theirs}, not {ours}"]


def read_by_h11(octets: bytes) -> list[tuple[bytes, bytes, bytes]]:
    """Method, target and body of each whole request."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=len(octets) + 1)
    connection.receive_data(octets)
    read: list[tuple[bytes, bytes, bytes]] = []
    method = target = body = b""
    while True:
        event = connection.next_event()
        if isinstance(event, h11.Request):
            method, target, body = event.method, event.target, b""
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            read.append((method, target, body))
            connection.send(h11.Response(status_code=200, headers=[("Content-Length", "0")]))
            connection.send(h11.EndOfMessage())
            connection.start_next_cycle()
        else:
            return read


def test_there_are_enough_cases_and_each_has_a_name_of_its_own() -> None:
    assert len(CASES) >= 250
    assert len(set(IDS)) == len(IDS)
