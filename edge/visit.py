"""What the edge learns of one request on its way, and what it leaves behind: a log line, a record, a count."""

from functools import lru_cache
from uuid import UUID

from penstock.telemetry.v1.record_pb2 import RequestRecord

from edge.exchange import Outcome
from edge.http.head import Head
from edge.http.origin import Origin
from edge.inbound import InboundRequest
from edge.limits.decision import Decision
from edge.principal import Principal
from edge.redaction import redacted, shown_fields, shown_query
from edge.request_id import RequestIdentity
from edge.routing import Route
from edge.snapshot import TenantView
from edge.standing import Recorded, Standing
from edge.telemetry.octets import own_octets

MAX_PATH = 2048
MAX_AGENT = 256
MAX_MICROS = 2**32 - 1
"""71 minutes; what is longer, such as a WebSocket, has a field of its own besides."""
MAX_LONG_MICROS = 2**63 - 1
UNMATCHED = "(none)"
"""The path label of requests that no route took."""


class Visit:
    """One request and all that was found out about it. Ids are made when it begins.

    What is not known yet stands as a class attribute: setting twenty fields for every request would cost 4 µs.
    """

    head: Head | None = None
    standing: Standing | None = None
    """What the request shares with others of its connection; found out with its config tenant."""
    tenant: TenantView | None = None
    config_version: int = 0
    route: Route | None = None
    template: str = UNMATCHED
    principal: Principal | None = None
    decision: Decision | None = None
    upstream: str = ""
    upstream_seconds: float = 0.0
    response_bytes: int = 0
    status: int = 0
    code: str = ""
    close_code: int = 0
    """How the WebSocket ended that it became; 0 for every other request."""
    stage: str = ""

    def __init__(self, request: InboundRequest, identity: RequestIdentity, origin: Origin) -> None:
        self.request = request
        self.origin = origin
        self.client_address = origin.address
        if isinstance(request.head, Head):
            self.head = request.head
        self.renew(identity)

    def renew(self, identity: RequestIdentity) -> None:
        """Becomes a visit that has these ids and all else in common with this one, up to its answer."""
        self.id, self.request_id_octets = identity
        self.lines: list[bytes] = [b"X-Request-ID: %b\r\n" % self.request_id_octets]
        """Header lines that every answer to this request carries."""
        # else of a trace that starts here
        self.trace_id = self.id if self.head is None else self.head.block.trace_id or self.id

    @property
    def request_id(self) -> str:
        """By which everybody knows the request."""
        return self.request_id_octets.decode("ascii")

    def settle(self, outcome: Outcome) -> None:
        """Takes over how the upstream's part ended."""
        self.status = outcome.status
        self.stage = outcome.stage if outcome.failure is not None or outcome.client_gone else ""


@lru_cache(maxsize=4096)
def _octets(tenant_id: str) -> bytes:
    return UUID(tenant_id).bytes


def record_octets(visit: Visit, tenant_id: str, seconds: float) -> bytes:
    """The serialised telemetry record of a finished visit that took so long; belongs to the given tenant."""
    head, request = visit.head, visit.request
    path = (head.path or "")[:MAX_PATH].encode() if head is not None else b""
    own = own_octets(
        visit.id,
        visit.trace_id,
        int(request.started_time * 1e6),
        min(int(seconds * 1e6), MAX_MICROS),
        request.body_bytes,
        visit.response_bytes,
        min(int(visit.upstream_seconds * 1e6), MAX_MICROS),
        visit.status,
        visit.request_id_octets,
        path,
    )
    if visit.code or visit.stage or visit.close_code:
        own += RequestRecord(code=visit.code, stage=visit.stage, close_code=visit.close_code).SerializeToString()
    if seconds * 1e6 > MAX_MICROS:
        own += RequestRecord(long_duration_micros=min(int(seconds * 1e6), MAX_LONG_MICROS)).SerializeToString()
    return _shared_octets(visit, tenant_id) + own


def _shared_octets(visit: Visit, tenant_id: str) -> bytes:
    """What the records of a caller's requests share, kept with the connection for as long as they do."""
    standing, route, principal, head = visit.standing, visit.route, visit.principal, visit.head
    method = head.method if head is not None else ""
    recorded = standing.recorded if standing is not None else None
    if (
        recorded is not None
        and recorded.tenant_id is tenant_id
        and recorded.route is route
        and recorded.principal is principal
        and recorded.upstream is visit.upstream
        and recorded.method is method
    ):
        return recorded.octets
    read = head.read if head is not None else {}
    octets = RequestRecord(
        tenant_id=_octets(tenant_id),
        method=method,
        route=route.name if route is not None else "",
        service=route.service.name if route is not None else "",
        principal_id=principal.id if principal is not None else "",
        consumer=principal.name if principal is not None else "",
        credential_id=principal.credential_id if principal is not None else "",
        client_address=visit.client_address,
        host=visit.origin.host or "",
        upstream=visit.upstream,
        config_version=visit.config_version,
        user_agent=read.get(b"user-agent", b"")[:MAX_AGENT].decode("latin-1"),
    ).SerializeToString()
    if standing is not None:
        standing.recorded = Recorded(tenant_id, route, principal, visit.upstream, method, octets)
    return octets


def start_line(visit: Visit, head: Head) -> dict[str, object]:
    """The members of the log line that begins a visit. Of the head only what may be shown."""
    return {
        "event": "request started",
        "request_id": visit.request_id,
        "trace_id": visit.trace_id.hex(),
        "method": head.method,
        "path": redacted((head.path or "")[:MAX_PATH]),
        "query": shown_query(head.query),
        "headers": shown_fields(head.block),
        "client": visit.client_address,
    }


def log_line(visit: Visit, tenant_id: str, seconds: float) -> dict[str, object]:
    """The members of the log line that ends a visit."""
    head = visit.head
    ended = {"close_code": visit.close_code} if visit.close_code else {}
    return {
        "event": "request",
        "request_id": visit.request_id,
        "trace_id": visit.trace_id.hex(),
        "tenant_id": tenant_id,
        "method": head.method if head is not None else "",
        "path": redacted((head.path or "")[:MAX_PATH]) if head is not None else "",
        "route": visit.template,
        "status": visit.status,
        "code": visit.code,
        "duration_ms": round(seconds * 1e3, 3),
        "request_bytes": visit.request.body_bytes,
        "response_bytes": visit.response_bytes,
        "principal": visit.principal.id if visit.principal is not None else "",
        "client": visit.client_address,
        "upstream": visit.upstream,
        "stage": visit.stage,
        **ended,
    }
