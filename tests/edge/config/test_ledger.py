"""The newest state of every tenant: what an event changes, what it never can, and what others then see."""

from penstock.config.v1 import config_service_pb2 as pb
from penstock.config.v1 import tenant_pb2

from domain.tenants import DEFAULT_TENANT, TenantId
from edge.config.ledger import Ledger
from edge.routing import Route
from edge.snapshot import Rules, TenantStatus

from .documents import ACME, BETA, INHERIT, SALES, snapshot, tombstone

BROKEN = 'routes { name: "a" prefix: "/" service: "gone" }'
OTHER = SALES.replace("/api/v1/sales", "/other")


def ledger_with(*events: pb.WatchConfigResponse) -> Ledger:
    ledger = Ledger({})
    for event in events:
        taken(ledger, event)
    return ledger


def taken(ledger: Ledger, event: pb.WatchConfigResponse) -> TenantId | None:
    return ledger.apply(event, ledger.compile(event))


def prefixes(ledger: Ledger, tenant: str) -> list[str]:
    return [route.prefix for route in ledger.snapshot().tenants[tenant].rules.router.routes]  # type: ignore[index]


def test_a_tenant_is_found_by_id_host_and_short_id() -> None:
    ledger = ledger_with(snapshot(ACME, 3, hosts=("acme.test",)))
    ledger.reached(3)
    seen = ledger.snapshot()
    view = seen.tenants[ACME]
    assert seen.by_host["acme.test"] is seen.by_short_id[view.short_id] is view
    assert seen.revision == 3
    assert isinstance(view.rules.router.match("acme.test", "GET", "/api/v1/sales", dict), Route)


def test_an_older_or_equal_revision_changes_nothing() -> None:
    ledger = ledger_with(snapshot(ACME, 5, OTHER))
    assert taken(ledger, snapshot(ACME, 5, SALES)) is None
    assert taken(ledger, snapshot(ACME, 4, SALES)) is None
    assert taken(ledger, tombstone(ACME, 5)) is None
    assert prefixes(ledger, ACME) == ["/other"]


def test_compiling_changes_nothing() -> None:
    ledger = ledger_with(snapshot(ACME, 5, OTHER))
    rules = ledger.compile(snapshot(ACME, 6, SALES))
    assert isinstance(rules, Rules)
    assert prefixes(ledger, ACME) == ["/other"]
    assert ledger.compile(snapshot(ACME, 5, SALES)) is None, "nothing new"
    assert ledger.compile(tombstone(ACME, 6)) is None


def test_a_tombstone_ends_a_tenant_and_keeps_its_old_copies_away() -> None:
    ledger = ledger_with(snapshot(ACME, 5, hosts=("acme.test",)), tombstone(ACME, 6))
    assert taken(ledger, snapshot(ACME, 5)) is None
    seen = ledger.snapshot()
    assert (seen.tenants, seen.by_host, seen.by_short_id) == ({}, {}, {})
    assert [(copy.tenant, copy.revision) for copy in ledger.copies()] == [(ACME, 6)]


def test_a_tenant_that_inherits_follows_default() -> None:
    ledger = ledger_with(snapshot(DEFAULT_TENANT, 1), snapshot(ACME, 2, INHERIT))
    assert prefixes(ledger, ACME) == ["/api/v1/sales"]
    taken(ledger, snapshot(DEFAULT_TENANT, 3, OTHER))
    seen = ledger.snapshot()
    assert seen.tenants[ACME].rules is seen.tenants[DEFAULT_TENANT].rules
    assert prefixes(ledger, ACME) == ["/other"]


def test_a_tenant_that_inherits_from_nobody_has_no_routes() -> None:
    assert prefixes(ledger_with(snapshot(ACME, 2, INHERIT)), ACME) == []


def test_only_what_changed_is_compiled_again() -> None:
    ledger = ledger_with(snapshot(ACME, 1), snapshot(BETA, 2))
    before = ledger.snapshot()
    taken(ledger, snapshot(BETA, 3, OTHER, version=2))
    taken(ledger, snapshot(ACME, 4, hosts=("acme.test",)))
    after = ledger.snapshot()
    assert after.tenants[ACME].rules is before.tenants[ACME].rules
    assert after.tenants[BETA].rules is not before.tenants[BETA].rules
    assert before.by_host == {}


def test_the_same_document_under_a_new_version_keeps_its_routes_and_takes_the_number() -> None:
    ledger = ledger_with(snapshot(ACME, 1))
    router = ledger.snapshot().tenants[ACME].rules.router
    taken(ledger, snapshot(ACME, 2, version=9))
    rules = ledger.snapshot().tenants[ACME].rules
    assert rules.router is router
    assert rules.version == 9


def test_a_document_that_cannot_be_compiled_is_rejected_and_the_old_one_serves_on() -> None:
    ledger = ledger_with(snapshot(ACME, 1), snapshot(ACME, 2, BROKEN, version=2))
    (reject,) = ledger.rejects
    assert (reject.tenant, reject.revision) == (ACME, 2)
    assert [reason.path for reason in reject.reasons] == ["routes[0].service"]
    assert prefixes(ledger, ACME) == ["/api/v1/sales"]
    assert ledger.snapshot().tenants[ACME].rules.version == 1


def test_a_suspension_holds_even_with_a_document_that_cannot_be_compiled() -> None:
    ledger = ledger_with(snapshot(ACME, 1), snapshot(ACME, 2, BROKEN, status=tenant_pb2.TENANT_STATUS_SUSPENDED))
    assert ledger.snapshot().tenants[ACME].status is TenantStatus.SUSPENDED
    assert prefixes(ledger, ACME) == ["/api/v1/sales"]


def test_a_restart_takes_a_rejected_state_again() -> None:
    ledger = ledger_with(snapshot(ACME, 1), snapshot(BETA, 2), snapshot(ACME, 3, BROKEN), snapshot(BETA, 4))
    ledger.reached(4)
    assert ledger.revision == 4
    assert ledger.resume_from == 2
    copy = ledger.copy_of(ACME)
    assert copy is not None
    assert copy.revision == 2


def test_a_later_good_document_ends_the_rejection() -> None:
    ledger = ledger_with(snapshot(ACME, 1), snapshot(ACME, 2, BROKEN), snapshot(ACME, 3, OTHER))
    assert ledger.rejects == ()
    assert prefixes(ledger, ACME) == ["/other"]


def test_a_tenant_whose_first_document_cannot_be_compiled_is_not_there() -> None:
    ledger = ledger_with(snapshot(ACME, 1, BROKEN), snapshot(DEFAULT_TENANT, 2, INHERIT))
    assert ledger.snapshot().tenants == {}
    assert [reject.tenant for reject in ledger.rejects] == [ACME, DEFAULT_TENANT]
    assert ledger.copy_of(ACME) is None


def test_a_record_of_an_unknown_kind_is_rejected() -> None:
    ledger = ledger_with(snapshot(ACME, 1, status=99))  # type: ignore[arg-type]
    assert [reason.path for reason in ledger.rejects[0].reasons] == ["tenant.status"]


def test_a_host_that_moves_belongs_to_the_newer_claim() -> None:
    ledger = ledger_with(snapshot(ACME, 7, hosts=("shop.test",)), snapshot(BETA, 3, hosts=("shop.test",)))
    assert ledger.snapshot().by_host["shop.test"].id == ACME
    taken(ledger, snapshot(BETA, 9, hosts=("shop.test",)))
    assert ledger.snapshot().by_host["shop.test"].id == BETA
