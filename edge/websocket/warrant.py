"""What a tunnel goes on by: the config, the tenant and the credential that let it open. Asked for all that passes.

The same is asked of each request that repeats another (edge/repeat.py), so a tunnel never outlives what a request of
its caller would not.
"""

from dataclasses import replace

from penstock.errors.v1 import error_reason_pb2 as reasons

from edge.auth.authenticator import AuthUnavailable
from edge.http.head import Head
from edge.http.outbound import identity_lines
from edge.permission import route_refusal, served_until, tenant_refusal
from edge.principal import Credential, Principal, Rejection
from edge.problems import Refusal
from edge.repeat import Authentication, Config
from edge.routing import Route
from edge.snapshot import GatewaySnapshot, TenantView
from edge.websocket.endings import CALLER_CHANGED, Ending, refused

GONE = Refusal(reasons.ERROR_REASON_TENANT_SUSPENDED, "the tenant is no more")
NO_ROUTE = Refusal(reasons.ERROR_REASON_ROUTE_NOT_FOUND, "no route takes this WebSocket any more")
UNKNOWN = Refusal(reasons.ERROR_REASON_AUTH_UNAVAILABLE, "the credential cannot be checked now")


class Warrant:
    """The leave of one tunnel. `credential` is what `principal` was proven by, None where the route asks for none."""

    __slots__ = (
        "_acting",
        "_authentication",
        "_config",
        "_credential",
        "_governing",
        "_head",
        "_host",
        "_principal",
        "_route",
        "_snapshot",
        "_told",
        "_until",
    )

    def __init__(
        self,
        config: Config,
        authentication: Authentication,
        snapshot: GatewaySnapshot,
        *,
        head: Head,
        host: str,
        route: Route,
        governing: TenantView,
        acting: TenantView,
        credential: Credential | None,
        principal: Principal | None,
    ) -> None:
        """All as they were found when the tunnel was let in, by `snapshot`."""
        self._config, self._authentication = config, authentication
        self._head, self._host = head, host
        self._credential, self._principal = credential, principal
        self._snapshot, self._route, self._governing, self._acting = snapshot, route, governing, acting
        self._until = served_until(acting, governing.rules.subscription)
        self._told = identity_lines(acting, None)
        """What the upstream knows of the tenant."""

    def holds(self, now: float) -> bool:
        """Whether nothing has changed, at `now` (seconds since 1970). If False, `judge`."""
        return (
            self._config.snapshot is self._snapshot
            and now < self._until
            and (self._credential is None or self._authentication.cached(self._credential, now) is self._principal)
        )

    def judge(self, now: float) -> Ending | bool:
        """Why the tunnel ends; True when it goes on, False when that has to be asked for."""
        refusal = self._judge_config(now)
        if refusal is not None:
            return refused(refusal)
        if identity_lines(self._acting, None) != self._told:
            return CALLER_CHANGED
        if self._credential is None:
            return True
        found = self._authentication.cached(self._credential, now)
        return False if found is None else self._take(found)

    async def ask(self) -> Ending | bool:
        """The same, never False, by asking authsvc about the credential."""
        if self._credential is None:
            return True
        try:
            return self._take(await self._authentication.authenticate(self._credential))
        except AuthUnavailable:
            return refused(UNKNOWN)

    def _take(self, found: Principal | Rejection) -> Ending | bool:
        if isinstance(found, Rejection):
            return refused(Refusal(found.reason, ""))
        known = self._principal
        if found is not known:
            if (
                known is None or replace(found, issued_at=known.issued_at, expires_at=known.expires_at) != known
            ):  # the upstream was told somebody else
                return CALLER_CHANGED
            self._principal = found
        return True

    def _judge_config(self, now: float) -> Refusal | None:
        snapshot, before = self._config.snapshot, self._governing
        governing, acting = snapshot.tenants.get(before.id), snapshot.tenants.get(self._acting.id)
        if governing is None or acting is None:
            return GONE
        rules = governing.rules
        if rules is not before.rules:
            head = self._head
            found = rules.router.match(self._host, head.method, head.path or "", head.block.by_name)
            if not isinstance(found, Route) or found.websocket is None:
                return NO_ROUTE
            self._route = found
        self._snapshot, self._governing, self._acting = snapshot, governing, acting
        self._until = served_until(acting, rules.subscription)
        return route_refusal(self._route, self._principal) or tenant_refusal(
            acting, self._route, rules.subscription, self._head.method, now
        )
