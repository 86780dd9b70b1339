"""The application of the edge's own endpoints: liveness, readiness, health, and the description of them all."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, Literal

from fastapi import FastAPI, Request, Response
from penstock.errors.v1 import error_reason_pb2 as reasons
from starlette.exceptions import HTTPException

from edge.builtin import docs
from edge.builtin.access import DetailAccess
from edge.builtin.description import complete
from edge.builtin.models import (
    Alive,
    Health,
    HealthSummary,
    PartState,
    Readiness,
    ReadinessSummary,
    ServiceState,
)
from edge.builtin.rim import Rim, problem
from edge.problems import Refusal
from edge.service_health import ServiceHealth

AUTH_ENDPOINTS: Final = ("login", "register", "refresh", "logout")
# Spans are the data plane's business; the framework would configure exporters from the environment by itself.
_NO_TELEMETRY: Final[Any] = {"auto_configure": False, "tracing": False, "metrics": False, "logs": False}
_REASONS: Final = {
    404: reasons.ERROR_REASON_ROUTE_NOT_FOUND,
    405: reasons.ERROR_REASON_METHOD_NOT_ALLOWED,
    501: reasons.ERROR_REASON_UNIMPLEMENTED,
}


class EdgeApp(FastAPI):
    """The application without its endpoints."""

    def __init__(self, version: str) -> None:
        super().__init__(
            title="Penstock edge",
            description="What the edge answers itself. Everything else belongs to the routes of its tenants.",
            version=version,
            docs_url=None,
            redoc_url=None,
            redirect_slashes=False,
            telemetry=_NO_TELEMETRY,
        )
        self.add_exception_handler(HTTPException, _refused)
        self.add_middleware(Rim)

    def openapi(self) -> dict[str, Any]:
        """The description of the endpoints, made once."""
        if self.openapi_schema is None:
            self.openapi_schema = complete(super().openapi())
        return self.openapi_schema


def builtin_app(
    version: str, readiness: Callable[[], Readiness], service_health: ServiceHealth, access: DetailAccess
) -> EdgeApp:
    """The application. `readiness` is asked on each request and does no I/O; `access` says who is told details."""
    app = EdgeApp(version)

    def is_told_details(request: Request) -> bool:
        client = request.client.host if request.client is not None else ""
        return access.admits(client, request.state.peer, request.headers)

    @app.get("/livez", tags=["health"], operation_id="livez", summary="Tell whether the process runs")
    async def livez() -> Alive:
        """Answers as long as the process runs."""
        return Alive()

    @app.get(
        "/readyz",
        tags=["health"],
        operation_id="readyz",
        summary="Tell whether the worker takes traffic",
        responses={503: {"model": Readiness | ReadinessSummary}},
    )
    async def readyz(request: Request, response: Response) -> Readiness | ReadinessSummary:
        """Answers 200 while the worker holds a config and is not draining. Trusted clients are told of what the edge
        leans on, too, which does not decide it."""
        state = readiness()
        response.status_code = 200 if state.status == "ready" else 503
        return state if is_told_details(request) else ReadinessSummary(status=state.status)

    async def health(request: Request, response: Response) -> Health | HealthSummary:
        """Answers with the state of the edge, what it leans on, and the services of the tenant `default`, which are
        asked every 30 s at most. Trusted clients are told of each, others of the whole."""
        state, (services, at) = readiness(), await service_health.look()
        status = overall(state, services)
        response.status_code = 503 if status == "unhealthy" else 200
        if not is_told_details(request):
            return HealthSummary(status=status, timestamp=at)
        return Health(
            status=status,
            timestamp=at,
            version=version,
            services=dict(services),
            feeds={name: part for name, part in state.feeds.items() if name != "redis"},
            redis=state.feeds.get("redis", PartState(status="unknown")),
        )

    for path, name in (("/health", "health"), ("/api/v1/health", "api_health")):
        app.add_api_route(
            path,
            health,
            tags=["health"],
            operation_id=name,
            summary="Tell how the edge and what it stands on are doing",
            responses={503: {"model": Health | HealthSummary}},
        )
    assets: dict[str, Callable[..., Any]] = {f"/docs/{name}": partial(docs.asset, name) for name in docs.ASSETS}
    for path, endpoint in {**assets, "/docs": docs.page, "/docs/start.js": docs.start}.items():
        app.add_api_route(path, endpoint, include_in_schema=False)
    for name in AUTH_ENDPOINTS:
        app.add_api_route(f"/api/v1/auth/{name}", _not_yet, methods=["POST"], include_in_schema=False)
    app.add_api_route("/.well-known/jwks.json", _not_yet, include_in_schema=False)
    return app


def overall(state: Readiness, services: Mapping[str, ServiceState]) -> Literal["healthy", "degraded", "unhealthy"]:
    """The state of the whole: unhealthy is a worker that takes no traffic, whatever the cause."""
    if state.status != "ready":
        return "unhealthy"
    amiss = [part.status == "degraded" for part in state.feeds.values()]
    amiss += [service.status in ("degraded", "unhealthy") for service in services.values()]
    return "degraded" if any(amiss) else "healthy"


async def _not_yet(request: Request) -> Response:
    return problem(request, Refusal(reasons.ERROR_REASON_UNIMPLEMENTED, "not served by this release yet"))


async def _refused(request: Request, error: Exception) -> Response:
    """The refusals of the framework itself, of which there are those of its routing."""
    assert isinstance(error, HTTPException)  # noqa: S101 - it is registered for these alone
    fields = []
    if error.headers is not None and "Allow" in error.headers:
        # what is read can be read by HEAD, which the bridge sees to
        allow = error.headers["Allow"]
        fields.append((b"Allow", (f"{allow}, HEAD" if allow == "GET" else allow).encode()))
    reason = _REASONS.get(error.status_code, reasons.ERROR_REASON_INTERNAL)
    return problem(request, Refusal(reason, "", fields=tuple(fields)))
