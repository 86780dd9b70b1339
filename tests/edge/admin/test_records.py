from datetime import UTC, datetime

import pytest

from tests.edge.admin.conftest import World
from tests.edge.admin.fakes import ACME, VIEWER

LOGS = "/admin/v1/tenants/acme/logs"


async def test_a_request_is_shown_with_its_times_in_rfc_3339(world: World) -> None:
    body = (await world.ask("GET", LOGS, VIEWER)).json()
    assert body["next_cursor"] == "older"
    assert body["items"][0] | {"id": ACME} == body["items"][0]
    shown = {name: body["items"][0][name] for name in ("time", "duration_ms", "path", "status", "consumer")}
    assert shown == {
        "time": "2023-11-14T22:13:20.250000Z",
        "duration_ms": 1.5,
        "path": "/api/v1/sales",
        "status": 200,
        "consumer": None,
    }


async def test_filters_reach_telemetrysvc(world: World) -> None:
    filters = {
        "since": "2026-01-01T00:00:00Z",
        "until": "2026-01-02T01:00:00+01:00",
        "path": "/api/v1/ü",
        "status": "4xx",
        "consumer": "shop",
        "request_id": "abc",
        "cursor": "next",
        "limit": "7",
    }
    assert (await world.ask("GET", LOGS, params=filters)).status_code == 200
    (asked,) = world.fakes.records.asked
    assert asked.tenant_id == ACME
    assert asked.since.ToDatetime(tzinfo=UTC) == datetime(2026, 1, 1, tzinfo=UTC)
    assert asked.until.ToDatetime(tzinfo=UTC) == datetime(2026, 1, 2, tzinfo=UTC)
    assert (asked.path, asked.status, asked.consumer, asked.request_id) == ("/api/v1/ü", "4xx", "shop", "abc")
    assert (asked.page_token, asked.page_size) == ("next", 7)


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1001", "limit=x", "status=6xx", "since=yesterday", "since=1700000000", "consmer=shop"]
)
async def test_a_filter_that_is_none_is_a_fault_and_not_ignored(world: World, query: str) -> None:
    answer = await world.ask("GET", f"{LOGS}?{query}")
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (400, query.partition("=")[0])


@pytest.mark.parametrize("page", ["errors", "health", "metrics"])
async def test_queries_that_this_release_does_not_serve_say_so(world: World, page: str) -> None:
    answer = await world.ask("GET", f"/admin/v1/tenants/acme/{page}")
    assert (answer.status_code, answer.json()["code"]) == (501, "UNIMPLEMENTED")
