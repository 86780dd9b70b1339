"""Every case in memory: whole, cut in two at every octet, and in front of an upstream that does not wait for bodies."""

import re
from dataclasses import replace

import pytest

from edge.client import ClientLimits
from tests.edge.wire.case import NEXT, Case, Passed, departures, head
from tests.edge.wire.catalogue import FAMILIES
from tests.edge.wire.memory import run
from tests.edge.wire.oracle import discrepancies, outcomes, substance
from tests.edge.wire.trace import Trace

ALL_CUTS = 300
"""Octets of a case up to which it is cut everywhere; longer ones are cut in as many places as there are `SOME_CUTS`."""
SOME_CUTS = 16
UUID = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def cuts(octets: bytes) -> list[int]:
    """Where the octets are cut: everywhere, but not within the request that is the tail of most cases; a family of its
    own cuts that."""
    length = len(octets)
    if length > ALL_CUTS:
        return sorted({*(length * part // SOME_CUTS for part in range(1, SOME_CUTS)), 1, *range(length - 5, length)})
    return list(range(1, min(length, len(octets.removesuffix(NEXT)) + 2)))


def essence(trace: Trace) -> tuple[object, ...]:
    """All that a trace is judged by, but for its request ids; equal ones need not be judged twice."""
    logged = tuple((record.method, record.path, record.status, record.request_bytes) for record in trace.records)
    seen = tuple((UUID.sub(b"", upstream.octets), upstream.cut) for upstream in trace.upstreams)
    return UUID.sub(b"", trace.got), seen, logged, trace.ended


def wrong(case: Case, trace: Trace) -> list[str]:
    """What is wrong with a trace of this case, in sentences."""
    found = discrepancies(trace) or departures(case, outcomes(trace))
    return [f"{case.name}: {sentence}" for sentence in found]


@pytest.mark.parametrize("family", FAMILIES)
async def test_what_comes_of_a_case_is_what_is_expected_wherever_it_is_cut(family: str) -> None:
    found = []
    for case in FAMILIES[family]:
        whole, *pieces = await run(
            [[case.octets], *([case.octets[:cut], case.octets[cut:]] for cut in cuts(case.octets))]
        )
        found += wrong(case, whole)
        judged = {essence(whole)}
        for cut, trace in zip(cuts(case.octets), pieces, strict=True):
            if (octets := essence(trace)) in judged:
                continue
            judged.add(octets)
            found += [f"cut at {cut}: {sentence}" for sentence in wrong(case, trace)]
            if substance(trace) != substance(whole):
                found.append(f"cut at {cut}: {case.name}: {substance(trace)} instead of {substance(whole)}")
    assert found == []


@pytest.mark.parametrize("family", FAMILIES)
async def test_a_case_fares_no_otherwise_behind_requests_that_repeat_each_other(family: str) -> None:
    cases, repeated = FAMILIES[family], head("GET /again")
    traces = await run([[repeated, repeated, repeated, case.octets] for case in cases])
    again = Passed("GET /again")
    found = [
        sentence
        for case, trace in zip(cases, traces, strict=True)
        for sentence in wrong(replace(case, expected=(again, again, again, *case.expected)), trace)
    ]
    traces = await run([[case.octets] * 4 for case in cases])
    assert found + [sentence for trace in traces for sentence in discrepancies(trace)] == []


async def test_of_a_burst_only_so_many_are_heard_as_may_wait() -> None:
    (trace,) = await run([[head("GET /x") * 100]])
    assert discrepancies(trace) == []
    assert [outcome.status for outcome in outcomes(trace)] == [200] * ClientLimits().pipelined


@pytest.mark.parametrize("family", FAMILIES)
async def test_an_upstream_that_answers_early_is_never_owed_a_body(family: str) -> None:
    cases = FAMILIES[family]
    traces = await run([[case.octets] for case in cases], eager=True)
    early = await run([[case.octets[: case.octets.find(b"\r\n\r\n") + 5]] for case in cases], eager=True)
    assert [sentence for trace in (*traces, *early) for sentence in discrepancies(trace)] == []
