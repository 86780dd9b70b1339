"""Health as a client sees it: of the whole, and of each service for those who are trusted."""

import asyncio
from dataclasses import replace
from typing import Any

import orjson
import pytest

from edge.builtin.access import DetailAccess
from edge.builtin.app import overall
from edge.builtin.models import PartState, Readiness, ServiceState
from edge.resilience import HealthCheck
from edge.routing import Service, Target
from tests.edge.plane import Answer, answering, plane, route, upstream

WELL = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
PATHS = ["/health", "/api/v1/health"]
STRANGERS = DetailAccess.of("s3cr3t-of-the-monitor", [])
TOKEN = "Authorization: Bearer s3cr3t-of-the-monitor"


def body(answer: Answer) -> dict[str, Any]:
    document: dict[str, Any] = orjson.loads(answer.body)
    return document


@pytest.mark.parametrize("path", PATHS)
async def test_a_trusted_client_is_told_of_each_service(path: str) -> None:
    async with upstream(answering(WELL)) as there:
        pos = Service("pos", (Target("127.0.0.1", 1),), health=HealthCheck("/up"))
        routes = [route(there.port, prefix="/sales"), replace(route(1, prefix="/pos"), service=pos)]
        async with plane(routes) as edge:
            answer = await edge.get(path)
    document = body(answer)
    assert answer.status == 200
    assert document.keys() == {"status", "version", "services", "feeds", "redis", "timestamp"}
    assert document["status"] == "degraded"
    assert document["services"] == {
        "sales": {"status": "healthy", "detail": ""},
        "pos": {"status": "unhealthy", "detail": "cannot be reached"},
    }


@pytest.mark.parametrize("path", PATHS)
async def test_a_stranger_is_told_of_the_whole_alone(path: str) -> None:
    async with upstream(answering(WELL)) as there, plane([route(there.port)], access=STRANGERS) as edge:
        assert body(await edge.get(path)).keys() == {"status", "timestamp"}
        assert body(await edge.get("/readyz")) == {"status": "ready"}
        assert "services" in body(await edge.get(path, TOKEN))
        assert "feeds" in body(await edge.get("/readyz", TOKEN))


async def test_who_comes_by_way_of_an_unknown_proxy_is_a_stranger() -> None:
    async with plane([]) as edge:
        assert "services" not in body(await edge.get("/health", "X-Forwarded-For: 127.0.0.1"))


async def test_a_storm_of_questions_is_one_to_each_service() -> None:
    async with upstream(answering(WELL)) as there, plane([route(there.port)]) as edge:
        answers = await asyncio.gather(*(edge.get(path) for path in PATHS * 25))
        assert {answer.status for answer in answers} == {200}
        assert len({body(answer)["timestamp"] for answer in answers}) == 1
    assert there.connections == 1


READY = Readiness(status="ready", revision=1, feeds={"config": PartState(status="ok")})
AMISS = Readiness(status="ready", revision=1, feeds={"config": PartState(status="degraded")})
UNKNOWN = Readiness(status="ready", revision=1, feeds={"redis": PartState(status="unknown")})


@pytest.mark.parametrize(
    ("readiness", "service", "status"),
    [
        pytest.param(READY, "healthy", "healthy", id="all is well"),
        pytest.param(READY, "unknown", "healthy", id="nothing is known of a service"),
        pytest.param(UNKNOWN, "healthy", "healthy", id="nothing is known of a feed"),
        pytest.param(READY, "degraded", "degraded", id="half of a service"),
        pytest.param(READY, "unhealthy", "degraded", id="a service"),
        pytest.param(AMISS, "healthy", "degraded", id="a feed"),
        pytest.param(READY.model_copy(update={"status": "not_ready"}), "healthy", "unhealthy", id="no config"),
        pytest.param(READY.model_copy(update={"status": "draining"}), "healthy", "unhealthy", id="the end"),
    ],
)
def test_the_whole_is_what_its_parts_are(readiness: Readiness, service: Any, status: str) -> None:
    assert overall(readiness, {"sales": ServiceState(status=service)}) == status
