"""Judges what came of a connection: what upstreams read is what the edge logged and what the client had sent, or the
client was refused and no upstream saw a whole request. Returns sentences; none means that all is well.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from penstock.telemetry.v1.record_pb2 import RequestRecord

from domain.tenants import DEFAULT_TENANT
from edge.visit import MAX_PATH, Visit
from tests.edge.wire.answers import Answer, Unreadable, read_answers
from tests.edge.wire.reference import Reading, Request, read_requests
from tests.edge.wire.trace import Trace

ENDS_HERE = frozenset(
    b"connection proxy-connection keep-alive te trailer upgrade http2-settings expect "
    b"proxy-authenticate proxy-authorization authorization x-api-key".split()
)
"""What no upstream is told."""
FRAMING = frozenset(b"host content-length transfer-encoding".split())
FORWARDED = frozenset(
    b"x-forwarded-for x-forwarded-proto forwarded via traceparent x-request-id x-request-timeout".split()
)
"""What the edge says of every request, once."""
IDENTITY = {
    b"x-tenant-id": DEFAULT_TENANT.encode(),
    b"x-subscription-status": b"active",
    b"x-is-demo": b"false",
    b"x-forwarded-by": b"penstock",
}
"""What the edge says of an anonymous caller of `default`."""
NOBODY = frozenset(
    b"x-user-id x-user-email x-user-role x-user-type x-service-name x-parent-tenant-id x-subscription-tier "
    b"x-demo-session-id x-demo-account-type x-tenant-access-type x-can-view-children".split()
)
"""What it does not say, because nobody is known."""
OURS = FRAMING | FORWARDED | {b"x-forwarded-host"} | set(IDENTITY)
SINGLE = ENDS_HERE | OURS | NOBODY
_SEPARATORS = b"!#$%&'*+.^_`|~"
_FOLD = bytes.maketrans(_SEPARATORS, b"-" * len(_SEPARATORS))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one request: the answer's status and code, and what an upstream read, if all of it arrived there."""

    status: int
    code: str
    passed: Request | None


def theirs(request: Request) -> list[tuple[bytes, bytes]]:
    """The fields that an upstream got from the client."""
    return [field for field in request.fields if field[0].lower() not in OURS]


def passed_on(trace: Trace) -> list[Request]:
    """All that upstreams could read, in order, the last one perhaps in part."""
    return [
        request
        for upstream in trace.upstreams
        for request in read_requests(bytes(upstream.octets), empty_lines=False).requests
    ]


def outcomes(trace: Trace) -> list[Outcome]:
    """What came of each request of a trace in which nothing is wrong."""
    passed = iter(passed_on(trace))
    found = []
    for record in trace.records:
        request = next(passed) if record.upstream else None
        whole = request if request is not None and request.complete else None
        found.append(Outcome(record.status, record.code, whole))
    return found


def discrepancies(trace: Trace) -> list[str]:
    """All that is wrong with a connection that has come to its end."""
    return [*_upstreams(trace), *_logged(trace), *_sent(trace), *_answered(trace)]


def _upstreams(trace: Trace) -> Iterator[str]:
    """Every upstream can read what it was sent, to the last octet."""
    for number, upstream in enumerate(trace.upstreams):
        reading = read_requests(bytes(upstream.octets), empty_lines=False)
        if reading.fault or reading.rest:
            yield f"an upstream cannot read {reading.rest[:200]!r}: {reading.fault or 'it ends too early'}"
        for request in reading.requests:
            if not request.complete and not (upstream.cut and number == len(trace.upstreams) - 1):
                yield "an upstream is owed a body by a connection that is in use"
            if request.extensions or request.trailers:
                yield "extensions or trailers were passed on"
            yield from _fields(request)


def _fields(request: Request) -> Iterator[str]:
    """No field that only the edge may set came from the client, in whatever spelling."""
    for name, _ in request.fields:
        folded = name.lower().translate(_FOLD)
        if folded in SINGLE and (name.lower() != folded or folded in ENDS_HERE or folded in NOBODY):
            yield f"{name!r} was passed on"
    for name, value in IDENTITY.items():
        if request.values(name) != [value]:
            yield f"{name!r} says {request.values(name)!r}"
    for name in FORWARDED | {b"host"}:
        if len(request.values(name)) != 1:
            yield f"{name!r} stands {len(request.values(name))} times"
    if len(request.values(b"x-forwarded-host")) > 1:
        yield "X-Forwarded-Host stands several times"


