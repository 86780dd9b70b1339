"""The way of one request through the edge, top to bottom. Each step is one call into a pure module or an adapter;
every refusal leaves by one door.
"""

import time
from collections.abc import Callable
from typing import Protocol

from penstock.errors.v1 import error_reason_pb2 as reasons

from edge import cors
from edge.auth.authenticator import AuthUnavailable
from edge.client import ClientConnection
from edge.exchange import Outcome
from edge.forwarding import Forwarder
from edge.http.answer import CONTINUE, Framing, answer_head, field_lines
from edge.http.credentials import Presented
from edge.http.head import Head
from edge.inbound import InboundRequest
from edge.limits.decision import Decision
from edge.limits.headers import limit_headers
from edge.limits.limiter import LimitUnavailable
from edge.limits.policy import LimitSet, limits_for
from edge.permission import route_refusal, tenant_refusal
from edge.principal import Credential, Principal, Rejection
from edge.problems import Refusal, render
from edge.request_id import RequestIds
from edge.routing import Auth, MethodNotAllowed, Route
from edge.snapshot import GatewaySnapshot, TenantView
from edge.tenancy import (
    KEY_INVALID,
    Governing,
    acting_tenant,
    config_tenant,
    names_no_tenant,
    requested_tenant,
)
from edge.visit import Visit

AMBIGUOUS = Refusal(reasons.ERROR_REASON_AMBIGUOUS_PATH, "the path can be read in more than one way")
NOT_FOUND = Refusal(reasons.ERROR_REASON_ROUTE_NOT_FOUND, "no route matches this request")


class Config(Protocol):
    """Where the present config is found."""

    @property
    def snapshot(self) -> GatewaySnapshot: ...


class Authentication(Protocol):
    """Who proves principals."""

    def cached(self, credential: Credential, now: float) -> Principal | Rejection | None: ...
    async def authenticate(self, credential: Credential, *, fresh: bool = False) -> Principal | Rejection: ...


class Limiting(Protocol):
    """Who decides limits."""

    async def check(self, limits: LimitSet, cost: int = 1) -> Decision: ...


class Builtins(Protocol):
    """The endpoints that the edge answers itself."""

    def serves(self, path: str) -> bool: ...
    async def answer(self, visit: Visit, head: Head, client: ClientConnection) -> bool | Refusal: ...


