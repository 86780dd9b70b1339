"""Liveness, readiness, health and the OpenAPI document of the edge."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal

from fastapi import FastAPI, Request, Response
from penstock.errors.v1 import error_reason_pb2 as reasons
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from edge.problems import Refusal, render

AUTH_ENDPOINTS = ("login", "register", "refresh", "logout")


class Alive(BaseModel):
    """The process runs."""

    status: Literal["ok"] = "ok"


class PartState(BaseModel):
    """How a part that the edge leans on is doing."""

    status: Literal["ok", "degraded", "unknown"]
    detail: str = ""


class Readiness(BaseModel):
    """Whether the worker takes traffic, and the state of what it leans on, which does not decide it."""

    status: Literal["ready", "not_ready", "draining"]
    revision: int
    feeds: dict[str, PartState]


class Health(BaseModel):
    """The worker and the services behind it."""

    status: Literal["healthy", "degraded", "unhealthy"]
    version: str
    services: dict[str, PartState]
    redis: PartState
    timestamp: datetime


def builtin_app(version: str, readiness: Callable[[], Readiness]) -> FastAPI:
    """The application. `readiness` is asked on each request and does no I/O."""
    app = FastAPI(title="Penstock edge", version=version, docs_url=None, redoc_url=None)

    @app.get("/livez", tags=["health"])
    async def livez() -> Alive:
        """Answers as long as the process runs."""
        return Alive()

    @app.get("/readyz", tags=["health"], responses={503: {"model": Readiness}})
    async def readyz(response: Response) -> Readiness:
        """Answers 200 while the worker holds a config and is not draining."""
        state = readiness()
        response.status_code = 200 if state.status == "ready" else 503
        return state

    @app.get("/health", tags=["health"])
    @app.get("/api/v1/health", tags=["health"])
    async def health() -> Health:
        """Answers with the state of the worker and of the services that it leans on."""
        state = readiness()
        degraded = any(part.status == "degraded" for part in state.feeds.values())
        healthy: Literal["healthy", "degraded"] = "degraded" if degraded else "healthy"
        return Health(
            status=healthy if state.status == "ready" else "unhealthy",
            version=version,
            services={name: part for name, part in state.feeds.items() if name != "redis"},
            redis=state.feeds.get("redis", PartState(status="unknown")),
            timestamp=datetime.now(UTC),
        )

    @app.exception_handler(HTTPException)
    async def http_refusal(request: Request, error: HTTPException) -> Response:
        reason = {
            404: reasons.ERROR_REASON_ROUTE_NOT_FOUND,
            405: reasons.ERROR_REASON_METHOD_NOT_ALLOWED,
            501: reasons.ERROR_REASON_UNIMPLEMENTED,
        }.get(error.status_code, reasons.ERROR_REASON_INTERNAL)
        fields = tuple((name.encode(), value.encode()) for name, value in (error.headers or {}).items())
        return _problem(request, Refusal(reason, "", fields=fields))

    @app.exception_handler(Exception)
    async def failure(request: Request, _error: Exception) -> Response:
        return _problem(request, Refusal(reasons.ERROR_REASON_INTERNAL, ""))

    async def not_yet(request: Request) -> Response:
        return _problem(request, Refusal(reasons.ERROR_REASON_UNIMPLEMENTED, "not served by this release yet"))

    for name in AUTH_ENDPOINTS:
        app.add_api_route(f"/api/v1/auth/{name}", not_yet, methods=["POST"], include_in_schema=False)
    app.add_api_route("/.well-known/jwks.json", not_yet, methods=["GET"], include_in_schema=False)
    return app


def _problem(request: Request, refusal: Refusal) -> Response:
    status, fields, body = render(refusal, instance=request.url.path, request_id=request.scope["state"]["request_id"])
    headers = {name.decode(): value.decode() for name, value in fields}
    return Response(body, status, headers)
