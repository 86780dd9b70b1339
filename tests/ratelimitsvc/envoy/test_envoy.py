"""A real Envoy asks, and its clients see what was decided."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ratelimitsvc.envoy.policies import DescriptorPolicies
from tests.support.envoys import Envoy

from .documents import limited
from .envoys import OVERRIDE_KEY, limited_envoy
from .serving import serving_envoy

TOKEN = "correct-horse-battery-staple"
POLICIES = DescriptorPolicies(
    [
        limited("generic_key=one", requests=1, name="one"),
        limited("generic_key=three", requests=3, name="three"),
        limited("user", requests=1, name="user"),
    ]
)


def generic(value: str) -> list[object]:
    return [{"generic_key": {"descriptor_value": value}}]


RULES: dict[str, list[object]] = {
    "/one": [generic("one")],
    "/three": [generic("three")],
    "/both": [generic("three"), generic("one")],
    "/user": [[{"request_headers": {"header_name": "x-user", "descriptor_key": "user"}}]],
    "/free": [generic("unknown")],
    "/twice": [{"actions": generic("three"), "hits_addend": {"number": 2}}],
    "/look": [{"actions": generic("three"), "hits_addend": {"number": 0}}],
    "/brought": [{"actions": generic("unknown"), "limit": OVERRIDE_KEY}],
}


@pytest.fixture
async def envoy(short_dir: Path, valkey: str) -> AsyncIterator[Envoy]:
    async with (
        serving_envoy(short_dir, valkey, POLICIES) as service,
        limited_envoy(short_dir, service.target, RULES) as running,
    ):
        yield running


async def test_clients_see_the_limit_on_what_passes(envoy: Envoy) -> None:
    answer = await envoy.get("/three")
    assert (answer.status_code, answer.text) == (200, "here\n")
    assert answer.headers["RateLimit-Policy"] == '"three";q=3;w=60'
    assert answer.headers["RateLimit"] == '"three";r=2;t=60'
    # Envoy's own, made of the status.
    assert answer.headers["X-RateLimit-Remaining"] == "2"
    assert answer.headers["X-RateLimit-Limit"] == '3, 3;w=60;name="three"'


async def test_clients_see_why_they_are_refused_and_when_to_come_back(envoy: Envoy) -> None:
    await envoy.get("/one")
    answer = await envoy.get("/one")
    assert answer.status_code == 429
    assert answer.headers["X-Envoy-RateLimited"] == "true"
    assert answer.headers.get_list("Content-Type") == ["application/problem+json"]
    assert 59 <= int(answer.headers["Retry-After"]) <= 60
    assert answer.headers["RateLimit"].startswith('"one";r=0;t=')
    problem = answer.json()
    assert (problem["status"], problem["code"], problem["violated-policies"]) == (429, "RATE_LIMITED", ["one"])


async def test_what_one_limit_refuses_no_other_counts(envoy: Envoy) -> None:
    statuses = [(await envoy.get("/both")).status_code for _ in range(3)]
    assert statuses == [200, 429, 429]
    assert (await envoy.get("/three")).headers["RateLimit"].startswith('"three";r=1;')


async def test_a_route_can_count_a_request_as_several_units(envoy: Envoy) -> None:
    answers = [await envoy.get("/twice") for _ in range(2)]
    assert [each.status_code for each in answers] == [200, 429]
    assert (await envoy.get("/three")).headers["RateLimit"].startswith('"three";r=0;')


async def test_a_route_can_ask_and_count_nothing(envoy: Envoy) -> None:
    looks = [(await envoy.get("/look")).headers["RateLimit"] for _ in range(2)]
    assert looks == ['"three";r=3;t=0'] * 2
    for _ in range(3):
        await envoy.get("/three")
    assert (await envoy.get("/look")).status_code == 429


async def test_the_limit_that_a_request_brings_along_holds(envoy: Envoy) -> None:
    answers = [await envoy.get("/brought") for _ in range(3)]
    assert [each.status_code for each in answers] == [200, 200, 429]
    assert answers[0].headers["RateLimit-Policy"] == '"generic_key";q=2;w=3600'


async def test_what_nothing_limits_passes_without_fields(envoy: Envoy) -> None:
    answer = await envoy.get("/free")
    assert answer.status_code == 200
    assert "RateLimit" not in answer.headers


@pytest.mark.parametrize(
    "value", [b"ann", b"\xff\xfe", "ünï".encode(), b"v" * 20_000], ids=["text", "octets", "UTF-8", "long"]
)
async def test_no_value_of_a_client_escapes_its_limit(envoy: Envoy, value: bytes) -> None:
    statuses = [(await envoy.get("/user", {b"x-user": value})).status_code for _ in range(2)]
    assert statuses == [200, 429]


@pytest.mark.parametrize(("deny", "status"), [(False, 200), (True, 500)])
async def test_without_the_counters_envoy_does_as_its_config_says(short_dir: Path, deny: bool, status: int) -> None:
    async with (
        serving_envoy(short_dir, "unix:///nonexistent", POLICIES, connected=False) as service,
        limited_envoy(short_dir, service.target, RULES, deny_on_failure=deny) as envoy,
    ):
        assert [(await envoy.get("/one")).status_code for _ in range(2)] == [status, status]


@pytest.mark.parametrize(("token", "status"), [(TOKEN, 200), ("another", 500)])
async def test_envoy_can_present_a_token(short_dir: Path, valkey: str, token: str, status: int) -> None:
    async with (
        serving_envoy(short_dir, valkey, POLICIES, token=TOKEN) as service,
        limited_envoy(short_dir, service.target, RULES, token=token, deny_on_failure=True) as envoy,
    ):
        assert (await envoy.get("/one")).status_code == status
