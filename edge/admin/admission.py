"""The door of the management API: who asks, whether the table opens the route, and which tenant is meant.

Runs before a byte of the body is read. A route without a row in `access.ROLES` fails to be built.
"""

import re
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Final

import grpc
import structlog
from fastapi import Depends, Path
from fastapi.routing import APIRoute
from penstock.auth.v1 import admin_token_service_pb2 as tokens_pb2
from penstock.config.v1 import tenant_pb2, tenant_service_pb2
from penstock.errors.v1 import error_reason_pb2 as reasons
from starlette.requests import Request
from starlette.responses import Response

from domain.tenants import SLUG, parse_tenant_id
from edge.admin.access import ROLES, Bearer, Role, Route, has_role, may_enter
from edge.admin.rim import Act
from edge.admin.services import Services
from svckit.errors import Fault, from_rpc_error

_CREDENTIAL: Final = re.compile(r"psa_[A-Za-z0-9_]{1,252}")
_AUTHENTICATION_SECONDS: Final = 2.0
_ROLES: Final = {
    tokens_pb2.ADMIN_ROLE_OPERATOR: Role.OPERATOR,
    tokens_pb2.ADMIN_ROLE_TENANT_ADMIN: Role.TENANT_ADMIN,
    tokens_pb2.ADMIN_ROLE_TENANT_VIEWER: Role.TENANT_VIEWER,
}
_AWAY: Final = frozenset({reasons.ERROR_REASON_UNAVAILABLE, reasons.ERROR_REASON_DEADLINE_EXCEEDED})
log = structlog.get_logger()
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class Admission:
    """Answers who asks and for which tenant. `opened` are routes that the settings serve without a token."""

    def __init__(self, services: Services, opened: frozenset[Route] = frozenset()) -> None:
        self._services = services
        self.opened: Final = opened

    async def bearer(self, request: Request) -> Bearer:
        """The holder of the request's token; Fault TOKEN_MISSING, TOKEN_INVALID or AUTH_UNAVAILABLE."""
        credential = _credential(request.headers.getlist("authorization"))
        asked = tokens_pb2.AuthenticateAdminTokenRequest(secret=credential)
        try:
            answer = await self._services.tokens.AuthenticateAdminToken(asked, timeout=_AUTHENTICATION_SECONDS)
        except grpc.aio.AioRpcError as error:
            if from_rpc_error(error).reason in _AWAY:
                raise Fault(reasons.ERROR_REASON_AUTH_UNAVAILABLE) from error
            raise
        role = _ROLES.get(answer.token.role)
        if role is None or (role is not Role.OPERATOR and not answer.token.tenant_id):
            raise Fault(reasons.ERROR_REASON_TOKEN_INVALID)
        return Bearer(
            answer.token.id, answer.token.name, role, None if role is Role.OPERATOR else answer.token.tenant_id
        )

    async def tenant(self, bearer: Bearer, named: str) -> tenant_pb2.Tenant:
        """The tenant that `named` (UUID or slug) is, if the bearer may enter it; Fault otherwise.

        For a bearer confined to a tenant only that one is ever looked up: whether another exists does not
        show, neither in the answer nor in its time.
        """
        named = named.lower()
        if bearer.tenant_id is None:
            if parse_tenant_id(named) is None and SLUG.fullmatch(named) is None:
                raise Fault(reasons.ERROR_REASON_NOT_FOUND)
            return await self._tenant(named)
        own = await self._tenant(bearer.tenant_id)
        if named not in (own.id, own.slug) or not may_enter(bearer, own.id):
            raise Fault(reasons.ERROR_REASON_TENANT_FORBIDDEN)
        return own

    async def _tenant(self, named: str) -> tenant_pb2.Tenant:
        answer = await self._services.tenants.GetTenant(tenant_service_pb2.GetTenantRequest(tenant_id=named))
        return answer.tenant


class AdmittedRoute(APIRoute):
    """A route that is entered through the door. KeyError at construction when the table has no row for it."""

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()
        (method,) = self.methods or {""}
        route = (method, self.path)
        roles = ROLES[route]
        if roles is None:
            return handle

        async def admitted(request: Request) -> Response:
            admission: Admission = request.app.state.admission
            act: Act = request.state.act
            act.action, act.mutating = self.name, method != "GET"
            if route not in admission.opened:
                await _admit(admission, request, act, roles)
            if method != "GET":
                await request.body()  # read here, cached by the request: too large or too slow ends it
            return await handle(request)

        return admitted


async def _admit(admission: Admission, request: Request, act: Act, roles: frozenset[Role]) -> None:
    act.facts |= {f"asked_{name}": value for name, value in request.path_params.items()}
    bearer = request.state.bearer = await admission.bearer(request)
    act.facts |= {"token_id": bearer.token_id, "role": bearer.role.value}
    if not has_role(bearer, roles):
        raise Fault(reasons.ERROR_REASON_ROLE_REQUIRED)
    if "id" in request.path_params:
        tenant = request.state.tenant = await admission.tenant(bearer, request.path_params["id"])
        act.facts["tenant_id"] = tenant.id


def _credential(fields: list[str]) -> str:
    if not fields:
        raise Fault(reasons.ERROR_REASON_TOKEN_MISSING)
    if len(fields) > 1:
        raise Fault(reasons.ERROR_REASON_CREDENTIALS_CONFLICT)
    scheme, _, value = fields[0].partition(" ")
    credential = value.strip()
    if scheme.lower() != "bearer" or not _CREDENTIAL.fullmatch(credential):
        raise Fault(reasons.ERROR_REASON_TOKEN_INVALID)
    return credential


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


def _bearer(request: Request) -> Bearer:
    bearer: Bearer = request.state.bearer
    return bearer


def _entered(request: Request, id: Annotated[str, Path(description="The tenant's UUID or slug.")]) -> Any:
    return request.state.tenant


def _act(request: Request) -> Act:
    act: Act = request.state.act
    return act


def _admission(request: Request) -> Admission:
    admission: Admission = request.app.state.admission
    return admission


# What handlers ask for by type.
Entering = Annotated[Admission, Depends(_admission)]
Called = Annotated[Services, Depends(_services)]
Asking = Annotated[Bearer, Depends(_bearer)]
Entered = Annotated[tenant_pb2.Tenant, Depends(_entered)]
Noted = Annotated[Act, Depends(_act)]
