"""Lets log lines of a call name the tenant that its request names, for as long as the call runs.

By the field `tenant_id` of the request itself, which means the same in every contract of ours. Calls whose messages
name tenants one by one (batches, streams) have no one tenant: their lines name none by themselves.
"""

import re
from typing import Any, Final

import structlog

from svckit.interceptors.shape import Context, Handler, Rpc

# A field that is no tenant id is the caller's text: the handler refuses it, and no line repeats it.
_WELL_FORMED: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def with_tenant_id(_rpc: Rpc, handler: Handler) -> Handler:
    """Binds the tenant id, once the caller is known."""

    async def bound(request: Any, context: Context) -> Any:
        tenant = getattr(request, "tenant_id", None)
        if isinstance(tenant, str) and _WELL_FORMED.fullmatch(tenant):
            structlog.contextvars.bind_contextvars(tenant_id=tenant)
        return await handler(request, context)

    return bound
