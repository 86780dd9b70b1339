"""What authsvc decides without I/O: the life of a key, the strength of a digest, when an event is in force."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.invalidations.force import judge
from authsvc.invalidations.leases import Lease, Worker
from authsvc.invalidations.log import Extent
from authsvc.key_records import KeyRecord, KeyState, end_of_grace, successor
from authsvc.peppers import Digest, Peppers
from authsvc.rpc import page_tokens
from domain.tenants import DEFAULT_TENANT

NOW = datetime(2030, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
KEY = KeyRecord(
    DEFAULT_TENANT,
    "Tenant01",
    "KeyKey01",
    "robot",
    "consumer-id",
    "acme",
    live=False,
    scopes=("a",),
    tier="gold",
    digest=Digest(b"", 1),
    stored_state=KeyState.ACTIVE,
    created_at=NOW - HOUR,
)


@pytest.mark.parametrize(
    ("stored", "expires_at", "state"),
    [
        (KeyState.ACTIVE, None, KeyState.ACTIVE),
        (KeyState.ACTIVE, NOW + SECOND, KeyState.ACTIVE),
        (KeyState.ACTIVE, NOW, KeyState.EXPIRED),
        (KeyState.DISABLED, NOW + SECOND, KeyState.DISABLED),
        (KeyState.DISABLED, NOW - SECOND, KeyState.EXPIRED),
        (KeyState.REVOKED, NOW - SECOND, KeyState.REVOKED),
    ],
)
def test_state_of_a_key(stored: KeyState, expires_at: datetime | None, state: KeyState) -> None:
    assert replace(KEY, stored_state=stored, expires_at=expires_at).state(NOW) is state


@pytest.mark.parametrize(
    ("expires_at", "grace", "end"),
    [
        (None, timedelta(0), NOW),
        (None, HOUR, NOW + HOUR),
        (NOW + SECOND, HOUR, NOW + SECOND),
        (NOW + 2 * HOUR, HOUR, NOW + HOUR),
    ],
)
def test_a_rotated_key_ends_after_its_grace_or_its_own_end(
    expires_at: datetime | None, grace: timedelta, end: datetime
) -> None:
    assert end_of_grace(replace(KEY, expires_at=expires_at), NOW, grace) == end


def test_the_successor_of_a_key_is_the_same_in_everything() -> None:
    wish = successor(replace(KEY, expires_at=NOW))
    assert (wish.name, wish.consumer, wish.live, wish.scopes, wish.tier, wish.expires_at) == (
        "robot",
        "acme",
        False,
        ("a",),
        "gold",
        NOW,
    )


def test_a_digest_matches_its_credential_under_its_pepper_only() -> None:
    peppers = Peppers({1: b"1" * 32, 2: b"2" * 32})
    old, new = Peppers({1: b"1" * 32}).digest(b"credential"), peppers.digest(b"credential")
    assert (old.pepper_id, new.pepper_id) == (1, 2)
    assert peppers.matches(b"credential", old)
    assert peppers.matches(b"credential", new)
    assert not peppers.matches(b"another", new)
    assert not peppers.matches(b"credential", None)
    assert not peppers.matches(b"credential", Digest(new.value, 1))
    assert not Peppers({1: b"1" * 32}).matches(b"credential", new)


def test_no_representation_shows_a_digest() -> None:
    assert "ab" * 8 not in repr(Digest(b"ab" * 16, 1))


def _lease(name: str, revision: int, seconds: float, stale: float = 0) -> Lease:
    return Lease(Worker(name, 0, UUID(int=0)), revision, NOW + timedelta(seconds=seconds), timedelta(seconds=stale))


@pytest.mark.parametrize(
    ("running", "acknowledged", "pending", "effective"),
    [
        ([], [], [], 0),
        ([_lease("a", 5, 10), _lease("b", 6, 20)], ["a", "b"], [], 0),
        ([_lease("a", 5, 10), _lease("b", 4, 10)], ["a"], ["b"], 28),
        ([_lease("b", 4, 29)], [], ["b"], 29),
        ([_lease("b", 4, 29, stale=900)], [], ["b"], 929),
        ([_lease("b", 4, -5, stale=900)], [], ["b"], 928),
        ([_lease("b", 5, -5, stale=900)], ["b"], [], 0),
    ],
    ids=[
        *("nobody", "all have it", "one has not", "its lease ends last"),
        *("it may serve on without one", "it serves on without one", "it has it and serves on"),
    ],
)
def test_how_far_an_event_has_come(
    running: list[Lease], acknowledged: list[str], pending: list[str], effective: float
) -> None:
    force = judge(5, NOW - 2 * SECOND, running, NOW)
    assert [worker.gateway_id for worker in force.acknowledged] == acknowledged
    assert [worker.gateway_id for worker in force.pending] == pending
    assert force.everywhere == (not pending)
    assert force.effective_time == NOW + timedelta(seconds=effective)


@pytest.mark.parametrize(
    ("extent", "position", "covered"),
    [
        (Extent(0, 1), 0, True),
        (Extent(5, 1), 0, True),
        (Extent(5, 3), 2, True),
        (Extent(5, 3), 1, False),
        (Extent(5, 6), 5, True),
        (Extent(5, 6), 4, False),
        (Extent(5, 3), 6, False),
    ],
)
def test_what_the_log_still_covers(extent: Extent, position: int, covered: bool) -> None:
    assert extent.covers(position) is covered


@given(
    created=st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),
    key_id=st.from_regex(r"[0-9A-Za-z]{8}", fullmatch=True),
)
def test_a_page_token_spells_its_position(created: datetime, key_id: str) -> None:
    assert page_tokens.read(page_tokens.spell((created, key_id))) == (created, key_id)


@pytest.mark.parametrize("token", ["", "x", "é", "MS5LZXk=", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTkuS2V5S2V5MDE=", "A" * 100])
def test_what_is_no_page_token_is_refused(token: str) -> None:
    assert page_tokens.read(token) is None
