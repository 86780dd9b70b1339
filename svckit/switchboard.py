"""Finds the handler of a call. It is there before the handlers are: a process answers while its stores connect.

Methods of the table that are not mounted yet are refused with UNAVAILABLE; a mounted method that the table
does not name is a programming fault and stops the process from starting.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import grpc
from penstock.errors.v1 import error_reason_pb2 as reasons

from svckit.errors import Fault
from svckit.interceptors.identity import MethodTable
from svckit.interceptors.shape import Context, Interceptor, MethodHandler, intercepted


@dataclass(frozen=True, slots=True)
class Mount:
    """A servicer and the generated `add_…Servicer_to_server` that knows its methods."""

    add: Callable[[Any, Any], None]
    servicer: object


class Switchboard(grpc.GenericRpcHandler):
    """The one generic handler of a server; each method has its interceptors wrapped around it once."""

    def __init__(self, table: MethodTable, chain: Sequence[Interceptor]) -> None:
        self._table = table
        self._chain = chain
        starting: MethodHandler = grpc.stream_stream_rpc_method_handler(_starting)  # this kind serves any kind of call
        self._handlers = {method: intercepted(method, starting, chain) for method in table}

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> "MethodHandler | None":
        """The handler of the called method; None (UNIMPLEMENTED) for methods that this process does not have."""
        return self._handlers.get(handler_call_details.method)

    def mount(self, mounts: Sequence[Mount]) -> None:
        """Puts the methods of `mounts` into service; LookupError for one that the method table lacks."""
        collected = _Collector()
        for each in mounts:
            each.add(each.servicer, collected)
        unlisted = collected.handlers.keys() - self._table.keys()
        if unlisted:
            raise LookupError(f"not in the method table, so open to nobody: {', '.join(sorted(unlisted))}")
        self._handlers |= {
            method: intercepted(method, handler, self._chain) for method, handler in collected.handlers.items()
        }


class _Collector:
    """Stands in for the server in a generated `add_…Servicer_to_server`."""

    def __init__(self) -> None:
        self.handlers: dict[str, MethodHandler] = {}

    def add_generic_rpc_handlers(self, _handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        """Nothing: the same methods come by name below."""

    def add_registered_method_handlers(self, service: str, handlers: Mapping[str, MethodHandler]) -> None:
        self.handlers |= {f"/{service}/{method}": handler for method, handler in handlers.items()}


async def _starting(_requests: Any, _context: Context) -> NoReturn:
    raise Fault(reasons.ERROR_REASON_UNAVAILABLE, "The service is starting.")
