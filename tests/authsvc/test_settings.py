"""What the process is told: how much it remembers, and where Envoys may ask."""

import pytest

from authsvc.settings import AuthSettings
from svckit.settings import SettingsError, load_settings

REQUIRED = {
    "PENSTOCK_IDENTITY_KEY_FILE": "unread",
    "PENSTOCK_TRUSTED_KEYS_FILE": "unread",
    "PENSTOCK_DATABASE_URL": "postgresql://unread",
    "PENSTOCK_KEK_FILE": "unread",
}


def test_nobody_listens_for_envoys_unasked() -> None:
    assert load_settings(AuthSettings, REQUIRED).envoy_auth_listen == ()


def test_an_address_that_others_reach_needs_a_token() -> None:
    environment = {**REQUIRED, "PENSTOCK_ENVOY_AUTH_LISTEN": "127.0.0.1:1,10.0.0.7:1"}
    with pytest.raises(SettingsError) as refused:
        load_settings(AuthSettings, environment)
    assert [each.variable for each in refused.value.faults] == ["PENSTOCK_ENVOY_AUTH_LISTEN"]
    told = load_settings(AuthSettings, {**environment, "PENSTOCK_ENVOY_TOKEN": "correct-horse-battery-staple"})
    assert told.envoy_auth_listen == ("127.0.0.1:1", "10.0.0.7:1")


@pytest.mark.parametrize(("number", "valid"), [("0", True), ("10000000", True), ("-1", False), ("10000001", False)])
def test_how_much_is_remembered_is_bounded(number: str, valid: bool) -> None:
    environment = {**REQUIRED, "PENSTOCK_REMEMBERED_KEYS": number}
    if valid:
        assert load_settings(AuthSettings, environment).remembered_keys == int(number)
        return
    with pytest.raises(SettingsError, match="PENSTOCK_REMEMBERED_KEYS"):
        load_settings(AuthSettings, environment)