def _logged(trace: Trace) -> Iterator[str]:
    """As many requests arrived as were logged as passed on, and they are the same."""
    passed = passed_on(trace)
    logged = [(visit, record) for visit, record in zip(trace.visits, trace.records, strict=True) if record.upstream]
    if len(passed) != len(logged):
        yield f"{len(passed)} requests arrived, {len(logged)} were logged"
        return
    for request, (visit, record) in zip(passed, logged, strict=True):
        if _as_read(request) != _as_logged(visit, record):
            yield f"{_as_read(request)} arrived, {_as_logged(visit, record)} was logged"
        if len(request.body) != record.request_bytes and (request.complete or len(request.body) > record.request_bytes):
            yield f"{len(request.body)} octets of a body arrived, {record.request_bytes} were logged"


def _as_read(request: Request) -> tuple[object, ...]:
    path, mark, query = request.target.partition(b"?")
    length = request.values(b"content-length")
    framing = request.chunked, int(length[0]) if length else 0
    return (
        request.method.decode(),
        path.decode()[:MAX_PATH],
        mark + query,
        *framing,
        request.values(b"x-request-id")[0].decode(),
    )


def _as_logged(visit: Visit, record: RequestRecord) -> tuple[object, ...]:
    head = visit.head
    assert head is not None
    framing = head.block.chunked, head.block.content_length
    return record.method, record.path, head.query, *framing, record.request_id


def _sent(trace: Trace) -> Iterator[str]:
    """What arrived is what a strict reader of the client's octets finds in the same place."""
    reading = read_requests(trace.sent)
    passed = iter(passed_on(trace))
    for place, record in enumerate(trace.records):
        if record.upstream and (request := next(passed, None)) is not None:
            yield from _same(reading, place, request)


def _same(reading: Reading, place: int, passed: Request) -> Iterator[str]:
    if place >= len(reading.requests):
        yield f"request {place} was passed on, but is none: {reading.fault or 'it ends too early'} {reading.rest!r}"
        return
    sent = reading.requests[place]
    if passed.method != sent.method or _target(passed.target) != _target(sent.target):
        yield f"{sent.method!r} {sent.target!r} was passed on as {passed.method!r} {passed.target!r}"
    if passed.complete and not sent.complete:
        yield f"request {place} was passed on, but is not whole: {reading.fault or 'it ends too early'}"
    if passed.chunked != sent.chunked or not sent.body.startswith(passed.body):
        yield f"the body {sent.body!r} was passed on as {passed.body!r}"
    if passed.complete and len(passed.body) != len(sent.body):
        yield f"of a body of {len(sent.body)} octets {len(passed.body)} were passed on"
    if not set(theirs(passed)) <= set(sent.fields):
        yield f"fields from nowhere: {set(theirs(passed)) - set(sent.fields)}"


def _target(target: bytes) -> tuple[bytes, int, bytes]:
    """Path, number of slashes and query of a target; two spellings of one path are equal."""
    scheme, separator, rest = target.partition(b"://")
    if separator and scheme.lower() in (b"http", b"https"):
        target = b"/" + rest.partition(b"/")[2] if b"/" in rest else b"/"
    path, _, query = target.partition(b"?")
    return unquote_to_bytes(path), path.count(b"/"), query


def _answered(trace: Trace) -> Iterator[str]:
    """Each request is answered once, in order, and as logged; the connection ends, and after a refusal by its head at
    once."""
    if not trace.ended:
        yield "the connection does not end"
    to_head = [visit.head is not None and visit.head.method == "HEAD" for visit in trace.visits]
    try:
        answers = read_answers(bytes(trace.got), to_head)
    except Unreadable as error:
        yield f"the client cannot read its answers: {error}"
        return
    given = [(answer.status, answer.fields[b"x-request-id"].decode()) for answer in answers]
    logged = [(record.status, record.request_id) for record in trace.records]
    if given != logged:
        yield f"{given} were answered, {logged} were logged"
    for number, answer in enumerate(answers, 1):
        yield from _answer(answer, trace.visits[number - 1], last=number == len(answers))


def _answer(answer: Answer, visit: Visit, *, last: bool) -> Iterator[str]:
    closing = answer.fields.get(b"connection") == b"close"
    if answer.status >= 500:
        yield f"a fault of the edge: {answer.status} {answer.body!r}"
    asked = visit.head is not None and visit.head.expects_continue
    if answer.interim > asked:
        yield f"{answer.interim} interim answers, though {int(asked)} may be"
    if closing and not last:
        yield "an answer follows one that says that it is the last"
    if visit.head is None and not closing:
        yield "the connection is kept after a head that could not be read"


def substance(trace: Trace) -> list[tuple[object, ...]]:
    """What came of each request, without what differs from run to run."""
    return [
        (outcome.status, outcome.code, outcome.passed and _substance(outcome.passed)) for outcome in outcomes(trace)
    ]


def _substance(request: Request) -> tuple[object, ...]:
    return request.method, request.target, request.chunked, request.body, theirs(request)
