"""The two tenants of a request, as tables; above all, that no mismatch falls through to another tenant."""

from dataclasses import replace

import pytest

from domain.access import Governing
from domain.api_keys import ParsedKey
from domain.tenants import DEFAULT_TENANT, TenantId
from edge.http.block import read_block
from edge.http.credentials import Presented
from edge.http.head import Head, read_head
from edge.principal import CredentialKind, Principal, PrincipalKind, TenantAccess
from edge.problems import Refusal
from edge.routing import Route, Router, Service, Target, Timeouts
from edge.snapshot import GatewaySnapshot, Rules, TenantStatus, TenantView
from edge.tenancy import acting_tenant, config_tenant, credential_kind, names_no_tenant, requested_tenant

ACME = TenantId("0192c7a0-0000-7000-8000-00000000000a")
BOLT = TenantId("0192c7a0-0000-7000-8000-00000000000b")
ELSE = TenantId("0192c7a0-0000-7000-8000-00000000000e")


def view(tenant: TenantId, short: str, *hosts: str) -> TenantView:
    rules = Rules(tenant, 1, Router(()))
    return TenantView(tenant, short, short, TenantStatus.ACTIVE, rules, hosts=hosts)


DEFAULT, A, B = view(DEFAULT_TENANT, "default0"), view(ACME, "acmeacme", "api.acme.com"), view(BOLT, "boltbolt")
SNAPSHOT = GatewaySnapshot(
    revision=1,
    tenants={DEFAULT_TENANT: DEFAULT, ACME: A, BOLT: B},
    by_host={"api.acme.com": A},
    by_short_id={"default0": DEFAULT, "acmeacme": A, "boltbolt": B},
)
ROUTE = Route("r", "/api", Service("s", (Target("127.0.0.1", 1),)), Timeouts())


def key_of(short: str) -> Presented:
    return Presented(CredentialKind.API_KEY, b"k", ParsedKey(True, short, "keykey00", b"k"))


def presented(value: bytes, kind: CredentialKind = CredentialKind.API_KEY) -> Presented:
    return Presented(kind, value)


@pytest.mark.parametrize(
    ("credential", "imports", "kind"),
    [
        pytest.param(presented(b"k" * 16), True, CredentialKind.IMPORTED_KEY, id="another form"),
        pytest.param(presented(b"k" * 16), False, CredentialKind.API_KEY, id="another form, where none is imported"),
        pytest.param(presented(b"psk_live_typo0000000"), True, CredentialKind.API_KEY, id="a typing fault in a key"),
        pytest.param(presented(b"short"), True, CredentialKind.API_KEY, id="no form of a key at all"),
        pytest.param(key_of("acmeacme"), True, CredentialKind.API_KEY, id="a key of ours"),
        pytest.param(presented(b"a.b.c" * 9, CredentialKind.TOKEN), True, CredentialKind.TOKEN, id="a token"),
    ],
)
def test_what_is_no_key_of_ours_may_be_an_imported_one(
    credential: Presented, imports: bool, kind: CredentialKind
) -> None:
    tenant = replace(A, rules=replace(A.rules, imported_keys=imports))
    assert credential_kind(credential, Governing(tenant, by_host=True)) is kind


def consumer(tenant: TenantId) -> Principal:
    return Principal(PrincipalKind.CONSUMER, "c1", tenant)


def user(home: TenantId, *others: TenantId) -> Principal:
    return Principal(PrincipalKind.USER, "u1", home, tenant_access=tuple(TenantAccess(t) for t in others))


@pytest.mark.parametrize(
    ("host", "credential", "expected"),
    [
        ("api.acme.com", None, ACME),
        ("api.acme.com", key_of("boltbolt"), ACME),
        ("localhost", key_of("boltbolt"), BOLT),
        ("localhost", None, DEFAULT_TENANT),
        ("localhost", Presented(CredentialKind.TOKEN, b"t"), DEFAULT_TENANT),
        ("localhost", key_of("unknown0"), "KEY_INVALID"),
    ],
    ids=["host", "host before key", "key", "default", "a token is no hint", "an unknown tenant is not default"],
)
def test_config_tenant(host: str, credential: Presented | None, expected: str) -> None:
    found = config_tenant(SNAPSHOT, host, credential)
    assert (found.code if isinstance(found, Refusal) else found.tenant.id) == expected


