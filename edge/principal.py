"""Who is calling, as the edge keeps it: compact values made once per credential and shared by all its requests."""

from dataclasses import dataclass
from enum import Enum, IntEnum
from math import inf
from typing import NamedTuple

from domain.tenants import TenantId


class PrincipalKind(Enum):
    """What kind of caller a principal is; the value is what upstreams see as X-User-Type."""

    CONSUMER = "consumer"
    USER = "user"
    SERVICE = "service"


class CredentialKind(IntEnum):
    """The form of a credential; numbers as in penstock.auth.v1.CredentialKind."""

    API_KEY = 1
    TOKEN = 2


class Credential(NamedTuple):
    """One credential exactly as presented, without its scheme, and the tenant whose config governs the request.

    A tuple because there is one per request: a frozen dataclass costs five times as much to make.
    """

    kind: CredentialKind
    value: bytes
    config_tenant: TenantId


@dataclass(frozen=True, slots=True)
class TenantAccess:
    """A tenant that a principal may enter, with its role and limit tier there."""

    tenant_id: TenantId
    role: str = ""
    tier: str = ""


@dataclass(frozen=True, slots=True)
class Principal:
    """A proven caller. Times are seconds since 1970; `expires_at` is infinite for what does not end by itself."""

    kind: PrincipalKind
    id: str
    tenant_id: TenantId
    name: str = ""
    email: str = ""
    role: str = ""
    scopes: frozenset[str] = frozenset()
    tier: str = ""
    credential_id: str = ""
    session_id: str = ""
    issued_at: float = 0.0
    expires_at: float = inf
    demo: bool = False
    tenant_access: tuple[TenantAccess, ...] = ()


@dataclass(frozen=True, slots=True)
class Rejection:
    """A credential that proves nobody; `reason` is one of penstock.errors.v1.ErrorReason."""

    reason: int
