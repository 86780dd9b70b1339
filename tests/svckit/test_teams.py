"""Teams whose processes may call a service, as the environment names them."""

import pytest

from svckit.teams import TeamSettings, team_callers


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"PENSTOCK_TEAM_CALLERS": "billing, reports"}, ("billing", "reports")),
        ({}, ()),
        ({"PENSTOCK_TEAM_CALLERS": "billing", "PENSTOCK_MAX_CALLS": "none"}, ()),
    ],
    ids=["named", "nobody", "settings that are at fault"],
)
def test_teams_are_read_ahead(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], named: tuple[str, ...]
) -> None:
    required = {"PENSTOCK_IDENTITY_KEY_FILE": "unread", "PENSTOCK_TRUSTED_KEYS_FILE": "unread"}
    for name, value in {**required, "PENSTOCK_LISTEN": "127.0.0.1:1", **environment}.items():
        monkeypatch.setenv(name, value)
    assert team_callers(TeamSettings) == named
