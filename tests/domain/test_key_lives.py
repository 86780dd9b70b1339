"""The table of a key's life: nothing comes back that has ended, and the clock ends what is not revoked."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.key_lives import LIFE, KeyChange, KeyState, changed, state_at

NOW = datetime(2030, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
ENDED = {KeyState.EXPIRED, KeyState.REVOKED}
CHANGES = st.lists(st.sampled_from(KeyChange), max_size=20)


@pytest.mark.parametrize(
    ("state", "possible"),
    [
        (KeyState.ACTIVE, set(KeyChange)),
        (KeyState.DISABLED, set(KeyChange) - {KeyChange.ROTATE}),
        (KeyState.EXPIRED, {KeyChange.REVOKE}),
        (KeyState.REVOKED, {KeyChange.REVOKE}),
    ],
)
def test_what_can_happen_to_a_key(state: KeyState, possible: set[KeyChange]) -> None:
    assert {change for change in KeyChange if changed(state, change) is not None} == possible


@pytest.mark.parametrize(
    ("change", "leads_to"),
    [
        (KeyChange.ROTATE, KeyState.ACTIVE),
        (KeyChange.DISABLE, KeyState.DISABLED),
        (KeyChange.ENABLE, KeyState.ACTIVE),
        (KeyChange.EXPIRE, KeyState.EXPIRED),
        (KeyChange.REVOKE, KeyState.REVOKED),
    ],
)
def test_a_change_leads_to_one_state_wherever_it_can_happen(change: KeyChange, leads_to: KeyState) -> None:
    assert {following for (_, each), following in LIFE.items() if each is change} == {leads_to}


@given(CHANGES, CHANGES)
def test_a_key_that_has_ended_never_authenticates_again(before: list[KeyChange], later: list[KeyChange]) -> None:
    state = KeyState.ACTIVE
    for change in before:
        state = changed(state, change) or state
    for change in later:
        following = changed(state, change) or state
        assert state not in ENDED or following in ENDED
        assert state is not KeyState.REVOKED or following is KeyState.REVOKED
        state = following


@given(st.sampled_from([KeyState.ACTIVE, KeyState.DISABLED, KeyState.REVOKED]), CHANGES)
def test_what_is_asked_for_twice_is_done_once(state: KeyState, changes: list[KeyChange]) -> None:
    for change in changes:
        state = changed(state, change) or state
        if change is not KeyChange.EXPIRE:
            assert changed(state, change) in (state, None)


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
    assert state_at(stored, expires_at, NOW) is state
