"""A listener for programs that sign no process token, such as an Envoy: nothing else can be called there.

Who reaches it may call. So its addresses are loopback or Unix sockets, or else it asks for a shared token.
"""

import hmac
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from ipaddress import ip_address
from typing import Annotated, Any, Final

import grpc
from penstock.errors.v1 import error_reason_pb2 as reasons
from pydantic import Field, SecretStr

from svckit.errors import Fault
from svckit.interceptors.capacity import shedding
from svckit.interceptors.deadline import with_deadline
from svckit.interceptors.faults import translating_faults
from svckit.interceptors.identity import METADATA_KEY, PUBLIC
from svckit.interceptors.observe import observing
from svckit.interceptors.request_id import with_request_id
from svckit.interceptors.shape import Context, Handler, Interceptor, Rpc
from svckit.message_bounds import MessageBounds
from svckit.metrics import RpcMetrics
from svckit.server import Runtime, listening
from svckit.switchboard import Mount, Switchboard

# A setting of this type, before that of the addresses.
GuestToken = Annotated[SecretStr | None, Field(min_length=16)]
# One call for each request that the guests have open: they would go on without the answer, or refuse the request.
_MAX_CALLS: Final = 4_096


def guarded(addresses: tuple[str, ...], token: SecretStr | None) -> tuple[str, ...]:
    """The addresses to listen on; ValueError when others than this machine reach one of them without a token."""
    if token is None and not all(map(_local, addresses)):
        raise ValueError("without a PENSTOCK_ENVOY_TOKEN every address must be loopback or a Unix socket")
    return addresses


async def listen_for_guests(
    stack: AsyncExitStack,
    methods: Sequence[str],
    mount: Mount,
    addresses: Iterable[str],
    token: SecretStr | None,
    metrics: RpcMetrics,
    bounds: MessageBounds,
    away: tuple[type[Exception], ...] = (),
) -> tuple[grpc.aio.Server, tuple[str, ...]]:
    """Serves `methods` (full names) until the stack unwinds; the server, and the addresses that it is bound to."""
    interceptors = (
        with_request_id,
        observing(metrics),
        translating_faults(away),
        shedding(_MAX_CALLS),
        with_deadline,
        *([_asking_for(token)] if token is not None else []),
    )
    switchboard = Switchboard(dict.fromkeys(methods, PUBLIC), interceptors)
    switchboard.mount([mount])
    return await stack.enter_async_context(listening(switchboard, addresses, bounds))


def stop_on_drain(runtime: Runtime[Any], server: grpc.aio.Server) -> None:
    """Ends the server with the process: its open calls have as long as those of the process's own."""

    async def stop() -> None:
        await runtime.drain.wait()
        await server.stop(runtime.settings.drain_seconds)

    runtime.tasks.create_task(stop())


def _local(address: str) -> bool:
    """Whether only this machine reaches an address to listen on."""
    host = address.rpartition(":")[0].strip("[]")
    if address.startswith("unix:") or host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _asking_for(token: SecretStr) -> Interceptor:
    """Lets a call through that carries the token as Envoy's `initial_metadata` adds it: `authorization: Bearer …`."""
    expected = f"Bearer {token.get_secret_value()}".encode()

    def interceptor(_rpc: Rpc, handler: Handler) -> Handler:
        async def guarded_call(request: Any, context: Context) -> Any:
            metadata = context.invocation_metadata() or ()
            given = [value for key, value in metadata if key == METADATA_KEY]
            if len(given) != 1 or not isinstance(given[0], str) or not hmac.compare_digest(given[0].encode(), expected):
                raise Fault(reasons.ERROR_REASON_CALLER_UNAUTHENTICATED)
            return await handler(request, context)

        return guarded_call

    return interceptor
