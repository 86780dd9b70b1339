"""Which tenant may stand above which: tenants are a forest, whoever changes it at the same time."""

from typing import Any

from penstock.errors.v1 import error_reason_pb2 as reasons

from configsvc.tenant_states import read_tenant
from domain.tenants import TenantId
from svckit.errors import Fault, FieldFault


async def check_parent(connection: Any, tenant: TenantId, parent: str) -> None:
    """BAD_REQUEST unless the parent is a registered tenant, not the tenant itself and not one below it.

    Holds the one lock for changes of parents to the end of the caller's transaction: two changes that are harmless
    alone could close a circle together. Taken after the tenant's row and before the revision's.
    """
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('penstock:parents', 0))")
    ancestor, seen = parent, set[str]()
    while ancestor and ancestor not in seen:
        if ancestor == tenant:
            raise _bad("must not be the tenant itself or one below it")
        found = await read_tenant(connection, ancestor)
        if found is None or not found.config_version:
            raise _bad("is not a tenant")
        seen.add(ancestor)
        ancestor = found.parent_id


def _bad(message: str) -> Fault:
    return Fault(reasons.ERROR_REASON_BAD_REQUEST, fields=(FieldFault("tenant.parent_id", message),))
