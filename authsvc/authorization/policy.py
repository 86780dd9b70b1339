"""What another gateway's config asks of the requests to one of its places, as a route's does at our edge. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Final

from authsvc.fields import MAX_SCOPES, FieldChecks
from domain.tenants import SLUG, parse_tenant_id


class Auth(Enum):
    """Whether a request needs a credential. One that is presented must hold; under NONE none is looked at."""

    REQUIRED = "required"
    OPTIONAL = "optional"
    NONE = "none"


_KEYS: Final = frozenset({"tenant", "auth", "scopes", "tier"})
_AUTH: Final = {each.value: each for each in Auth}
_SEPARATORS: Final = re.compile(r"[ ,]+")


@dataclass(frozen=True, slots=True)
class Policy:
    """`tenant` is the slug or id of the tenant whose place it is, empty where the host decides."""

    tenant: str = ""
    auth: Auth = Auth.REQUIRED
    scopes: frozenset[str] = frozenset()
    tier: str = ""


def read_policy(extensions: Mapping[str, str]) -> Policy:
    """The policy in Envoy's `context_extensions`; Fault BAD_REQUEST names all that is wrong.

    A key that is not known is a fault: it may be a typing error in one that closes a door.
    """
    return _read(tuple(extensions.items()))


# Places are few, their requests many.
@lru_cache(maxsize=1024)
def _read(pairs: tuple[tuple[str, str], ...]) -> Policy:
    extensions = dict(pairs)
    checks = FieldChecks()
    for key in sorted(extensions.keys() - _KEYS):
        checks.expect(key, False, "is not known")
    tenant, auth = extensions.get("tenant", ""), _AUTH.get(extensions.get("auth", Auth.REQUIRED.value))
    named = not tenant or parse_tenant_id(tenant) is not None or SLUG.fullmatch(tenant) is not None
    checks.expect("tenant", named, "must be a slug or a UUID in lower case")
    checks.expect("auth", auth is not None, "must be required, optional or none")
    scopes = [scope for scope in _SEPARATORS.split(extensions.get("scopes", "")) if scope]
    policy = Policy(
        tenant,
        auth or Auth.REQUIRED,
        frozenset(checks.scopes("scopes", scopes)[:MAX_SCOPES]),
        checks.tier("tier", extensions.get("tier", "")),
    )
    checks.done()
    return policy
