"""Which limits hold for a request. Pure; what is the same for all callers under a rule is made once and remembered.

The most specific rule replaces the general one and has a counter of its own: route, plan tier, tenant. The tenant's
aggregate, where it has one, is checked besides. The version of a document is in no key: publishing resets nobody.
"""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address, ip_address

from domain.limits import Algorithm, Limit
from edge.limits import wire
from edge.limits.rules import LimitRules, Outage, Rate
from edge.principal import Principal
from edge.routing import Route
from edge.snapshot import TenantView

MAX_KEY_BYTES = 256
"""Of the contract; a longer key stands by its digest."""


@dataclass(frozen=True, slots=True)
class Policy:
    """One limit, by the name that clients see."""

    name: str
    rate: Rate
    algorithm: Algorithm


@dataclass(frozen=True, slots=True)
class LimitPlan:
    """What all callers under one rule share: `policies` with the caller's own first, then the tenant's aggregate."""

    policies: tuple[Policy, ...]
    outage: Outage
    anonymous: bool
    key_prefix: bytes
    aggregate_key: bytes
    own_tail: bytes
    aggregate_entry: bytes
    header: bytes


@dataclass(frozen=True, slots=True)
class LimitSet:
    """The limits of one request: a plan, and the key of the caller's own counter."""

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
        plan = self.plan
        return wire.check_entry(wire.limit_entry(self.key, plan.own_tail) + plan.aggregate_entry, cost)


def limits_for(tenant: TenantView, route: Route, principal: Principal | None, client_address: str) -> LimitSet:
    """The limits of a request to `route` as `tenant`: by principal, and by address for callers without one."""
    rules, own = tenant.rules.limits, route.limit
    if principal is None:
        kind, caller, tier = "a", limited_address(client_address), ""
    else:
        kind, caller, tier = principal.kind.value[0], principal.id, principal.tier or tenant.subscription.tier
    rule, name, rate = _most_specific(rules, route, principal is None, tier)
    algorithm = own.algorithm if own and own.algorithm else rules.algorithm
    outage = own.on_outage if own and own.on_outage else rules.on_outage
    plan = _plan(
        tenant.id,
        f"{rule}:{kind}",
        name,
        (rate.requests, rate.window_millis),
        algorithm.value,
        outage.value,
        None if rules.tenant is None else (rules.tenant.requests, rules.tenant.window_millis, rules.algorithm.value),
    )
    key = plan.key_prefix + caller.encode()
    return LimitSet(plan, key if len(key) <= MAX_KEY_BYTES else _digested(key))


def _most_specific(rules: LimitRules, route: Route, anonymous: bool, tier: str) -> tuple[str, str, Rate]:
    """The rule's name in keys and for clients, and its rate."""
    own = route.limit
    rate = None if own is None else own.anonymous if anonymous else own.authenticated
    if rate is not None:
        return f"r.{route.name}", route.name, rate
    if not anonymous and tier in rules.tiers:
        return f"t.{tier}", tier, rules.tiers[tier]
    return "d", "default", rules.anonymous if anonymous else rules.authenticated


@lru_cache(maxsize=8192)
def _plan(
    tenant_id: str,
    rule: str,
    name: str,
    rate: tuple[int, int],
    algorithm: int,
    outage: str,
    aggregate: tuple[int, int, int] | None,
) -> LimitPlan:
    """The plan of a rule. Its arguments are plain values, which hash ten times faster than dataclasses and enums."""
    tenant = tenant_id.replace("-", "").encode()
    policies = [Policy(name, Rate(*rate), Algorithm(algorithm))]
    aggregate_key, aggregate_entry = tenant + b":tenant", b""
    if aggregate is not None:
        requests, window_millis, counted = aggregate
        policies.append(Policy("tenant", Rate(requests, window_millis), Algorithm(counted)))
        aggregate_entry = wire.limit_entry(aggregate_key, wire.limit_tail(requests, window_millis, counted))
    return LimitPlan(
        policies=tuple(policies),
        outage=Outage(outage),
        anonymous=rule.endswith(":a"),
        key_prefix=b"%b:%b:" % (tenant, rule.encode()),
        aggregate_key=aggregate_key,
        own_tail=wire.limit_tail(*rate, algorithm),
        aggregate_entry=aggregate_entry,
        header=b", ".join(_policy_item(policy) for policy in policies),
    )


def _policy_item(policy: Policy) -> bytes:
    """One item of RateLimit-Policy: quota and window in whole seconds, rounded up."""
    return b"%b;q=%d;w=%d" % (sf_string(policy.name), policy.rate.requests, -(-policy.rate.window_millis // 1000))


def sf_string(text: str) -> bytes:
    """A String of structured fields (RFC 9651 §3.3.3), which is printable ASCII; other characters become `?`."""
    printable = "".join(each if " " <= each <= "~" else "?" for each in text)
    return b'"%b"' % printable.replace("\\", "\\\\").replace('"', '\\"').encode()


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