class Journey:
    """Answers requests, one call each. Belongs to a worker; holds nothing of a request."""

    def __init__(
        self,
        config: Config,
        authentication: Authentication,
        limiter: Limiting,
        forwarder: Forwarder,
        builtins: Builtins,
        record: Callable[[Visit], None],
        draining: Callable[[], bool],
    ) -> None:
        self._ids = RequestIds()
        self._config = config
        self._authentication = authentication
        self._limiter = limiter
        self._forwarder = forwarder
        self._builtins = builtins
        self._record = record
        self._draining = draining

    async def answer(self, request: InboundRequest, client: ClientConnection) -> bool:
        """Answers one request to the end; tells whether the connection may carry another."""
        head = request.head if isinstance(request.head, Head) else None
        identity = self._ids.identity(head.read.get(b"x-request-id") if head else None)
        visit = Visit(request, identity, client.address)
        if head is not None and self._draining():
            head.keep_alive = False
        try:
            if isinstance(request.head, Refusal):
                return self._refuse(visit, request.head, client)
            if request.head.path is not None and self._builtins.serves(request.head.path):
                answered = await self._builtins.answer(visit, request.head, client)
                return self._refuse(visit, answered, client) if isinstance(answered, Refusal) else answered
            return await self._serve(visit, request.head, client)
        finally:
            self._record(visit)

    async def _serve(self, visit: Visit, head: Head, client: ClientConnection) -> bool:
        snapshot = self._config.snapshot
        credential = head.block.credential
        known = credential if isinstance(credential, Presented) else None
        governing = config_tenant(snapshot, head.host, known)
        if isinstance(governing, Refusal):
            return self._refuse(visit, governing, client)
        rules = governing.tenant.rules
        visit.tenant, visit.config_version = governing.tenant, rules.version

        if rules.cors is not None:
            if cors.is_preflight(head):
                return self._preflight(visit, cors.preflight_lines(head, rules.cors), client)
            visit.lines.append(cors.answer_lines(head, rules.cors))

        route = self._route(head, governing)
        if route is NOT_FOUND and known is not None and names_no_tenant(known, governing):
            route = KEY_INVALID
        if isinstance(route, Refusal):
            return self._refuse(visit, route, client)
        visit.route, visit.template = route, route.prefix

        principal = await self._principal(route, governing, credential)
        if isinstance(principal, Refusal):
            return self._refuse(visit, principal, client)
        visit.principal = principal

        requested = requested_tenant(head, route) if principal is not None else None
        if isinstance(requested, Refusal):
            return self._refuse(visit, requested, client)
        tenant = acting_tenant(snapshot, governing, principal, requested)
        if isinstance(tenant, Refusal):
            return self._refuse(visit, tenant, client)
        visit.tenant = tenant

        refusal = (
            await self._limit(visit, tenant, route)
            or route_refusal(route, principal)
            or tenant_refusal(tenant, route, rules.subscription, head.method, visit.request.started_time)
        )
        if refusal is not None:
            return self._refuse(visit, refusal, client)

        if head.expects_continue:
            client.write(CONTINUE)
        outcome = await self._forwarder.forward(visit, head, route, governing.tenant, client)
        if isinstance(outcome, Refusal):
            return self._refuse(visit, outcome, client)
        return self._finish(visit, outcome, client)

    # -- steps -------------------------------------------------------------------------------------------------

    def _route(self, head: Head, governing: Governing) -> Route | Refusal:
        path = head.path if head.path is not None else head.lenient_path
        if path is None:
            return AMBIGUOUS
        router = governing.tenant.rules.router
        fields = head.block.by_name() if router.reads_headers else {}
        found = router.match(head.host, head.method, path, fields)
        if found is None:
            return NOT_FOUND if head.path is not None else AMBIGUOUS
        if isinstance(found, MethodNotAllowed):
            allow = ", ".join(found.allow)
            return Refusal(
                reasons.ERROR_REASON_METHOD_NOT_ALLOWED,
                f"this path takes {allow}",
                fields=((b"Allow", allow.encode()),),
            )
        if head.path is None:
            if not found.allow_encoded_slashes:
                return AMBIGUOUS
            head.path = path
        return found

    async def _principal(
        self, route: Route, governing: Governing, credential: Presented | Refusal | None
    ) -> Principal | Refusal | None:
        if route.auth is Auth.NONE or credential is None:
            return None
        if isinstance(credential, Refusal):
            return credential
        wanted = Credential(credential.kind, credential.value, governing.tenant.id)
        found = None if route.critical else self._authentication.cached(wanted, time.time())
        if found is None:
            try:
                found = await self._authentication.authenticate(wanted, fresh=route.critical)
            except AuthUnavailable:
                return Refusal(reasons.ERROR_REASON_AUTH_UNAVAILABLE, "the credential cannot be checked now")
        if isinstance(found, Rejection):
            return Refusal(found.reason, "the credential is not valid")
        return found

    async def _limit(self, visit: Visit, tenant: TenantView, route: Route) -> Refusal | None:
        limits = limits_for(tenant, route, visit.principal, visit.client_address)
        try:
            decision = await self._limiter.check(limits)
        except LimitUnavailable:
            return Refusal(reasons.ERROR_REASON_LIMIT_UNAVAILABLE, "the request cannot be counted now")
        visit.decision = decision
        visit.lines += [b"%b: %b\r\n" % field for field in limit_headers(decision)]
        if decision.allowed:
            return None
        return Refusal(
            reasons.ERROR_REASON_RATE_LIMITED,
            f"the limit of {decision.rate.requests} requests in {decision.rate.window_millis} ms is used up",
            members={"violated-policies": [decision.policy]},
        )

    # -- ends --------------------------------------------------------------------------------------------------

    def _finish(self, visit: Visit, outcome: Outcome, client: ClientConnection) -> bool:
        visit.settle(outcome)
        if outcome.client_gone:
            visit.code = ""
            client.abort()  # one that only stopped reading is still there
            return False
        if outcome.failure is None:
            return outcome.keep_alive
        refusal = failure_refusal(outcome.failure, outcome.stage)
        if outcome.begun:  # the head is out: all that can be told is that the body is not whole
            visit.code = refusal.code
            client.abort(by_reset=visit.head is not None and not visit.head.block.http_11)
            return False
        return self._refuse(visit, refusal, client)

    def _refuse(self, visit: Visit, refusal: Refusal, client: ClientConnection) -> bool:
        head = visit.head
        instance = head.path or "" if head is not None else ""
        status, fields, body = render(refusal, instance=instance, request_id=visit.request_id)
        visit.status, visit.code = status, refusal.code
        # a body that is still to come has no taker
        keep_alive = head is not None and head.keep_alive and visit.request.complete
        bodiless = head is not None and head.method == "HEAD"
        octets = answer_head(
            status,
            field_lines(fields),
            Framing(len(body), chunked=False),
            added=b"".join(visit.lines),
            keep_alive=keep_alive,
            http_11=head is None or head.block.http_11,
        )
        visit.response_bytes = 0 if bodiless else len(body)
        client.write(octets if bodiless else octets + body)
        return keep_alive

    def _preflight(self, visit: Visit, lines: bytes, client: ClientConnection) -> bool:
        head = visit.head
        keep_alive = head is not None and head.keep_alive and visit.request.complete
        visit.status = 204
        visit.lines.append(lines)
        added = b"".join(visit.lines)
        client.write(
            answer_head(204, b"", Framing(None, chunked=False), added=added, keep_alive=keep_alive, http_11=True)
        )
        return keep_alive


_FAILURES = {
    reasons.ERROR_REASON_DOWNSTREAM_UNREACHABLE: "the upstream cannot be reached",
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
