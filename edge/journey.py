"""The way of one request through the edge, top to bottom. Each step is one call into a pure module or an adapter;
every refusal leaves by one door.
"""

import time
from collections.abc import Callable
from typing import Protocol

import structlog
from penstock.errors.v1 import error_reason_pb2 as reasons

from domain.access import NOT_VALID, Governing
from edge import cors
from edge.auth.authenticator import AuthUnavailable
from edge.client import ClientConnection
from edge.door import answer_preflight, finish, refuse
from edge.forwarding import Forwarder
from edge.http.head import Head
from edge.http.origin import Origin
from edge.inbound import InboundRequest
from edge.limits.decision import Decision
from edge.limits.failures import FailureBudget, Proof
from edge.limits.headers import limit_lines
from edge.limits.limiter import LimitUnavailable
from edge.limits.policy import LimitSet, failure_limits, limits_for
from edge.permission import route_refusal, served_until, tenant_refusal
from edge.principal import Credential, Principal, Rejection
from edge.problems import Refusal
from edge.repeat import Authentication, Config, Ground, Limiting, Means, Repeat
from edge.request_id import RequestIds
from edge.routing import Auth, MethodNotAllowed, Route
from edge.snapshot import TenantView
from edge.standing import Standing
from edge.story import in_task
from edge.tenancy import KEY_INVALID
from edge.visit import Visit
from edge.websocket.handshake import Asked, read_handshake
from edge.websocket.opening import Permit
from edge.websocket.tunnels import Tunnels
from edge.websocket.warrant import Warrant

AMBIGUOUS = Refusal(reasons.ERROR_REASON_AMBIGUOUS_PATH, "the path can be read in more than one way")
INTERNAL = Refusal(reasons.ERROR_REASON_INTERNAL, "")
UNCOUNTED = Refusal(reasons.ERROR_REASON_LIMIT_UNAVAILABLE, "the request cannot be counted now")
MISDIRECTED = Refusal(
    reasons.ERROR_REASON_MISDIRECTED, "the connection was made for another host than the request names"
)
FOREIGN = Refusal(reasons.ERROR_REASON_ORIGIN_FORBIDDEN, "pages of this origin may not open a WebSocket here")
NOT_FOUND = Refusal(reasons.ERROR_REASON_ROUTE_NOT_FOUND, "no route matches this request")


