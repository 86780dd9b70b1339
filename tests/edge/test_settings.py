"""What an edge worker is told by its environment, where it is more than a word."""

from ipaddress import ip_network
from pathlib import Path

import pytest

from edge.settings import EdgeSettings
from svckit.settings import SettingsError, load_settings

KEYS = {"PENSTOCK_IDENTITY_KEY_FILE": "edge.key", "PENSTOCK_CLUSTER_KEY_FILE": "cluster.key"}


@pytest.mark.parametrize(
    ("value", "networks"),
    [
        pytest.param("", [], id="nobody"),
        pytest.param("10.0.0.0/8, fd00::/8", ["10.0.0.0/8", "fd00::/8"], id="networks"),
        pytest.param("10.0.0.1,::1", ["10.0.0.1/32", "::1/128"], id="single addresses"),
    ],
)
def test_trusted_proxies_are_networks(value: str, networks: list[str]) -> None:
    settings = load_settings(EdgeSettings, {**KEYS, "PENSTOCK_TRUSTED_PROXIES": value})
    assert settings.trusted_proxies == tuple(map(ip_network, networks))


@pytest.mark.parametrize("value", ["localhost", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0-10.0.0.9", "10.0.0.0/8;::1"])
def test_what_is_no_network_is_told_by_name_and_not_by_value(value: str) -> None:
    with pytest.raises(SettingsError) as error:
        load_settings(EdgeSettings, {**KEYS, "PENSTOCK_TRUSTED_PROXIES": value})
    assert "PENSTOCK_TRUSTED_PROXIES is not valid" in str(error.value)
    assert value not in str(error.value)


def test_nobody_is_trusted_unless_the_environment_says_so() -> None:
    settings = load_settings(EdgeSettings, KEYS)
    assert (settings.trusted_proxies, settings.proxy_headers) == ((), "x-forwarded")
    assert settings.cluster_key_file == Path("cluster.key")
