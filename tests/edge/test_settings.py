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


def faults(**env: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load_settings(
            EdgeSettings, {"PENSTOCK_IDENTITY_KEY_FILE": "/key", "PENSTOCK_CLUSTER_KEY_FILE": "/cluster", **env}
        )
    return [fault.variable for fault in caught.value.faults]


@pytest.mark.parametrize(
    ("env", "variable"),
    [
        ({"PORT": "http"}, "PORT"),
        ({"PORT": "65536"}, "PORT"),
        ({"PORT": "http", "PENSTOCK_PORT": "x"}, "PENSTOCK_PORT"),
        ({"REDIS_PORT": "tcp://10.0.0.5"}, "REDIS_PORT"),
        ({"REDIS_DB": "-1"}, "REDIS_DB"),
        ({"REDIS_PASSWORD": "password"}, "REDIS_PASSWORD"),
        ({"RATE_LIMIT_REQUESTS": "0"}, "RATE_LIMIT_REQUESTS"),
        ({"RATE_LIMIT_WINDOW_SECONDS": "1.5"}, "RATE_LIMIT_WINDOW_SECONDS"),
        ({"CORS_ORIGINS": "https://a.test/"}, "CORS_ORIGINS"),
        ({"CORS_ORIGINS": "*,https://a.test"}, "CORS_ORIGINS"),
        ({"CORS_ORIGINS": "*", "CORS_ALLOW_CREDENTIALS": "true"}, "CORS_ALLOW_CREDENTIALS"),
        ({"PENSTOCK_HEALTH_NETWORKS": "10.1.2.3/16"}, "PENSTOCK_HEALTH_NETWORKS"),
        ({"PENSTOCK_HEALTH_NETWORKS": "localhost"}, "PENSTOCK_HEALTH_NETWORKS"),
        ({"PENSTOCK_HEALTH_TOKEN": ""}, "PENSTOCK_HEALTH_TOKEN"),
        ({"STRUCTLOG_PRETTY_PRINT": "perhaps"}, "STRUCTLOG_PRETTY_PRINT"),
        ({"LOG_LEVEL": "loud"}, "LOG_LEVEL"),
        ({"ENVIRONMENT": "e" * 65}, "ENVIRONMENT"),
    ],
)
def test_a_fault_is_told_by_the_name_that_was_set(env: dict[str, str], variable: str) -> None:
    assert faults(**env) == [variable]