def test_a_worker_without_config_is_not_ready() -> None:
    found = config_tenant(GatewaySnapshot(), "localhost", None)
    assert isinstance(found, Refusal)
    assert found.code == "NOT_READY"


BY_HOST, BY_KEY, BY_DEFAULT = Governing(A, by_host=True), Governing(A, by_host=False), Governing(DEFAULT, by_host=False)


@pytest.mark.parametrize(
    ("governing", "principal", "requested", "expected"),
    [
        (BY_DEFAULT, None, None, DEFAULT_TENANT),
        (BY_HOST, None, None, ACME),
        (BY_KEY, consumer(ACME), None, ACME),
        (BY_HOST, consumer(ACME), ACME, ACME),
        (BY_HOST, consumer(BOLT), None, "KEY_INVALID"),
        (BY_KEY, consumer(ACME), BOLT, "TENANT_FORBIDDEN"),
        (BY_DEFAULT, consumer(ELSE), None, "KEY_INVALID"),
        (BY_DEFAULT, user(ACME), None, ACME),
        (BY_DEFAULT, user(ACME, BOLT), BOLT, BOLT),
        (BY_DEFAULT, user(ACME), BOLT, "TENANT_FORBIDDEN"),
        (BY_HOST, user(BOLT), None, "TENANT_FORBIDDEN"),
        (BY_HOST, user(BOLT, ACME), ACME, ACME),
        (BY_HOST, user(ACME, BOLT), BOLT, "TENANT_FORBIDDEN"),
        (BY_DEFAULT, user(ELSE), None, "TENANT_FORBIDDEN"),
    ],
)
def test_acting_tenant(
    governing: Governing[TenantView], principal: Principal | None, requested: TenantId | None, expected: str
) -> None:
    found = acting_tenant(SNAPSHOT, governing, principal, requested)
    assert (found.code if isinstance(found, Refusal) else found.id) == expected


def head(path: str, *fields: tuple[bytes, bytes]) -> Head:
    block = read_block("1.1", ((b"Host", b"a"), *fields), field_count=100)
    read = read_head(b"GET", path.encode(), block)
    assert isinstance(read, Head)
    return read


@pytest.mark.parametrize(
    ("path", "header", "from_path", "expected"),
    [
        ("/api/x", None, False, None),
        ("/api/x", ACME.encode(), False, ACME),
        ("/api/x", ACME.upper().encode(), False, "BAD_REQUEST"),
        ("/api/x", b"acme", False, "BAD_REQUEST"),
        (f"/api/{ACME}/x", None, True, ACME),
        (f"/api/{ACME}/x", ACME.encode(), True, ACME),
        (f"/api/{ACME}/x", BOLT.encode(), True, "BAD_REQUEST"),
        ("/api/x", None, True, "BAD_REQUEST"),
    ],
)
def test_requested_tenant(path: str, header: bytes | None, from_path: bool, expected: str | None) -> None:
    fields = () if header is None else ((b"X-Tenant-ID", header),)
    found = requested_tenant(head(path, *fields), replace(ROUTE, tenant_from_path=from_path))
    assert (found.code if isinstance(found, Refusal) else found) == expected


@pytest.mark.parametrize(
    ("credential", "governing", "expected"),
    [
        (Presented(CredentialKind.API_KEY, b"psk_typo"), BY_DEFAULT, True),
        (Presented(CredentialKind.API_KEY, b"psk_typo"), BY_HOST, False),
        (Presented(CredentialKind.TOKEN, b"t"), BY_DEFAULT, False),
        (key_of("acmeacme"), BY_KEY, False),
    ],
)
def test_a_malformed_key_is_told_from_a_missing_route(
    credential: Presented, governing: Governing[TenantView], expected: bool
) -> None:
    assert names_no_tenant(credential, governing) is expected
