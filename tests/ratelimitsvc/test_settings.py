"""Where Envoys may ask: on this machine, or with a token."""

import pytest

from ratelimitsvc.settings import RateLimitSettings
from svckit.settings import SettingsError, load_settings

REQUIRED = {"PENSTOCK_IDENTITY_KEY_FILE": "unread", "PENSTOCK_TRUSTED_KEYS_FILE": "unread"}
TOKEN = "correct-horse-battery-staple"


@pytest.mark.parametrize("address", ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "localhost:1", "unix:/run/envoy.sock"])
def test_this_machine_needs_no_token(address: str) -> None:
    settings = load_settings(RateLimitSettings, {**REQUIRED, "PENSTOCK_ENVOY_LISTEN": address})
    assert settings.envoy_listen == (address,)


@pytest.mark.parametrize(
    "address", ["0.0.0.0:1", "10.0.0.7:1", "[::]:1", ":1", "example.com:1", "127.0.0.1:1,10.0.0.7:1"]
)
def test_an_address_that_others_reach_needs_a_token(address: str) -> None:
    environment = {**REQUIRED, "PENSTOCK_ENVOY_LISTEN": address}
    with pytest.raises(SettingsError) as refused:
        load_settings(RateLimitSettings, environment)
    assert [each.variable for each in refused.value.faults] == ["PENSTOCK_ENVOY_LISTEN"]
    assert "PENSTOCK_ENVOY_TOKEN" in refused.value.faults[0].reason
    load_settings(RateLimitSettings, {**environment, "PENSTOCK_ENVOY_TOKEN": TOKEN})


def test_a_short_token_is_refused() -> None:
    with pytest.raises(SettingsError, match="PENSTOCK_ENVOY_TOKEN"):
        load_settings(RateLimitSettings, {**REQUIRED, "PENSTOCK_ENVOY_TOKEN": "tooshort"})


def test_nobody_listens_for_envoys_unasked() -> None:
    assert load_settings(RateLimitSettings, REQUIRED).envoy_listen == ()
