"""Which limits hold for a request. Pure; what is the same for all callers under a rule is made once and remembered.

The most specific rule replaces the general one and has a counter of its own: route, plan tier, tenant. The tenant's
aggregate, where it has one, is checked besides. A rule may say that there is no limit. The version of a document is in
no key: publishing resets nobody.
"""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Final, NamedTuple

from domain.limit_fields import policy_item, sf_string
from domain.limits import Algorithm, Limit
from edge.limits import wire
from edge.limits.rules import LimitRules, Outage, Quota, Rate, RouteLimitRules
from edge.principal import Principal, PrincipalKind
from edge.routing import Route
from edge.snapshot import TenantView

MAX_KEY_BYTES: Final = 256
"""Of the contract; a longer key stands by its digest."""


class Rule(NamedTuple):
    """The most specific rule for a caller: its part of counters' keys, the name that clients see, the setting of the
    document that it stands in (a route's by the route's name), and its rate."""

    key: str
    name: str
    setting: str
    quota: Quota


@dataclass(frozen=True, slots=True)
class Policy:
    """One limit, by the name that clients see and the setting that it stands in."""

    name: str
    rate: Rate
    algorithm: Algorithm
    setting: str


@dataclass(frozen=True, slots=True)
class LimitPlan:
    """What all callers under one rule share: `policies` with the caller's own first, then the tenant's aggregate.

    `crowd` names those among whom counters of addresses are bounded, and is None where callers are known. Where the
    caller's own is unlimited, the aggregate stands alone: then `key_prefix` and `crowd` are None. The rest are prepared
    bytes: keys, parts of checks (see `wire`), and of header fields.
    """

    policies: tuple[Policy, ...]
    outage: Outage
    crowd: bytes | None
    key_prefix: bytes | None
    aggregate_key: bytes
    first_tail: bytes
    second_entry: bytes
    names: tuple[bytes, ...]
    header: bytes
    legacy_headers: bool


class LimitSet(NamedTuple):
    """The limits of one request: a plan, and the key of its first counter."""

    plan: LimitPlan
    key: bytes

    @property
    def limits(self) -> tuple[Limit, ...]:
        """The limits in the form of the model."""
        keys = (self.key, self.plan.aggregate_key)
        return tuple(
            Limit(key, policy.rate.requests, policy.rate.window_millis * 1000, policy.algorithm)
            for key, policy in zip(keys, self.plan.policies, strict=False)
        )

    def check_entry(self, cost: int) -> bytes:
        """The check as an entry of a StreamChecksRequest."""
        plan, key = self
        tail, rest = plan.first_tail, plan.second_entry
        if cost == 1:
            return wire.check_head(len(key), len(tail), len(rest)) + key + tail + rest
        return wire.check_entry(wire.limit_entry(key, tail) + rest, cost)


def limits_for(tenant: TenantView, route: Route, principal: Principal | None, client_address: str) -> LimitSet | None:
    """The limits of a request to `route` as `tenant`: by principal, and by address for callers without one.

    None when nothing limits it.
    """
    kind, tier = _kind_and_tier(tenant, principal)
    return _limit_set(tenant, route, kind, tier, limited_address(client_address) if principal is None else principal.id)


def rule_for(tenant: TenantView, route: Route, principal: Principal | None) -> Rule:
    """The rule that the limits of a request follow from, though it may say that there is none."""
    return _most_specific(tenant.rules.limits, route, *_kind_and_tier(tenant, principal))


def failure_rule(tenant: TenantView, route: Route) -> Rule:
    """The same of the budget of failed authentications."""
    return _most_specific(tenant.rules.limits, route, _FAILURES, "")


def _kind_and_tier(tenant: TenantView, principal: Principal | None) -> tuple[str, str]:
    if principal is None:
        return _ANONYMOUS, ""
    return _KINDS[principal.kind.name], principal.tier or tenant.subscription.tier


def failure_limits(tenant: TenantView, route: Route, client_address: str) -> LimitSet | None:
    """The budget of an address for credentials that prove nobody, under the config of `tenant`; None when there is no
    limit. All routes share it; what happens in an outage is the route's choice."""
    return _limit_set(tenant, route, _FAILURES, "", limited_address(client_address))


