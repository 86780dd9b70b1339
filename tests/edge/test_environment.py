"""The names that other gateways read are honoured, and our own names win over them."""

import pytest
from redis.asyncio.connection import parse_url

from edge.builtin.access import DetailAccess
from edge.config.defaults import DocumentDefaults
from edge.environment import detail_access, document_defaults, listen_address, redis_url
from edge.limits.rules import Algorithm, LimitRules, Rate
from edge.settings import EdgeSettings
from svckit.settings import load_settings


def settings(**env: str) -> EdgeSettings:
    files = {"PENSTOCK_IDENTITY_KEY_FILE": "/key", "PENSTOCK_CLUSTER_KEY_FILE": "/cluster"}
    return load_settings(EdgeSettings, {**files, **env})


@pytest.mark.parametrize(
    ("env", "address"),
    [
        pytest.param({}, "127.0.0.1:8000", id="nothing"),
        pytest.param({"PORT": "9000"}, "127.0.0.1:9000", id="a port"),
        pytest.param({"HOST": "0.0.0.0", "PORT": "9000"}, "0.0.0.0:9000", id="both"),
        pytest.param({"HOST": "::"}, "[::]:8000", id="IPv6"),
        pytest.param({"HOST": "[::1]"}, "[::1]:8000", id="IPv6 in brackets"),
        pytest.param({"HOST": "", "PORT": ""}, "127.0.0.1:8000", id="set to nothing"),
        pytest.param({"PORT": "9000", "PENSTOCK_PORT": "9001"}, "127.0.0.1:9001", id="our name of it"),
        pytest.param({"HOST": "0.0.0.0", "PORT": "9000", "PENSTOCK_LISTEN": "[::1]:1"}, "[::1]:1", id="our address"),
    ],
)
def test_a_worker_listens_at(env: dict[str, str], address: str) -> None:
    assert listen_address(settings(**env)) == address


@pytest.mark.parametrize(
    ("env", "url"),
    [
        pytest.param({}, None, id="nothing"),
        pytest.param({"REDIS_PORT": "6380", "REDIS_DB": "3"}, None, id="parts of no host"),
        pytest.param({"REDIS_HOST": "cache"}, "redis://cache:6379/0", id="a host"),
        pytest.param({"REDIS_HOST": "::1", "REDIS_DB": "3"}, "redis://[::1]:6379/3", id="IPv6"),
        pytest.param({"REDIS_HOST": "cache", "REDIS_PASSWORD": ""}, "redis://cache:6379/0", id="no password"),
        pytest.param(
            {"REDIS_HOST": "redis", "REDIS_PORT": "tcp://10.0.0.5:6380"}, "redis://redis:6380/0", id="in Kubernetes"
        ),
        pytest.param({"REDIS_HOST": "cache", "PENSTOCK_REDIS_URL": "unix:///r"}, "unix:///r", id="our URL"),
    ],
)
def test_the_redis_of_the_warm_copy_is(env: dict[str, str], url: str | None) -> None:
    assert redis_url(settings(**env)) == url


def test_a_password_with_any_characters_reaches_redis_as_it_is() -> None:
    url = redis_url(settings(REDIS_HOST="cache", REDIS_PASSWORD="a:b@c/d%2F#é"))
    assert url is not None
    assert {name: value for name, value in parse_url(url).items() if name != "connection_class"} == {
        "host": "cache",
        "port": 6379,
        "db": 0,
        "password": "a:b@c/d%2F#é",
    }


def bucket(requests: int, seconds: int) -> LimitRules:
    rate = Rate(requests, seconds * 1000)
    return LimitRules(authenticated=rate, anonymous=rate, algorithm=Algorithm.TOKEN_BUCKET)


@pytest.mark.parametrize(
    ("env", "limits"),
    [
        pytest.param({}, LimitRules(), id="nothing"),
        pytest.param({"RATE_LIMIT_REQUESTS": "7", "RATE_LIMIT_WINDOW_SECONDS": "5"}, bucket(7, 5), id="both"),
        pytest.param({"RATE_LIMIT_REQUESTS": "7"}, bucket(7, 60), id="requests a minute"),
        pytest.param({"RATE_LIMIT_WINDOW_SECONDS": "5"}, bucket(300, 5), id="a window"),
        pytest.param({"RATE_LIMIT_REQUESTS": "7", "PENSTOCK_RATE_LIMIT_REQUESTS": "8"}, bucket(8, 60), id="our name"),
    ],
)
def test_documents_without_limits_have(env: dict[str, str], limits: LimitRules) -> None:
    assert document_defaults(settings(**env)).limits == limits


def test_documents_without_cross_origin_rules_have_those_of_the_environment() -> None:
    assert document_defaults(settings(CORS_ALLOW_CREDENTIALS="true")) == DocumentDefaults()
    rules = document_defaults(
        settings(CORS_ORIGINS="https://a.test, http://localhost:3000", CORS_ALLOW_CREDENTIALS="true")
    ).cors
    assert rules is not None
    assert rules.origins == {"https://a.test", "http://localhost:3000"}
    assert rules.credentials
    assert {"PUT", "DELETE"} <= set(rules.methods)
    assert {"authorization", "content-type"} <= set(rules.headers)


def test_details_are_for_loopback_or_as_told() -> None:
    assert detail_access(settings()) == DetailAccess.of("", ["127.0.0.0/8", "::1/128"])
    told = settings(PENSTOCK_HEALTH_TOKEN="s3cr3t-of-the-monitor", PENSTOCK_HEALTH_NETWORKS="10.0.0.0/8, fd00::/8")
    assert detail_access(told) == DetailAccess.of("s3cr3t-of-the-monitor", ["10.0.0.0/8", "fd00::/8"])
    assert detail_access(settings(PENSTOCK_HEALTH_NETWORKS="")) == DetailAccess.of("", [])
