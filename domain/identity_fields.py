"""The header fields by which upstreams learn who is calling (requirement B18), and the spellings that imitate them.

Spellings are folded before they are compared (case does not count, every separator counts as `-`), because upstreams
fold them too: `x_user_id` reaches a WSGI application as X-User-ID, `x.user.id` a PHP one. RFC 3875 §4.1.18 names `-`
only, but lighttpd writes `_` for whatever is neither a letter nor a digit, so that `x~user!id` comes through as well.
"""

from typing import NamedTuple

from domain.access import Tenant

IDENTITY = frozenset(
    b"x-user-id x-user-email x-user-role x-user-type x-service-name x-tenant-id x-subscription-tier "
    b"x-subscription-status x-is-demo x-demo-session-id x-demo-account-type x-tenant-access-type "
    b"x-can-view-children x-parent-tenant-id x-forwarded-by x-request-id".split()
)
"""The names, in lower case. What a client sends under them is removed."""

_SEPARATORS = b"!#$%&'*+.^_`|~"
"""What a name may have besides letters, digits and `-` (RFC 9110 §5.6.2)."""
_FOLD = bytes.maketrans(_SEPARATORS, b"-" * len(_SEPARATORS))
_LINE_BREAKS = str.maketrans("", "", "".join(map(chr, (*range(0x20), 0x7F))))


def fold(name: bytes) -> bytes:
    """A field name as the laxest upstream would compare it."""
    return name.lower().translate(_FOLD)


class Caller(NamedTuple):
    """A proven caller; `kind` is `consumer`, `user` or `service`."""

    kind: str
    id: str
    name: str = ""
    email: str = ""
    role: str = ""


def identity_fields(tenant: Tenant, caller: Caller | None) -> tuple[tuple[str, str], ...]:
    """The fields for an acting tenant and its caller, those that have something to say. Same input, same fields.

    The request's id is not among them.
    """
    pairs = [
        ("X-Tenant-ID", tenant.id),
        ("X-Parent-Tenant-ID", tenant.parent_id or ""),
        ("X-Subscription-Tier", tenant.subscription.tier),
        ("X-Subscription-Status", tenant.subscription.status),
        ("X-Is-Demo", "true" if tenant.demo else "false"),
        ("X-Forwarded-By", "penstock"),
    ]
    if caller is not None:
        service = caller.kind == "service"
        pairs += [
            ("X-User-ID", f"{caller.name}-service" if service else caller.id),
            ("X-User-Email", f"{caller.name}-service@internal" if service else caller.email),
            ("X-User-Role", caller.role),
            ("X-User-Type", caller.kind),
            ("X-Service-Name", caller.name if service else ""),
        ]
    return tuple((name, value.translate(_LINE_BREAKS)) for name, value in pairs if value)