def _limit_set(tenant: TenantView, route: Route, kind: str, tier: str, caller: str) -> LimitSet | None:
    rules = tenant.rules.limits
    name = (tenant.id, route.name, kind, tier)
    remembered = _remembered.get(name)
    if remembered is not None and remembered[0] is rules and remembered[1] is route.limit:
        plan = remembered[2]
    else:
        plan = _plan(rules, tenant.id, route, kind, tier)
        if len(_remembered) >= _MAX_REMEMBERED:
            _remembered.clear()
        _remembered[name] = (rules, route.limit, plan)
    if plan is None:
        return None
    if plan.key_prefix is None:
        return LimitSet(plan, plan.aggregate_key)
    key = plan.key_prefix + caller.encode()
    return LimitSet(plan, key if len(key) <= MAX_KEY_BYTES else _digested(key))


# Plans by tenant, route, kind of caller and tier, with the rules that they were made of: a memo like lru_cache, whose
# hashing of so many values costs more than the rest of `limits_for` (1.9 µs against 0.8 µs).
_remembered: Final[dict[tuple[str, str, str, str], tuple[LimitRules, RouteLimitRules | None, LimitPlan | None]]] = {}
_MAX_REMEMBERED: Final = 8192
_KINDS: Final = {kind.name: kind.value[0] for kind in PrincipalKind}
_ANONYMOUS: Final = "a"
_FAILURES: Final = "f"
_BY_ADDRESS: Final = (_ANONYMOUS, _FAILURES)


def _plan(rules: LimitRules, tenant_id: str, route: Route, kind: str, tier: str) -> LimitPlan | None:
    own = route.limit
    rule = _most_specific(rules, route, kind, tier)
    rate = rule.quota
    tenant = tenant_id.replace("-", "").encode()
    policies = []
    if isinstance(rate, Rate):
        # a counter that routes share is of one kind
        of_route = own.algorithm if own is not None and kind != _FAILURES else None
        policies.append(Policy(rule.name, rate, of_route or rules.algorithm, rule.setting))
    aggregate_key = tenant + b":tenant"
    if rules.tenant is not None and kind != _FAILURES:
        policies.append(Policy("tenant", rules.tenant, rules.algorithm, "limits.tenant"))
    if not policies:
        return None
    first_tail, *second_tail = map(_tail, policies)
    return LimitPlan(
        policies=tuple(policies),
        outage=own.on_outage if own and own.on_outage else rules.on_outage,
        crowd=b"%b:%b" % (tenant, kind.encode()) if kind in _BY_ADDRESS and isinstance(rate, Rate) else None,
        key_prefix=f"{tenant.decode()}:{rule.key}:{kind}:".encode() if isinstance(rate, Rate) else None,
        aggregate_key=aggregate_key,
        first_tail=first_tail,
        second_entry=b"".join(wire.limit_entry(aggregate_key, tail) for tail in second_tail),
        names=tuple(sf_string(policy.name) for policy in policies),
        header=b", ".join(map(_policy_item, policies)),
        legacy_headers=rules.legacy_headers,
    )


def _most_specific(rules: LimitRules, route: Route, kind: str, tier: str) -> Rule:
    if kind == _FAILURES:
        return Rule("d", "failed_authentication", "limits.failed_authentication", rules.failed_authentication)
    own, anonymous = route.limit, kind == _ANONYMOUS
    caller = "anonymous" if anonymous else "authenticated"
    rate = None if own is None else own.anonymous if anonymous else own.authenticated
    if rate is not None:
        return Rule(f"r.{route.name}", route.name, f"routes.{route.name}.limit.{caller}", rate)
    if not anonymous and tier in rules.tiers:
        return Rule(f"t.{tier}", tier, f"limits.tiers.{tier}", rules.tiers[tier])
    return Rule("d", "default", f"limits.{caller}", rules.anonymous if anonymous else rules.authenticated)


def _tail(policy: Policy) -> bytes:
    return wire.limit_tail(policy.rate.requests, policy.rate.window_millis, policy.algorithm.value)


def _policy_item(policy: Policy) -> bytes:
    return policy_item(sf_string(policy.name), policy.rate.requests, policy.rate.window_millis)


@lru_cache(maxsize=8192)
def limited_address(text: str) -> str:
    """The part of an address that one caller holds: IPv4 whole, IPv6 by its /64, of which anybody has one."""
    if ":" not in text:
        return text
    try:
        address = ip_address(text)
    except ValueError:
        return text
    if not isinstance(address, IPv6Address):
        return text
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return f"{IPv6Address(int(address) >> 64 << 64)}/64"


def _digested(key: bytes) -> bytes:
    tenant, _, rest = key.partition(b":")
    return b"%b:%b" % (tenant, hashlib.sha256(rest).hexdigest().encode())
