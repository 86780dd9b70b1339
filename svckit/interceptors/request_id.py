"""Gives each call the id of the request that it serves: the caller's, when well formed, else a new one."""

from typing import Any, Final

import structlog

from svckit.call_context import REQUEST_ID
from svckit.ids import uuid7
from svckit.interceptors.shape import Context, Handler, Rpc
from svckit.request_ids import WELL_FORMED

METADATA_KEY: Final = "x-request-id"


def with_request_id(_rpc: Rpc, handler: Handler) -> Handler:
    """Puts the id into the context of the call and of its log lines, and echoes it in trailing metadata."""

    async def identified(request: Any, context: Context) -> Any:
        identifier = _kept(context) or str(uuid7())
        REQUEST_ID.set(identifier)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=identifier)
        context.set_trailing_metadata(((METADATA_KEY, identifier),))
        return await handler(request, context)

    return identified


def _kept(context: Context) -> str | None:
    for key, value in context.invocation_metadata() or ():
        if key == METADATA_KEY and isinstance(value, str) and WELL_FORMED.fullmatch(value):
            return value
    return None
