"""Check: for Envoys on a listener of its own, because they sign no process token, and for the management process.

Whatever fails on our side is answered as such, to the client too, and never as a refusal.
"""

import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from typing import Any, Final, Protocol

import grpc
import structlog
from penstock.auth.v1 import auth_service_pb2
from penstock.auth.v1.principal_pb2 import Principal
from penstock.envoy.v3 import authorization_pb2 as pb
from penstock.errors.v1 import error_reason_pb2 as reasons
from prometheus_client import CollectorRegistry, Counter
from pydantic import SecretStr

from authsvc.authorization.answer import allowed, denied
from authsvc.authorization.policy import read_policy
from authsvc.authorization.question import Question, read_question
from authsvc.authorization.tenants import Tenants
from authsvc.authorization.verdict import Allowed, find_governing, judge, to_prove
from authsvc.lookup import Presented
from domain import credentials
from domain.access import KEY_INVALID, NOT_VALID, Denied
from svckit.call_context import REQUEST_ID, request_id
from svckit.errors import CATALOGUE, Fault
from svckit.guests import listen_for_guests
from svckit.interceptors.faults import fault_of
from svckit.interceptors.shape import Context
from svckit.message_bounds import MessageBounds
from svckit.metrics import RpcMetrics
from svckit.switchboard import Mount

SERVICE: Final = "envoy.service.auth.v3.Authorization"
METHOD: Final = f"/{SERVICE}/Check"
# A head as long as Envoy may be told to take, with a body that it may be told to add. What a client sends must not make
# a message too long to be read: where Envoy is told to let pass what could not be judged, it would pass.
_BOUNDS: Final = MessageBounds(request=16 * 1024 * 1024, answer=1024 * 1024)
_AWAY: Final = Denied("AUTH_UNAVAILABLE", "the credential cannot be checked now")
# A key that the store knows, of a tenant that configsvc has not told of: it has just been made.
_NOT_YET: Final = Denied("NOT_READY", "the tenant of the key is not known here yet")
_UNREACHABLE: Final = frozenset({reasons.ERROR_REASON_UNAVAILABLE, reasons.ERROR_REASON_DEADLINE_EXCEEDED})
log = structlog.get_logger()


class Authenticates(Protocol):
    """Says who credentials prove."""

    async def authenticate(self, batch: Sequence[Presented]) -> list[auth_service_pb2.AuthenticateResponse]:
        """Who each credential proves, or why it proves nobody."""


class AuthorizationServicer:
    """Judges by what `known` returns, which waits until something is known."""

    def __init__(
        self,
        authentication: Authenticates,
        known: Callable[[], Awaitable[Tenants]],
        registry: CollectorRegistry,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._authentication = authentication
        self._known = known
        self._clock = clock
        self._checks = Counter("auth_checks_total", "Requests judged for other gateways.", ("code",), registry=registry)

    async def Check(self, request: pb.CheckRequest, _context: Context) -> pb.CheckResponse:
        """Judges one request."""
        asked = read_question(request)
        identifier = asked.request_id or request_id()
        REQUEST_ID.set(identifier)
        structlog.contextvars.bind_contextvars(request_id=identifier)
        try:
            verdict = await self._judged(request, asked)
        except Exception as error:  # the rim of this protocol: a gRPC error would be a bare 403 to the client
            verdict = _failed(fault_of(error))
        if isinstance(verdict, Denied):
            self._checks.labels(verdict.reason).inc()
            return denied(verdict, asked.path, identifier)
        self._checks.labels("OK").inc()
        return allowed(verdict, asked, identifier)

    async def _judged(self, request: pb.CheckRequest, asked: Question) -> Allowed | Denied:
        policy = read_policy(request.attributes.context_extensions)
        tenants = await self._known()
        governing = find_governing(asked, policy, tenants)
        if isinstance(governing, Denied) and governing != KEY_INVALID:
            return governing
        credential = to_prove(asked, policy)
        if isinstance(credential, Denied):
            return credential
        principal = None if credential is None else await self._proven(credential)
        if isinstance(principal, Denied):
            return principal
        if isinstance(governing, Denied):
            return governing if principal is None else _NOT_YET
        return judge(asked, policy, tenants, governing, principal, self._clock())

    async def _proven(self, credential: credentials.Presented) -> Principal | Denied:
        presented = Presented(credential.value, credential.is_api_key)
        (answer,) = await self._authentication.authenticate([presented])
        if answer.HasField("principal"):
            return answer.principal
        return Denied(CATALOGUE[answer.rejection.reason].name, NOT_VALID)


async def listen_for_envoy(
    stack: AsyncExitStack,
    servicer: AuthorizationServicer,
    addresses: Iterable[str],
    token: SecretStr | None,
    metrics: RpcMetrics,
) -> tuple[grpc.aio.Server, tuple[str, ...]]:
    """Serves until the stack unwinds; the server, and the addresses that it is bound to."""
    mount = Mount(add_authorization, servicer)
    return await listen_for_guests(stack, (METHOD,), mount, addresses, token, metrics, _BOUNDS)


def add_authorization(servicer: AuthorizationServicer, server: Any) -> None:
    """What generated code would do, had the service stood in a proto of ours."""
    handler = grpc.unary_unary_rpc_method_handler(
        servicer.Check,
        request_deserializer=pb.CheckRequest.FromString,
        response_serializer=pb.CheckResponse.SerializeToString,
    )
    server.add_registered_method_handlers(SERVICE, {"Check": handler})


def _failed(fault: Fault) -> Denied:
    """What the client is told of a failure. A fault of the other gateway's config is ours to it."""
    if fault.reason in _UNREACHABLE:
        return _AWAY
    if fault.fields:
        log.error("a check asks what cannot be", faults=[f"{each.path} {each.message}" for each in fault.fields])
    reason = fault.reason if fault.spec.http_status >= 500 else reasons.ERROR_REASON_INTERNAL
    return Denied(CATALOGUE[reason].name, CATALOGUE[reason].title)
