"""Who may do what on the management API: one table from method and path to roles, and the few finer rules.

Pure. A route without a row cannot be registered (`admission.py`), so nothing is open by oversight.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final, TypeAlias


class Role(Enum):
    """What the holder of an admin token is; the value is the public spelling."""

    OPERATOR = "operator"
    TENANT_ADMIN = "tenant_admin"
    TENANT_VIEWER = "tenant_viewer"


@dataclass(frozen=True, slots=True)
class Bearer:
    """The holder of a valid admin token. `tenant_id` is the tenant it is confined to, None for operators."""

    token_id: str
    name: str
    role: Role
    tenant_id: str | None

    @property
    def author(self) -> str:
        """How the bearer stands in histories: at most 128 characters."""
        return f"{self.role.value} {self.token_id} {self.name}"[:128]


Route: TypeAlias = tuple[str, str]
"""A method and a path template."""

OPERATORS: Final = frozenset({Role.OPERATOR})
ADMINS: Final = frozenset({Role.OPERATOR, Role.TENANT_ADMIN})
READERS: Final = frozenset(Role)
# None: everybody, without a token.
PUBLIC: Final = None

METRICS: Final[Route] = ("GET", "/metrics")
_TENANT: Final = "/admin/v1/tenants/{id}"

ROLES: Final[Mapping[Route, frozenset[Role] | None]] = MappingProxyType(
    {
        ("GET", "/livez"): PUBLIC,
        ("GET", "/readyz"): PUBLIC,
        METRICS: OPERATORS,
        # By the peer's network, and off where none is named: their Authorization is that of the request to be judged.
        ("GET", "/forward-auth"): PUBLIC,
        ("GET", "/forward-auth/refusal"): PUBLIC,
        ("GET", "/openapi.json"): READERS,
        ("POST", "/admin/v1/tenants"): OPERATORS,
        ("GET", "/admin/v1/tenants"): READERS,
        ("GET", _TENANT): READERS,
        ("PATCH", _TENANT): ADMINS,
        ("DELETE", _TENANT): OPERATORS,
        ("GET", _TENANT + "/config"): READERS,
        ("PUT", _TENANT + "/config"): ADMINS,
        ("GET", _TENANT + "/config/versions"): READERS,
        ("GET", _TENANT + "/config/versions/{version}"): READERS,
        ("POST", _TENANT + "/config/rollback"): ADMINS,
        ("GET", _TENANT + "/explain"): READERS,
        ("GET", "/admin/v1/gateways"): READERS,
        ("POST", _TENANT + "/keys"): ADMINS,
        ("POST", _TENANT + "/keys/import"): ADMINS,
        ("GET", _TENANT + "/keys"): READERS,
        ("GET", _TENANT + "/keys/{key_id}"): READERS,
        ("DELETE", _TENANT + "/keys/{key_id}"): ADMINS,
        ("POST", _TENANT + "/keys/{key_id}/rotate"): ADMINS,
        ("POST", _TENANT + "/keys/{key_id}/disable"): ADMINS,
        ("POST", _TENANT + "/keys/{key_id}/enable"): ADMINS,
        ("GET", _TENANT + "/logs"): READERS,
        ("GET", _TENANT + "/errors"): READERS,
        ("GET", _TENANT + "/health"): READERS,
        ("GET", _TENANT + "/metrics"): READERS,
        ("POST", "/admin/v1/tokens"): ADMINS,
        # Everybody may end their own token, operators any: see `may_revoke`.
        ("DELETE", "/admin/v1/tokens/{token_id}"): READERS,
    }
)

# The parts of its own record that a tenant may change. The rest decides what it is allowed or charged for.
TENANT_OWNED: Final = frozenset({"name"})


def has_role(bearer: Bearer, roles: frozenset[Role]) -> bool:
    """Whether the bearer's role opens a route; says nothing about tenants yet."""
    return bearer.role in roles


def may_enter(bearer: Bearer, tenant_id: str) -> bool:
    """Whether the bearer may touch the tenant at all."""
    return bearer.role is Role.OPERATOR or bearer.tenant_id == tenant_id


def reserved_fields(bearer: Bearer, fields: Iterable[str]) -> tuple[str, ...]:
    """Those of a tenant record's `fields` that the bearer may not change, sorted."""
    if bearer.role is Role.OPERATOR:
        return ()
    return tuple(sorted(set(fields) - TENANT_OWNED))


def may_mint(bearer: Bearer, role: Role, tenant_id: str | None) -> bool:
    """Whether the bearer may make a token of `role` for `tenant_id`: nobody hands on more than they have."""
    if bearer.role is Role.OPERATOR:
        return True
    return bearer.role is Role.TENANT_ADMIN and role is not Role.OPERATOR and tenant_id == bearer.tenant_id


def may_revoke(bearer: Bearer, token_id: str) -> bool:
    """Whether the bearer may end the token."""
    return bearer.role is Role.OPERATOR or bearer.token_id == token_id
