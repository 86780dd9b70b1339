"""Who is calling, as the edge keeps it: compact values made once per credential and shared by all its requests."""

from dataclasses import dataclass, field
from enum import Enum, IntEnum
from hashlib import sha256
from math import inf

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
    IMPORTED_KEY = 3


@dataclass(frozen=True, slots=True)
class Credential:
    """One credential exactly as presented, without its scheme, and the tenant whose config governs the request.

    `digest` is what it is remembered by; a token or an imported key means something in its config tenant only.
    """

    kind: CredentialKind
    value: bytes = field(repr=False)
    config_tenant: TenantId
    digest: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        told = self.value
        if self.kind is not CredentialKind.API_KEY:
            told = b"%b%c%b" % (self.config_tenant.encode(), self.kind, self.value)
        object.__setattr__(self, "digest", sha256(told).digest())


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
