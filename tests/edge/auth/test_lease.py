"""What may be done with a cached entry, by lease, age, expiry and reachability."""

from math import inf

import pytest

from edge.auth.clocks import Moment
from edge.auth.lease import Lease, Use, fresh_until
from edge.principal import PrincipalKind

CASES = {
    # lease until, reachable, fresh until, expires, now (on both clocks, or each) → use
    "held": (100.0, True, 900.0, inf, 99.9, Use.SERVE),
    "held, authsvc away": (100.0, False, 900.0, inf, 99.9, Use.SERVE),
    "runs out at its end": (100.0, True, 900.0, inf, 100.0, Use.ASK),
    "out, authsvc away": (100.0, False, 900.0, inf, 100.0, Use.SERVE_STALE),
    "out for max_stale": (100.0, False, 900.0, inf, 999.9, Use.SERVE_STALE),
    "out for longer": (100.0, False, 9000.0, inf, 1000.0, Use.ASK),
    "never had a lease": (-inf, True, 900.0, inf, 1.0, Use.ASK),
    "never had a lease, authsvc away": (-inf, False, 900.0, inf, 1.0, Use.ASK),
    "old": (1000.0, True, 900.0, inf, 900.0, Use.ASK),
    "old, authsvc away": (1000.0, False, 900.0, inf, 900.0, Use.SERVE_STALE),
    "expired": (1000.0, True, 900.0, 50.0, 50.0, Use.FORGET),
    "expired, authsvc away": (10.0, False, 900.0, 50.0, 50.0, Use.FORGET),
    "runs out though the wall clock was set back": (100.0, True, 900.0, inf, Moment(-3600.0, 100.0), Use.ASK),
    "old though the wall clock was set back": (1000.0, True, 900.0, inf, Moment(-3600.0, 900.0), Use.ASK),
    "stale for too long though the wall clock was set back": (0.0, False, 1.0, inf, Moment(-1.0, 900.0), Use.ASK),
    "held though the wall clock was set forward": (100.0, True, 900.0, inf, Moment(3600.0, 99.9), Use.SERVE),
    "expired by the wall clock": (100.0, True, 900.0, 50.0, Moment(50.0, 1.0), Use.FORGET),
}


@pytest.mark.parametrize(("until", "reachable", "fresh", "expires", "now", "use"), CASES.values(), ids=CASES.keys())
def test_use_of_an_entry(
    until: float, reachable: bool, fresh: float, expires: float, now: float | Moment, use: Use
) -> None:
    now = Moment(now, now) if isinstance(now, float) else now
    lease = Lease(max_stale_seconds=900.0, until=until, reachable=reachable)
    assert lease.judge(fresh_until=fresh, expires_at=expires, now=now) is use


def test_strict_serves_nothing_without_a_lease() -> None:
    lease = Lease(max_stale_seconds=0.0, until=100.0, reachable=False)
    assert lease.judge(fresh_until=900.0, expires_at=inf, now=Moment(100.0, 100.0)) is Use.ASK


def test_a_lease_is_counted_from_the_sending_and_never_shortened() -> None:
    lease = Lease()
    lease.grant(sent_at=100.0, seconds=30.0, now=100.5)
    lease.grant(sent_at=105.0, seconds=1.0, now=105.5)
    assert lease.until == 130.0


def test_a_grant_of_nothing_is_no_lease_to_serve_beyond() -> None:
    lease = Lease(max_stale_seconds=900.0, reachable=False)
    lease.grant(sent_at=100.0, seconds=0.0, now=100.5)
    assert lease.judge(fresh_until=900.0, expires_at=inf, now=Moment(101.0, 101.0)) is Use.ASK


@pytest.mark.parametrize(("now", "until"), [(102.0, 130.0), (102.1, -inf)], ids=["in time", "late"])
def test_a_grant_that_is_answered_late_is_void(now: float, until: float) -> None:
    lease = Lease()
    lease.grant(sent_at=100.0, seconds=30.0, now=now)
    assert lease.until == until


@pytest.mark.parametrize(
    ("kind", "until"),
    [(PrincipalKind.CONSUMER, 1000.0), (PrincipalKind.USER, 1000.0), (PrincipalKind.SERVICE, 400.0)],
)
def test_entries_are_fresh_for_a_time_by_kind(kind: PrincipalKind, until: float) -> None:
    assert fresh_until(kind, confirmed_at=100.0) == until
