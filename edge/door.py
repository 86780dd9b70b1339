"""The one door by which the edge's own answers leave: refusals, preflights, and how a proxied exchange ended.

Each tells whether the client's connection may carry another request.
"""

import time

from penstock.errors.v1 import error_reason_pb2 as reasons

from edge.client import ClientConnection
from edge.exchange import Outcome
from edge.http.answer import NO_BODY, Framing, answer_head, date_line, field_lines
from edge.problems import SHIELDS, Refusal, render
from edge.visit import Visit
from svckit.errors import CATALOGUE


def added_lines(visit: Visit) -> bytes:
    """The header lines that the edge adds to an answer of its own."""
    return b"".join((*visit.lines, date_line(int(time.time()))))


def refuse(visit: Visit, refusal: Refusal, client: ClientConnection) -> bool:
    """Answers with the problem of a refusal."""
    head = visit.head
    instance = head.path or "" if head is not None else ""
    status, fields, body = render(refusal, instance=instance, request_id=visit.request_id)
    visit.status, visit.code = status, refusal.code
    # a body that is still to come has no taker
    keep_alive = visit.request.keep_alive and visit.request.complete
    bodiless = head is not None and head.method == "HEAD"
    octets = answer_head(
        status,
        field_lines(fields),
        Framing(len(body), chunked=False),
        added=added_lines(visit),
        keep_alive=keep_alive,
        http_11=head is None or head.block.http_11,
    )
    visit.response_bytes = 0 if bodiless else len(body)
    client.write(octets if bodiless else octets + body)
    return keep_alive


def answer_preflight(visit: Visit, lines: bytes, client: ClientConnection) -> bool:
    """Answers a preflight with the header lines that allow or do not allow what it asks for."""
    head = visit.head
    keep_alive = visit.request.keep_alive and visit.request.complete
    visit.status = 204
    added = added_lines(visit) + lines
    http_11 = head is None or head.block.http_11
    client.write(answer_head(204, b"", NO_BODY, added=added, keep_alive=keep_alive, http_11=http_11))
    return keep_alive


def redirect(visit: Visit, location: bytes, client: ClientConnection) -> bool:
    """Leads a client to the same request elsewhere, with its method and body (RFC 9110 §15.4.9). Nothing remembers it,
    so that a gateway can be without TLS again."""
    head = visit.head
    keep_alive = visit.request.keep_alive and visit.request.complete
    visit.status = 308
    client.write(
        answer_head(
            308,
            field_lines((*SHIELDS, (b"Location", location))),
            Framing(0, chunked=False),
            added=added_lines(visit),
            keep_alive=keep_alive,
            http_11=head is None or head.block.http_11,
        )
    )
    return keep_alive


def finish(visit: Visit, outcome: Outcome, client: ClientConnection) -> bool:
    """Ends a proxied exchange: a failure becomes a refusal, or a cut where an answer has begun."""
    visit.settle(outcome)
    if outcome.close_code:
        visit.close_code, visit.stage = outcome.close_code, outcome.stage
        visit.code = CATALOGUE[outcome.ended_for].name if outcome.ended_for else ""
        return False
    if outcome.client_gone:
        client.abort()  # one that only stopped reading is still there
        return False
    if outcome.failure is None:
        return outcome.keep_alive
    refusal = failure_refusal(outcome.failure, outcome.stage)
    if outcome.begun:  # the head is out: all that can be told is that the body is not whole
        visit.code = refusal.code
        client.abort(by_reset=visit.head is not None and not visit.head.block.http_11)
        return False
    return refuse(visit, refusal, client)


_FAILURES = {
    reasons.ERROR_REASON_DOWNSTREAM_UNREACHABLE: "the upstream cannot be reached",
    reasons.ERROR_REASON_DOWNSTREAM_UNAVAILABLE: "no connection to the upstream is free",
    reasons.ERROR_REASON_DOWNSTREAM_RESET: "the upstream closed the connection before its answer was complete",
    reasons.ERROR_REASON_DOWNSTREAM_INVALID: "the upstream's answer is not valid HTTP/1.1",
    reasons.ERROR_REASON_DOWNSTREAM_TIMEOUT: "the upstream did not answer in time",
    reasons.ERROR_REASON_BAD_REQUEST: "the request's body is not framed as HTTP/1.1",
    reasons.ERROR_REASON_REQUEST_TIMEOUT: "the request's body did not arrive in time",
    reasons.ERROR_REASON_BODY_TOO_LARGE: "the request's body is larger than this route takes",
}


def failure_refusal(failure: reasons.ErrorReason.ValueType, stage: str) -> Refusal:
    """The refusal that tells a client of a failed exchange."""
    members = {"stage": stage} if failure == reasons.ERROR_REASON_DOWNSTREAM_TIMEOUT else {}
    return Refusal(failure, _FAILURES[failure], members=members)
