"""Whose request it is, and whether it may go on: the rules of our own edge, asked from another gateway."""

from collections.abc import Mapping

import pytest
from penstock.auth.v1 import principal_pb2
from penstock.config.v1 import tenant_pb2

from authsvc.authorization.policy import read_policy
from authsvc.authorization.question import read_question
from authsvc.authorization.tenants import Tenants
from authsvc.authorization.verdict import Allowed, find_governing, judge, to_prove
from domain.access import Denied
from domain.credentials import Presented
from domain.identity_fields import Caller
from domain.tenants import DEFAULT_TENANT

from .places import ACME, BOLT, check, key, known, snapshot

NOW = 1_000.0
KEY = {"x-api-key": key()}
BY_ID = {"acme": ACME, "bolt": BOLT, "default": DEFAULT_TENANT}


@pytest.mark.parametrize(
    ("extensions", "host", "fields", "found"),
    [
        pytest.param({"tenant": "bolt"}, b"api.acme.com", KEY, "bolt, bound", id="the config before host and key"),
        pytest.param({"tenant": BOLT}, b"else", {}, "bolt, bound", id="by its id"),
        pytest.param({"tenant": "gone"}, b"api.acme.com", KEY, "TENANT_SUSPENDED", id="an unknown one is nobody's"),
        pytest.param({}, b"API.ACME.COM:80", {}, "acme, bound", id="the host"),
        pytest.param({}, b"else", KEY, "acme", id="the key"),
        pytest.param({}, b"else", {"x-api-key": key("unknown0")}, "KEY_INVALID", id="a key of no tenant"),
        pytest.param({}, b"else", {}, "default", id="default"),
        pytest.param({}, b"no host", {}, "BAD_REQUEST", id="no host"),
        pytest.param({"tenant": "acme"}, b"no host", {}, "acme, bound", id="no host is needed"),
        pytest.param({"tenant": "acme"}, b"else", {"x_tenant_id": b"x"}, "BAD_REQUEST", id="another spelling"),
    ],
)
def test_whose_place_it_is(extensions: Mapping[str, str], host: bytes, fields: Mapping[str, bytes], found: str) -> None:
    asked, policy = read_question(check(fields, host=host)), read_policy(extensions)
    governing = find_governing(asked, policy, known())
    if isinstance(governing, Denied):
        assert governing.reason == found
    else:
        assert governing.tenant.slug + (", bound" if governing.by_host else "") == found


def test_nothing_is_said_before_anything_is_known() -> None:
    governing = find_governing(read_question(check()), read_policy({"tenant": "acme"}), Tenants())
    assert isinstance(governing, Denied)
    assert governing.reason == "NOT_READY"


@pytest.mark.parametrize(("auth", "proven"), [("required", True), ("optional", True), ("none", False)])
def test_a_credential_is_looked_at_where_there_is_authentication(auth: str, proven: bool) -> None:
    found = to_prove(read_question(check(KEY)), read_policy({"auth": auth}))
    assert isinstance(found, Presented) is proven


def robot(tenant: str = ACME, *scopes: str) -> principal_pb2.Principal:
    return principal_pb2.Principal(
        kind=principal_pb2.PRINCIPAL_KIND_CONSUMER, id="c-1", tenant_id=tenant, name="robot", scopes=scopes
    )


def ann(*others: str) -> principal_pb2.Principal:
    access = [principal_pb2.TenantAccess(tenant_id=each) for each in others]
    return principal_pb2.Principal(
        kind=principal_pb2.PRINCIPAL_KIND_USER, id="u-1", tenant_id=ACME, email="ann@acme.test", tenant_access=access
    )


def asking_for(tenant: str) -> dict[str, bytes]:
    return {"x-tenant-id": tenant.encode()}


