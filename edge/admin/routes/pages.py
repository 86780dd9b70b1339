"""What the process says about itself and the edge: liveness, readiness, metrics, its own description."""

import asyncio
from collections.abc import Callable
from typing import Any, Literal

from fastapi import Request
from fastapi.responses import JSONResponse, Response
from penstock.errors.v1 import error_reason_pb2 as reasons
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from edge.admin.models.shapes import Answer
from edge.admin.readiness import Readiness
from svckit.errors import Fault


class Alive(Answer):
    """Says that the process runs."""

    status: Literal["alive"] = "alive"


class Ready(Answer):
    """Says that every service behind the API serves."""

    status: Literal["ready"] = "ready"
    services: dict[str, str]


async def livez() -> Alive:
    """Tell that the process runs, whatever else is away."""
    return Alive()


async def readyz(request: Request) -> Ready:
    """Tell whether the services behind the API serve; 503 names those that do not."""
    readiness: Readiness = request.app.state.readiness
    services = dict(await readiness.services())
    if set(services.values()) != {"serving"}:
        raise Fault(reasons.ERROR_REASON_UNAVAILABLE, "A service is not serving.", metadata=services)
    return Ready(services=services)


async def metrics(request: Request) -> Response:
    """Get the edge's metrics, summed over its workers, in Prometheus text form."""
    edge_metrics: Callable[[], bytes] = request.app.state.edge_metrics
    return Response(await asyncio.to_thread(edge_metrics), media_type=CONTENT_TYPE_PLAIN_0_0_4)


async def openapi(request: Request) -> JSONResponse:
    """Get the description of this API."""
    description: dict[str, Any] = request.app.openapi()
    return JSONResponse(description)
