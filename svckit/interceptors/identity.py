"""Lets a call through when a process that we trust signed it and the method table opens the method to it.

A method that the table does not name is refused to everybody: there is no open rpc by oversight.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import structlog
from penstock.errors.v1 import error_reason_pb2 as reasons

from svckit.call_context import CALLER
from svckit.errors import Fault
from svckit.identity import IdentityError, TrustedKeys
from svckit.interceptors.shape import Context, Handler, Interceptor, Rpc

# Full method name → names of the processes that may call it.
MethodTable: TypeAlias = Mapping[str, frozenset[str]]
# Stands in the table for "everybody, no token needed": health and reflection.
PUBLIC: Final = frozenset({"*"})
METADATA_KEY: Final = "authorization"
_SCHEME: Final = "Bearer "
# Callers renew their tokens every 45 s: a handful of live ones per peer.
_REMEMBERED_TOKENS: Final = 1024
log = structlog.get_logger()


def guarding(
    table: MethodTable, trusted: TrustedKeys, audience: str, clock: Callable[[], float] = time.time
) -> Interceptor:
    """Guards the methods of the process `audience` by `table`."""
    verify = _remembering(trusted, audience, clock)

    def interceptor(rpc: Rpc, handler: Handler) -> Handler:
        callers = table.get(rpc.method, frozenset())
        if callers == PUBLIC:
            return handler

        async def guarded(request: Any, context: Context) -> Any:
            name = verify(_token(context))
            if name not in callers:
                log.warning("caller refused", method=rpc.method, caller=name)
                raise Fault(reasons.ERROR_REASON_CALLER_FORBIDDEN)
            CALLER.set(name)
            return await handler(request, context)

        return guarded

    return interceptor


def _token(context: Context) -> str:
    found = [value for key, value in context.invocation_metadata() or () if key == METADATA_KEY]
    if len(found) != 1 or not isinstance(found[0], str) or not found[0].startswith(_SCHEME):
        raise Fault(reasons.ERROR_REASON_CALLER_UNAUTHENTICATED)
    return found[0].removeprefix(_SCHEME)


def _remembering(trusted: TrustedKeys, audience: str, clock: Callable[[], float]) -> Callable[[str], str]:
    """Verifies each token once: a signature costs 100 µs, a look-up nothing."""
    known: dict[str, tuple[str, float]] = {}

    def verify(token: str) -> str:
        now = clock()
        name, good_until = known.get(token, ("", 0.0))
        if now < good_until:
            return name
        try:
            name, good_until = trusted.verified(token, audience, now)
        except IdentityError as error:
            log.warning("process token refused", reason=str(error))
            raise Fault(reasons.ERROR_REASON_CALLER_UNAUTHENTICATED) from error
        if len(known) >= _REMEMBERED_TOKENS:
            known.clear()
        known[token] = (name, good_until)
        return name

    return verify
