"""Whose request it is and whether it may go on, by the rules of our own edge. Pure."""

from dataclasses import dataclass
from typing import Final

from penstock.auth.v1 import principal_pb2

from authsvc.authorization.policy import Auth, Policy
from authsvc.authorization.question import Question
from authsvc.authorization.tenants import Tenants, TenantState
from domain.access import (
    NOT_READY,
    Actor,
    Denied,
    Governing,
    acting_tenant,
    governing_tenant,
    scopes_denied,
    tenant_denied,
)
from domain.credentials import Presented
from domain.identity_fields import Caller
from domain.tenants import TenantId

_NO_HOST: Final = Denied("BAD_REQUEST", "Host is not valid")
_NO_TENANT: Final = Denied("TENANT_SUSPENDED", "the tenant is not active")
_NO_CREDENTIAL: Final = Denied("TOKEN_MISSING", "a credential is needed here")
_KINDS: Final = {
    principal_pb2.PRINCIPAL_KIND_CONSUMER: "consumer",
    principal_pb2.PRINCIPAL_KIND_USER: "user",
    principal_pb2.PRINCIPAL_KIND_SERVICE: "service",
}


@dataclass(frozen=True, slots=True)
class Allowed:
    """The request goes on in the name of `tenant`, as `caller`'s, who may be nobody."""

    tenant: TenantState
    caller: Caller | None


def find_governing(asked: Question, policy: Policy, tenants: Tenants) -> Governing[TenantState] | Denied:
    """The tenant whose place is asked for: the one that the policy names counts as bound to the host."""
    if not tenants.by_id:
        return NOT_READY
    if asked.spelling is not None:
        return asked.spelling
    if policy.tenant:
        bound = tenants.named(policy.tenant)
        return _NO_TENANT if bound is None else Governing(bound, by_host=True)
    if asked.host is None:
        return _NO_HOST
    key = asked.credential.key if isinstance(asked.credential, Presented) else None
    named = None if key is None else key.tenant_short_id
    return governing_tenant(tenants.by_host.get(asked.host), named, tenants.by_short_id, tenants.default)


def to_prove(asked: Question, policy: Policy) -> Presented | Denied | None:
    """The credential that has to be proven, if any."""
    return None if policy.auth is Auth.NONE else asked.credential


def judge(
    asked: Question,
    policy: Policy,
    tenants: Tenants,
    governing: Governing[TenantState],
    principal: principal_pb2.Principal | None,
    now: float,
) -> Allowed | Denied:
    """Whether the request goes on once `principal` is proven; `now` in seconds since 1970."""
    requested = asked.requested if principal is not None else None
    if isinstance(requested, Denied):
        return requested
    acting = acting_tenant(tenants.by_id, governing, _actor(principal), requested)
    if isinstance(acting, Denied):
        return acting
    denied = _policy_denied(policy, principal) or tenant_denied(
        acting, policy.tier, tenants.rules_of(governing.tenant), asked.method, now
    )
    return denied or Allowed(acting, _caller(principal))


def _policy_denied(policy: Policy, principal: principal_pb2.Principal | None) -> Denied | None:
    if policy.auth is Auth.NONE:
        return None
    if principal is None:
        return _NO_CREDENTIAL if policy.auth is Auth.REQUIRED or policy.scopes else None
    return scopes_denied(policy.scopes, frozenset(principal.scopes))


def _actor(principal: principal_pb2.Principal | None) -> Actor | None:
    if principal is None:
        return None
    return Actor(
        TenantId(principal.tenant_id),
        principal.kind == principal_pb2.PRINCIPAL_KIND_CONSUMER,
        [TenantId(each.tenant_id) for each in principal.tenant_access],
    )


def _caller(principal: principal_pb2.Principal | None) -> Caller | None:
    if principal is None:
        return None
    return Caller(_KINDS[principal.kind], principal.id, principal.name, principal.email, principal.role)
