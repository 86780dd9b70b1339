from contextlib import AsyncExitStack
from typing import Any

from edge.admin.access import ROLES
from tests.edge.admin.conftest import World, open_world
from tests.edge.admin.fakes import ADMIN
from tests.support.services import ServiceHost


async def test_the_edges_metrics_are_the_operators(world: World) -> None:
    answer = await world.ask("GET", "/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert 'http_requests_total{method="GET",path="/api/v1/sales",status="200"} 1.0' in answer.text
    assert (await world.ask("GET", "/metrics", token=None)).status_code == 401
    assert (await world.ask("GET", "/metrics", ADMIN)).json()["code"] == "ROLE_REQUIRED"


async def test_metrics_can_be_opened_by_the_settings_and_nothing_else_with_them(service_host: ServiceHost) -> None:
    async with AsyncExitStack() as stack:
        world = await open_world(stack, service_host, metrics_public=True)
        assert (await world.ask("GET", "/metrics", token=None)).status_code == 200
        assert (await world.ask("GET", "/admin/v1/tenants", token=None)).status_code == 401


async def test_the_description_has_every_route_with_its_answers_and_security(world: World) -> None:
    document: dict[str, Any] = (await world.ask("GET", "/openapi.json")).json()
    described = {
        (method.upper(), path): operation
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }
    assert described.keys() == ROLES.keys()
    for route, operation in described.items():
        assert operation["security"] == ([] if ROLES[route] is None else [{"bearer": []}])
        refusals = {status: each for status, each in operation["responses"].items() if status >= "400"}
        assert refusals
        assert all("application/problem+json" in each["content"] for each in refusals.values())
        assert operation["summary"]
        assert "x-refusals" not in operation


async def test_every_reference_of_the_description_leads_somewhere(world: World) -> None:
    document = (await world.ask("GET", "/openapi.json")).json()
    references: list[str] = []

    def walk(node: object) -> None:
        if isinstance(node, dict):
            references.extend(value for key, value in node.items() if key == "$ref")
            for each in node.values():
                walk(each)
        elif isinstance(node, list):
            for each in node:
                walk(each)

    walk(document)
    assert {each.rpartition("/")[2] for each in references} <= document["components"]["schemas"].keys()