log = structlog.get_logger(__name__)


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
        begun: Callable[[Visit], None] | None = None,
        tunnels: Tunnels | None = None,
    ) -> None:
        """`record` takes each visit at its end; `begun`, where it is wanted, at its beginning; `tunnels` are the
        worker's."""
        self._config = config
        self._authentication = authentication
        self._limiter = limiter
        self._failures = FailureBudget(authentication, limiter)
        self._forwarder = forwarder
        self._builtins = builtins
        self._record = record
        self._begun = begun
        self._draining = draining
        self._tunnels = tunnels or Tunnels()
        self._ids = RequestIds()
        self._means = Means(
            config,
            authentication,
            limiter,
            forwarder.pool,
            forwarder.loop,
            self._ids,
            forwarder.traces,
            record,
            draining,
        )

    async def answer(self, request: InboundRequest, client: ClientConnection) -> bool:
        """Answers one request to the end; tells whether the connection may carry another."""
        head = request.head if isinstance(request.head, Head) else None
        repeat, client.interrupted = client.interrupted, None
        if repeat is None:
            identity = self._ids.identity(head.read.get(b"x-request-id") if head else None)
            visit = Visit(request, identity, client.origin(head))
            if self._begun is not None:
                self._begun(visit)
        else:
            visit = repeat.visit
        if client.lines and not (repeat is not None and repeat.sent):
            visit.lines += client.lines
        if head is not None and self._draining() and not client.pipelined:
            request.keep_alive = False
        try:
            if isinstance(request.head, Refusal):
                return refuse(visit, request.head, client)
            if visit.origin.misdirected:
                return refuse(visit, MISDIRECTED, client)
            if repeat is not None and repeat.sent:
                return finish(visit, await self._forwarder.resume(repeat, client), client)
            if request.head.path is not None and self._builtins.serves(request.head.path):
                answered = await in_task(self._builtins.answer(visit, request.head, client))
                return refuse(visit, answered, client) if isinstance(answered, Refusal) else answered
            return await self._serve(visit, request.head, client)
        except Exception:
            # The rim of every request: whatever fails here is ours, and must not look like a network's fault.
            log.exception("request failed", request_id=visit.request_id)
            if client.answering:
                visit.code = INTERNAL.code
                client.abort(by_reset=head is not None and not head.block.http_11)
                return False
            return refuse(visit, INTERNAL, client)
        finally:
            self._record(visit)

    async def _serve(self, visit: Visit, head: Head, client: ClientConnection) -> bool:
        snapshot, standing = self._config.snapshot, client.standing
        origin = visit.origin
        if standing is None or not standing.holds(snapshot, origin):
            standing = client.standing = Standing(snapshot, origin, head.block)
        visit.standing, governing = standing, standing.governing
        if isinstance(governing, Refusal):
            # readable as its preflight was answered: that one had no key, so it was `default`'s
            shared = snapshot.default.rules.cors if snapshot.default is not None else None
            if shared is not None:
                visit.lines.append(cors.answer_lines(head.read.get(b"origin"), shared))
            return refuse(visit, governing, client)
        rules = governing.tenant.rules
        visit.tenant, visit.config_version = governing.tenant, rules.version

        host = origin.host or ""
        if cors.is_preflight(head):
            preflight = cors.preflight_lines(head, cors.preflight_rules(head, host, rules))
            if preflight is not None:
                return answer_preflight(visit, preflight, client)

        route = self._route(head, host, governing)
        shared = route.cors if isinstance(route, Route) else rules.cors
        cors_lines = () if shared is None else (cors.answer_lines(head.read.get(b"origin"), shared),)
        visit.lines += cors_lines
        if route is NOT_FOUND and standing.misspelled:
            route = KEY_INVALID
        if isinstance(route, Refusal):
            return refuse(visit, route, client)
        visit.route, visit.template = route, route.prefix

        asked = self._asked(head, route, origin) if route.websocket is not None or b"upgrade" in head.read else None
        if isinstance(asked, Refusal):
            return refuse(visit, asked, client)

        principal: Principal | Refusal | None = None
        credential = standing.credential
        if credential is not None and route.auth is not Auth.NONE:
            principal = self._recalled(route, credential) or await self._looked_up(
                visit, route, credential, governing.tenant
            )
        if isinstance(principal, Refusal):
            return refuse(visit, principal, client)
        visit.principal = principal

        tenant = standing.acting(head, route, principal)
        if isinstance(tenant, Refusal):
            return refuse(visit, tenant, client)
        visit.tenant = tenant

        limits = limits_for(tenant, route, principal, visit.client_address)
        refusal = (
            (None if limits is None else await self._limit(visit, limits))
            or route_refusal(route, principal)
            or tenant_refusal(tenant, route, rules.subscription, head.method, visit.request.started_time)
        )
        if refusal is not None:
            return refuse(visit, refusal, client)

        if asked is not None and route.websocket is not None:
            warrant = Warrant(
                self._config,
                self._authentication,
                snapshot,
                head=head,
                host=host,
                route=route,
                governing=governing.tenant,
                acting=tenant,
                credential=credential if isinstance(credential, Credential) and principal is not None else None,
                principal=principal,
            )
            permit = Permit(asked, route.websocket, warrant, self._tunnels)
            return await self._tunnel(visit, head, route, standing, governing.tenant, client, permit)
        outcome = await self._forwarder.forward(visit, head, route, standing, governing.tenant, client)
        if isinstance(outcome, Refusal):
            return refuse(visit, outcome, client)
        if outcome.whole and client.repeats(head) and standing.way is not None and self._repeatable(visit, route):
            proving = credential if isinstance(credential, Credential) and route.auth is not Auth.NONE else None
            lines = (*client.lines, *cors_lines)
            ground = Ground(snapshot, proving, limits, lines, served_until(tenant, rules.subscription))
            client.repeat = Repeat(self._means, ground, client, visit, head, standing.way)
        return finish(visit, outcome, client)

    async def _tunnel(
        self,
        visit: Visit,
        head: Head,
        route: Route,
        standing: Standing,
        governing: TenantView,
        client: ClientConnection,
        permit: Permit,
    ) -> bool:
        """Sends a request on that asks for a WebSocket, and ends with that."""
        tenant = visit.tenant or governing
        full = self._tunnels.enter(tenant.id)
        if full is not None:
            return refuse(visit, full, client)
        try:
            outcome = await self._forwarder.forward(visit, head, route, standing, governing, client, permit)
        finally:
            self._tunnels.leave(tenant.id)
        return refuse(visit, outcome, client) if isinstance(outcome, Refusal) else finish(visit, outcome, client)

    # -- steps -------------------------------------------------------------------------------------------------

    def _route(self, head: Head, host: str, governing: Governing[TenantView]) -> Route | Refusal:
        path = head.path if head.path is not None else head.lenient_path
        if path is None:
            return AMBIGUOUS
        found = governing.tenant.rules.router.match(host, head.method, path, head.block.by_name)
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

    def _asked(self, head: Head, route: Route, origin: Origin) -> Asked | Refusal | None:
        """The WebSocket that a request asks for."""
        asked = read_handshake(head, allowed=route.websocket is not None)
        own = b"%b://%b" % (origin.scheme.encode(), origin.authority)
        return FOREIGN if isinstance(asked, Asked) and not cors.may_open(head, own, route.cors) else asked

    def _recalled(self, route: Route, credential: Credential | Refusal) -> Principal | Refusal | None:
        """Whom the credential proves, as far as that is known here and may be believed on the route."""
        if isinstance(credential, Refusal):
            return credential
        found = None if route.critical else self._authentication.cached(credential, time.time())
        return Refusal(found.reason, NOT_VALID) if isinstance(found, Rejection) else found

    async def _looked_up(
        self, visit: Visit, route: Route, credential: Credential | Refusal, tenant: TenantView
    ) -> Principal | Refusal:
        if isinstance(credential, Refusal):
            return credential
        budget = None
        if self._authentication.unproven(credential):
            budget = failure_limits(tenant, route, visit.client_address)
        try:
            found: Proof = await (
                in_task(self._authentication.authenticate(credential, fresh=route.critical))
                if budget is None
                else self._failures.prove(credential, budget, fresh=route.critical)
            )
        except AuthUnavailable:
            return Refusal(reasons.ERROR_REASON_AUTH_UNAVAILABLE, "the credential cannot be checked now")
        except LimitUnavailable:
            return UNCOUNTED
        if isinstance(found, Decision):
            return self._over(visit, found, "failed authentications")
        return Refusal(found.reason, NOT_VALID) if isinstance(found, Rejection) else found

    def _repeatable(self, visit: Visit, route: Route) -> bool:
        """Whether all that was found out about the request holds for others with its head."""
        return not route.critical and visit.origin.patience is None and self._begun is None

    async def _limit(self, visit: Visit, limits: LimitSet) -> Refusal | None:
        try:
            decision = visit.decision or await self._limiter.check(limits)
        except LimitUnavailable:
            return UNCOUNTED
        visit.decision = decision
        if not decision.allowed:
            return self._over(visit, decision, "requests")
        visit.lines += limit_lines(decision)
        return None

    def _over(self, visit: Visit, decision: Decision, what: str) -> Refusal:
        visit.lines += limit_lines(decision)
        return Refusal(
            reasons.ERROR_REASON_RATE_LIMITED,
            f"the limit of {decision.rate.requests} {what} in {decision.rate.window_millis} ms is used up",
            members={"violated-policies": [decision.policy]},
        )
