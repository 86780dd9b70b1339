"""What the process is told: where its counters are, and where Envoys may ask."""

import pytest

from ratelimitsvc.settings import RateLimitSettings
from svckit.settings import SettingsError, load_settings

REQUIRED = {"PENSTOCK_IDENTITY_KEY_FILE": "unread", "PENSTOCK_TRUSTED_KEYS_FILE": "unread"}
TOKEN = "correct-horse-battery-staple"


def test_envoys_on_this_machine_need_no_token() -> None:
    settings = load_settings(RateLimitSettings, {**REQUIRED, "PENSTOCK_ENVOY_LIMITS_LISTEN": "127.0.0.1:1"})
    assert settings.envoy_limits_listen == ("127.0.0.1:1",)


def test_an_address_that_others_reach_needs_a_token() -> None:
    environment = {**REQUIRED, "PENSTOCK_ENVOY_LIMITS_LISTEN": "127.0.0.1:1,10.0.0.7:1"}
    with pytest.raises(SettingsError) as refused:
        load_settings(RateLimitSettings, environment)
    assert [each.variable for each in refused.value.faults] == ["PENSTOCK_ENVOY_LIMITS_LISTEN"]
    assert "PENSTOCK_ENVOY_TOKEN" in refused.value.faults[0].reason
    load_settings(RateLimitSettings, {**environment, "PENSTOCK_ENVOY_TOKEN": TOKEN})


def test_a_short_token_is_refused() -> None:
    with pytest.raises(SettingsError, match="PENSTOCK_ENVOY_TOKEN"):
        load_settings(RateLimitSettings, {**REQUIRED, "PENSTOCK_ENVOY_TOKEN": "tooshort"})


def test_nobody_listens_for_envoys_unasked() -> None:
    assert load_settings(RateLimitSettings, REQUIRED).envoy_limits_listen == ()


def settings(url: str) -> RateLimitSettings:
    return load_settings(RateLimitSettings, {**REQUIRED, "PENSTOCK_REDIS_URL": url})


@pytest.mark.parametrize(
    "url", ["redis://a:1/2", "unix:///s?db=1", "redis+cluster://u:p@a:1,b:2", "rediss+cluster://a"]
)
def test_one_server_or_nodes_of_a_cluster_are_named_by_a_url(url: str) -> None:
    assert settings(url).redis_url.get_secret_value() == url


@pytest.mark.parametrize(
    "url",
    [
        "redis://a:1,b:2",
        "redis+cluster://u:hunter2@a:x",
        "redis+cluster://a:1/1",
        "http://hunter2",
        "redis+cluster://a?db=hunter2",
    ],
)
def test_a_url_that_names_neither_is_a_fault_that_shows_no_secret(url: str) -> None:
    with pytest.raises(SettingsError) as refused:
        settings(url)
    assert str(refused.value).startswith("PENSTOCK_REDIS_URL is not valid")
    assert "hunter2" not in str(refused.value)
