"""What a connection's requests share holds for exactly as long as they do share it."""

from dataclasses import replace

import pytest

from domain.tenants import DEFAULT_TENANT, TenantId
from edge.http.origin import Origin
from edge.principal import Credential, CredentialKind, Principal, PrincipalKind, TenantAccess
from edge.problems import Refusal
from edge.routing import Route, Router, Service, Target, Timeouts
from edge.snapshot import GatewaySnapshot, Rules, TenantStatus, TenantView
from edge.standing import BAD_HOST, Standing
from tests.edge.heads import Field, head_of

OTHER = TenantId("01a20000-0000-7000-8000-00000000000a")
ROUTE = Route("r", "/a", Service("s", (Target("127.0.0.1", 1),)), Timeouts())
VIEW = TenantView(DEFAULT_TENANT, "default0", "default", TenantStatus.ACTIVE, Rules(DEFAULT_TENANT, 1, Router(())))
ELSEWHERE = replace(VIEW, id=OTHER, short_id="otherone", slug="other")
SNAPSHOT = GatewaySnapshot(
    1, {DEFAULT_TENANT: VIEW, OTHER: ELSEWHERE}, {"other.test": ELSEWHERE}, {"default0": VIEW, "otherone": ELSEWHERE}
)
ORIGIN = Origin("192.0.2.7", "api.example.com")
USER = Principal(PrincipalKind.USER, "u", DEFAULT_TENANT, tenant_access=(TenantAccess(OTHER),))


def standing(*fields: Field, origin: Origin = ORIGIN) -> Standing:
    return Standing(SNAPSHOT, origin, head_of(*fields).block)


def test_it_holds_for_one_config_and_one_origin() -> None:
    held = standing()
    assert held.holds(SNAPSHOT, ORIGIN)
    assert not held.holds(replace(SNAPSHOT), ORIGIN)
    assert not held.holds(SNAPSHOT, replace(ORIGIN))


@pytest.mark.parametrize(("host", "slug"), [("other.test", "other"), ("api.example.com", "default")])
def test_the_host_that_a_trusted_proxy_names_decides_who_governs(host: str, slug: str) -> None:
    governing = standing(origin=replace(ORIGIN, host=host)).governing
    assert not isinstance(governing, Refusal)
    assert governing.tenant.slug == slug


def test_a_host_that_is_none_is_refused() -> None:
    held = standing(origin=replace(ORIGIN, host=None))
    assert (held.governing, held.credential) == (BAD_HOST, None)


def test_a_credential_is_one_of_the_governing_tenants() -> None:
    held = standing((b"Authorization", b"Bearer a.b.c"), origin=replace(ORIGIN, host="other.test"))
    assert held.credential is not None
    assert not isinstance(held.credential, Refusal)
    assert held.credential.config_tenant == OTHER
    assert isinstance(standing((b"Authorization", b"Basic x")).credential, Refusal)


@pytest.mark.parametrize(("key", "misspelled"), [(b"psk_typo", True), (b"a.b.c", False)])
def test_a_key_with_a_typing_fault_is_known_as_one(key: bytes, misspelled: bool) -> None:
    assert standing((b"Authorization", b"Bearer " + key)).misspelled is misspelled


def test_a_key_of_another_gateway_is_no_typing_fault_where_they_are_imported() -> None:
    field, imports = (
        (b"X-API-Key", b"key-of-another-gateway"),
        replace(VIEW, rules=replace(VIEW.rules, imported_keys=True)),
    )
    snapshot = replace(SNAPSHOT, tenants={**SNAPSHOT.tenants, DEFAULT_TENANT: imports})
    for known, misspelled, kind in (
        (SNAPSHOT, True, CredentialKind.API_KEY),
        (snapshot, False, CredentialKind.IMPORTED_KEY),
    ):
        held = Standing(known, replace(ORIGIN, host="unbound.test"), head_of(field).block)
        assert isinstance(held.credential, Credential)
        assert (held.misspelled, held.credential.kind) == (misspelled, kind)


def test_the_acting_tenant_is_found_anew_for_another_principal() -> None:
    held, head = standing(), head_of()
    assert held.acting(head, ROUTE, USER) is VIEW
    assert held.acting(head, ROUTE, replace(USER, tenant_id=OTHER)) is ELSEWHERE
    assert held.acting(head, ROUTE, USER) is VIEW
    assert held.acting(head, ROUTE, None) is VIEW


def test_where_the_path_names_the_tenant_nothing_is_remembered() -> None:
    held, by_path = standing(), replace(ROUTE, tenant_from_path=True)
    first, second = (head_of(target=b"/a/" + tenant.encode()) for tenant in (OTHER, DEFAULT_TENANT))
    assert held.acting(first, by_path, USER) is ELSEWHERE
    assert held.acting(second, by_path, USER) is VIEW
    assert held.acting(first, by_path, USER) is ELSEWHERE
    assert held.acting(head_of(), ROUTE, USER) is VIEW
    assert held.acting(first, by_path, USER) is ELSEWHERE


def test_a_tenant_that_may_not_be_entered_stays_refused() -> None:
    held = standing((b"X-Tenant-ID", OTHER.encode()))
    stranger = replace(USER, tenant_access=())
    for _ in range(2):
        refusal = held.acting(head_of((b"X-Tenant-ID", OTHER.encode())), ROUTE, stranger)
        assert isinstance(refusal, Refusal)
        assert refusal.code == "TENANT_FORBIDDEN"
