"""How many tunnels there may be, and how their ends are counted."""

import pytest

from domain.tenants import DEFAULT_TENANT, TenantId
from edge.websocket.tunnels import Bounds, Tunnels

OTHER = TenantId("01a20000-0000-7000-8000-00000000000a")


def test_a_tenant_has_no_more_than_its_part_and_a_worker_no_more_than_all() -> None:
    tunnels = Tunnels(Bounds(tunnels=3, of_tenant=2))
    assert [tunnels.enter(DEFAULT_TENANT) for _ in range(2)] == [None, None]
    full = tunnels.enter(DEFAULT_TENANT)
    assert full is not None
    assert (full.code, full.fields) == ("OVERLOADED", ((b"Retry-After", b"5"),))
    assert tunnels.enter(OTHER) is None
    assert tunnels.enter(OTHER) is not None
    assert (tunnels.open, tunnels.refused) == (3, {"tenant": 1, "worker": 1})


def test_a_place_that_is_given_back_can_be_taken_again() -> None:
    tunnels = Tunnels(Bounds(tunnels=1, of_tenant=1))
    for _ in range(3):
        assert tunnels.enter(DEFAULT_TENANT) is None
        tunnels.leave(DEFAULT_TENANT)
    assert (tunnels.open, tunnels.of_tenant) == (0, {})


@pytest.mark.parametrize(
    ("code", "label"),
    [(1000, "1000"), (1005, "1005"), (1006, "1006"), (1012, "1012"), (4401, "4401"), (3000, "other"), (4999, "other")],
)
def test_ends_are_counted_by_codes_that_are_known(code: int, label: str) -> None:
    tunnels = Tunnels()
    tunnels.count_end(code)
    assert tunnels.closed == {label: 1}
