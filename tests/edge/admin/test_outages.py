"""What the API answers while a service behind it is away, or does not accept this process."""

from contextlib import AsyncExitStack

import pytest
from structlog.testing import capture_logs

from tests.edge.admin.conftest import World, open_world
from tests.support.services import ServiceHost

EVERYTHING = frozenset({"authsvc", "configsvc", "telemetrysvc"})


@pytest.mark.parametrize(
    ("away", "path", "code"),
    [
        ("authsvc", "/admin/v1/tenants", "AUTH_UNAVAILABLE"),
        ("configsvc", "/admin/v1/tenants/acme", "UNAVAILABLE"),
        ("telemetrysvc", "/admin/v1/tenants/acme/logs", "UNAVAILABLE"),
    ],
)
async def test_an_outage_is_a_503_that_says_when_to_come_back(
    service_host: ServiceHost, away: str, path: str, code: str
) -> None:
    async with AsyncExitStack() as stack:
        world = await open_world(stack, service_host, away=frozenset({away}))
        answer = await world.ask("GET", path)
    assert (answer.status_code, answer.json()["code"]) == (503, code)
    assert answer.headers["Retry-After"] == "1"


async def test_a_service_that_refuses_this_process_is_our_fault_and_not_the_callers(
    service_host: ServiceHost,
) -> None:
    async with AsyncExitStack() as stack:
        world = await open_world(stack, service_host, caller="edge")
        with capture_logs() as lines:
            answer = await world.ask("GET", "/admin/v1/tenants")
    assert (answer.status_code, answer.json()["code"]) == (500, "INTERNAL")
    assert any(line["event"] == "call to a service failed" for line in lines)


async def test_the_process_is_alive_and_not_ready_with_everything_away(service_host: ServiceHost) -> None:
    async with AsyncExitStack() as stack:
        world = await open_world(stack, service_host, away=EVERYTHING)
        alive = await world.ask("GET", "/livez", token=None)
        ready = await world.ask("GET", "/readyz", token=None)
    assert (alive.status_code, alive.json()) == (200, {"status": "alive"})
    assert (ready.status_code, ready.json()["code"]) == (503, "UNAVAILABLE")
    assert ready.json()["metadata"] == dict.fromkeys(EVERYTHING, "unreachable")


async def test_the_process_is_ready_when_every_service_serves(world: World) -> None:
    ready = await world.ask("GET", "/readyz", token=None)
    assert (ready.status_code, ready.json()) == (
        200,
        {"status": "ready", "services": dict.fromkeys(EVERYTHING, "serving")},
    )


async def test_a_service_that_drains_makes_the_process_unready(world: World) -> None:
    world.hosted["configsvc"].health.set_serving(False)
    ready = await world.ask("GET", "/readyz", token=None)
    assert (ready.status_code, ready.json()["metadata"]["configsvc"]) == (503, "not_serving")
