"""Which user an embedded server runs as."""

import os

import pytest

from penstockctl.user_mode import UserMode, choose_user_mode, find_usable_modes

USERNS, NOBODY, PLAIN = UserMode.USERNS, UserMode.NOBODY, UserMode.PLAIN


@pytest.mark.parametrize(
    ("euid", "recorded", "usable", "chosen"),
    [
        pytest.param(1000, None, {PLAIN}, PLAIN, id="ordinary user"),
        pytest.param(1000, USERNS, {PLAIN}, PLAIN, id="ordinary user, data of root (refused later)"),
        pytest.param(0, None, {USERNS, NOBODY}, USERNS, id="root prefers a namespace"),
        pytest.param(0, None, {NOBODY}, NOBODY, id="root where namespaces are forbidden"),
        pytest.param(0, None, set(), None, id="root with no way"),
        pytest.param(0, NOBODY, {USERNS, NOBODY}, NOBODY, id="root keeps what made the data"),
        pytest.param(0, USERNS, {NOBODY}, None, id="root without what made the data"),
        pytest.param(0, PLAIN, {USERNS}, USERNS, id="root, data of an ordinary user (refused later)"),
    ],
)
def test_the_mode_follows_from_user_data_and_machine(
    euid: int, recorded: UserMode | None, usable: set[UserMode], chosen: UserMode | None
) -> None:
    assert choose_user_mode(euid, recorded, frozenset(usable)) is chosen


def test_this_machine_allows_at_least_one_mode() -> None:
    assert find_usable_modes() >= (set() if os.geteuid() == 0 else {PLAIN})
    assert find_usable_modes()
