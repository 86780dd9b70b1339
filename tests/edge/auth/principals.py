"""Principals for tests."""

from math import inf

from domain.tenants import DEFAULT_TENANT, TenantId
from edge.principal import Principal, PrincipalKind


def consumer(
    key_id: str = "Key00001",
    *,
    consumer_id: str = "consumer-1",
    tenant: str = DEFAULT_TENANT,
    expires_at: float = inf,
    kind: PrincipalKind = PrincipalKind.CONSUMER,
    session_id: str = "",
) -> Principal:
    """A principal proven by a key."""
    return Principal(
        kind,
        consumer_id,
        TenantId(tenant),
        scopes=frozenset({"a", "b"}),
        credential_id=key_id,
        session_id=session_id,
        expires_at=expires_at,
    )