@pytest.mark.parametrize(
    ("extensions", "fields", "principal", "found"),
    [
        pytest.param({}, {}, robot(), "acme", id="a key's request acts in its tenant"),
        pytest.param({}, {}, None, "TOKEN_MISSING", id="nobody"),
        pytest.param({"auth": "optional"}, {}, None, "default", id="nobody where that is allowed"),
        pytest.param({"auth": "none", "scopes": "a"}, {}, None, "default", id="where nobody is looked at"),
        pytest.param({"auth": "optional", "scopes": "a"}, {}, None, "TOKEN_MISSING", id="scopes need somebody"),
        pytest.param({"scopes": "a b"}, {}, robot(ACME, "a", "b", "c"), "acme", id="the scopes"),
        pytest.param({"scopes": "a b"}, {}, robot(ACME, "a"), "SCOPE_REQUIRED", id="a scope is missing"),
        pytest.param({"tenant": "acme"}, {}, robot(BOLT), "KEY_INVALID", id="a foreign key"),
        pytest.param({"tenant": "bolt"}, {}, ann(), "TENANT_FORBIDDEN", id="a foreign user"),
        pytest.param({"tenant": "bolt"}, asking_for(BOLT), ann(BOLT), "bolt", id="a user enters another tenant"),
        pytest.param({}, asking_for(BOLT), ann(BOLT), "bolt", id="and says so"),
        pytest.param({}, asking_for(BOLT), ann(), "TENANT_FORBIDDEN", id="a user may not"),
        pytest.param({}, asking_for(ACME), robot(), "acme", id="a key asks for its own"),
        pytest.param({}, asking_for(BOLT), robot(), "TENANT_FORBIDDEN", id="a key asks for another"),
        pytest.param({}, {"x-tenant-id": b"bolt"}, robot(), "BAD_REQUEST", id="by what is no id"),
        pytest.param({"auth": "optional"}, {"x-tenant-id": b"bolt"}, None, "default", id="nobody asks for a tenant"),
        pytest.param({"tier": "low"}, {}, robot(), "acme", id="a high tier reaches a low one"),
        pytest.param({"tier": "top"}, {}, robot(), "TIER_REQUIRED", id="a tier is missing"),
    ],
)
def test_whether_it_goes_on(
    extensions: Mapping[str, str],
    fields: Mapping[str, bytes],
    principal: principal_pb2.Principal | None,
    found: str,
) -> None:
    tenants = known(snapshot("acme", ACME, "acmeacme", tier="high"))
    asked, policy = read_question(check(fields)), read_policy(extensions)
    governing = find_governing(asked, policy, tenants)
    assert not isinstance(governing, Denied)
    verdict = judge(asked, policy, tenants, governing, principal, NOW)
    assert (verdict.tenant.slug if isinstance(verdict, Allowed) else verdict.reason) == found


@pytest.mark.parametrize(
    ("state", "method", "reason"),
    [
        ({"status": tenant_pb2.TENANT_STATUS_SUSPENDED}, b"GET", "TENANT_SUSPENDED"),
        ({"valid_until": int(NOW) - 99}, b"GET", None),
        ({"valid_until": int(NOW) - 100}, b"GET", "SUBSCRIPTION_EXPIRED"),
        ({"read_only": True}, b"GET", None),
        ({"read_only": True}, b"DELETE", "TENANT_READ_ONLY"),
        ({"read_only": True}, b"delete", "TENANT_READ_ONLY"),
    ],
)
def test_only_a_tenant_that_is_served(state: dict[str, object], method: bytes, reason: str | None) -> None:
    tenants = known(snapshot("acme", ACME, "acmeacme", **state))  # type: ignore[arg-type]
    asked, policy = read_question(check(KEY, method=method)), read_policy({})
    governing = find_governing(asked, policy, tenants)
    assert not isinstance(governing, Denied)
    verdict = judge(asked, policy, tenants, governing, robot(), NOW)
    assert (verdict.reason if isinstance(verdict, Denied) else None) == reason


@pytest.mark.parametrize(
    ("principal", "caller"),
    [
        (robot(), Caller("consumer", "c-1", "robot")),
        (ann(), Caller("user", "u-1", email="ann@acme.test")),
        (None, None),
    ],
)
def test_upstreams_are_told_who_it_was(principal: principal_pb2.Principal | None, caller: Caller | None) -> None:
    tenants, policy = known(), read_policy({"auth": "optional", "tenant": "acme"})
    asked = read_question(check())
    governing = find_governing(asked, policy, tenants)
    assert not isinstance(governing, Denied)
    assert judge(asked, policy, tenants, governing, principal, NOW) == Allowed(tenants.by_slug["acme"], caller)
