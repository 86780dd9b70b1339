"""Names of tenants: ids, short ids and the PostgreSQL schema that holds a tenant's rows.

Schema names are only ever made here, from a validated UUID, so that no client string reaches an identifier.
"""

import re
from typing import NewType
from uuid import UUID

TenantId = NewType("TenantId", str)
"""A tenant's UUID in its canonical lower-case form with hyphens."""

DEFAULT_SLUG = "default"
DEFAULT_TENANT = TenantId("00000000-0000-7000-8000-000000000000")
"""The built-in tenant `default`: the same id in every cluster, so that every service can know it unasked."""

SHORT_ID = re.compile(r"[0-9A-Za-z]{8}")
SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
SCHEMA = re.compile(r"tenant_[0-9a-f]{32}")


def parse_tenant_id(text: str) -> TenantId | None:
    """The tenant id that `text` spells canonically (36 characters, lower case), or None."""
    if len(text) != 36:
        return None
    try:
        canonical = str(UUID(text))
    except ValueError:
        return None
    return TenantId(canonical) if canonical == text else None


def schema_name(tenant: TenantId) -> str:
    """The tenant's schema, `tenant_` and 32 hex digits; raises ValueError for what is not a canonical UUID."""
    if parse_tenant_id(tenant) is None:
        raise ValueError("not a canonical tenant id")
    return f"tenant_{tenant.replace('-', '')}"


def tenant_of_schema(schema: str) -> TenantId | None:
    """The tenant whose schema this is, or None for any other schema."""
    if not SCHEMA.fullmatch(schema):
        return None
    return TenantId(str(UUID(schema.removeprefix("tenant_"))))
