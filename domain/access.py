"""Which tenant a request is for, in whose name it acts, and whether that tenant is served now.

No step falls through to the next after a mismatch, and no unknown tenant ever becomes `default`.
"""

from collections.abc import Container, Mapping
from typing import Generic, NamedTuple, Protocol, TypeVar

from domain.tenant_states import ReadOnly, Subscription, SubscriptionRules, TenantStatus
from domain.tenants import TenantId

CHANGING = frozenset(("POST", "PUT", "PATCH", "DELETE"))
ENDED = frozenset(("canceled", "expired", "unpaid"))


class Tenant(Protocol):
    """A tenant as far as decisions need it."""

    @property
    def id(self) -> TenantId: ...
    @property
    def status(self) -> TenantStatus: ...
    @property
    def demo(self) -> bool: ...
    @property
    def parent_id(self) -> TenantId | None: ...
    @property
    def subscription(self) -> Subscription: ...
    @property
    def read_only(self) -> ReadOnly: ...


T = TypeVar("T", bound=Tenant)


class Denied(NamedTuple):
    """Why a request is refused: the public name of a reason, and a sentence for people."""

    reason: str
    detail: str


NOT_VALID = "the credential is not valid"
"""In the same words for every reason: a good key in the wrong tenant must not be told from one that nobody has."""
KEY_INVALID = Denied("KEY_INVALID", NOT_VALID)
FORBIDDEN = Denied("TENANT_FORBIDDEN", "the credential may not act in this tenant")
NOT_READY = Denied("NOT_READY", "no config has been loaded yet")


class Governing(NamedTuple, Generic[T]):
    """The config tenant, and whether the request's Host is bound to it."""

    tenant: T
    by_host: bool


def governing_tenant(
    bound: T | None, named: str | None, by_short_id: Mapping[str, T], default: T | None
) -> Governing[T] | Denied:
    """The tenant `bound` to the host; else the one whose short id stands in a well-formed key (`named`); else
    `default`."""
    if bound is not None:
        return Governing(bound, by_host=True)
    if named is not None:
        hinted = by_short_id.get(named)
        return KEY_INVALID if hinted is None else Governing(hinted, by_host=False)
    return NOT_READY if default is None else Governing(default, by_host=False)


class Actor(NamedTuple):
    """A proven caller as far as tenants go: its own, whether a key proves it, and the others that it may enter."""

    home: TenantId
    by_key: bool
    others: Container[TenantId] = ()


def acting_tenant(
    tenants: Mapping[TenantId, T], governing: Governing[T], actor: Actor | None, requested: TenantId | None
) -> T | Denied:
    """The tenant in whose name the request acts, after authentication; `requested` is the one that it asks for."""
    if actor is None:
        return governing.tenant
    chosen = requested or actor.home
    if actor.by_key and governing.by_host and governing.tenant.id != actor.home:
        return KEY_INVALID
    if governing.by_host and governing.tenant.id != chosen:
        return FORBIDDEN
    if chosen != actor.home and (actor.by_key or chosen not in actor.others):
        return FORBIDDEN
    acting = tenants.get(chosen)
    if acting is None:
        return KEY_INVALID if actor.by_key else FORBIDDEN
    return acting


def scopes_denied(needed: frozenset[str], had: frozenset[str]) -> Denied | None:
    """Why a caller with the scopes `had` may not do what needs others."""
    missing = needed - had
    return Denied("SCOPE_REQUIRED", f"missing scopes: {', '.join(sorted(missing))}") if missing else None


def tenant_denied(tenant: Tenant, tier: str, rules: SubscriptionRules, method: str, now: float) -> Denied | None:
    """Why the tenant is not served, or None; `tier` is the one that is needed, if any, `now` seconds since 1970."""
    if tenant.status is not TenantStatus.ACTIVE:
        return Denied("TENANT_SUSPENDED", "the tenant is not active")
    subscription = tenant.subscription
    if subscription.status in ENDED or (
        subscription.valid_until is not None and subscription.valid_until + rules.grace <= now
    ):
        return Denied("SUBSCRIPTION_EXPIRED", "the tenant's subscription has ended")
    if tier and not _tier_reaches(subscription.tier, tier, rules.tiers):
        return Denied("TIER_REQUIRED", f"this route needs the tier {tier}")
    frozen = tenant.read_only
    if frozen.on and method in CHANGING and (frozen.until is None or now < frozen.until):
        return Denied("TENANT_READ_ONLY", frozen.reason or "the tenant is in read-only mode")
    return None


def _tier_reaches(tier: str, needed: str, tiers: tuple[str, ...]) -> bool:
    """Whether `tier` is `needed` or a higher one; tiers that are not listed only match themselves."""
    if tier == needed:
        return True
    return tier in tiers and needed in tiers and tiers.index(tier) > tiers.index(needed)
