"""The ASGI application of the management API, put together from what it is given."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import grpc
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from edge.admin.access import METRICS
from edge.admin.admission import Admission
from edge.admin.description import complete
from edge.admin.problems import answer
from edge.admin.readiness import Readiness
from edge.admin.rim import Rim
from edge.admin.routing import add_routes
from edge.admin.services import Services
from edge.http.forwarded import Network, TrustedProxies
from svckit.errors import Fault

# Spans are the edge's business; the framework would configure exporters from the environment by itself.
_NO_TELEMETRY: Final[Any] = {"auto_configure": False, "tracing": False, "metrics": False, "logs": False}
_TAGS: Final = (
    ("process", "The process itself and the edge's metrics."),
    ("tenants", "Tenants: the unit of isolation."),
    ("config", "A tenant's config document and its history."),
    ("gateways", "The edge workers and what each has applied."),
    ("keys", "API keys of a tenant's consumers."),
    ("records", "What happened in a tenant."),
    ("tokens", "The bearer tokens of this API."),
)


class AdminApp(FastAPI):
    """The application behind the rim. Interactive docs are off: they load scripts that the CSP forbids."""

    def __init__(self, version: str) -> None:
        super().__init__(
            title="Penstock management API",
            version=version,
            openapi_url=None,
            docs_url=None,
            redoc_url=None,
            redirect_slashes=False,
            openapi_tags=[{"name": name, "description": text} for name, text in _TAGS],
            telemetry=_NO_TELEMETRY,
        )
        for refused in (Fault, grpc.aio.AioRpcError, RequestValidationError, HTTPException):
            self.add_exception_handler(refused, answer)
        # Inside the framework's own outermost ring, which would answer in plain text.
        self.add_middleware(Rim)
        add_routes(self)

    def openapi(self) -> dict[str, Any]:
        """The description of the API, made once."""
        if self.openapi_schema is None:
            self.openapi_schema = complete(super().openapi())
        return self.openapi_schema


def build_app(
    services: Services,
    *,
    edge_metrics: Callable[[], bytes],
    metrics_public: bool = False,
    forward_auth_networks: Sequence[Network] = (),
    version: str = "0",
) -> ASGIApp:
    """The application. `edge_metrics` renders the edge's counters in Prometheus text form; `forward_auth_networks` may
    have requests judged."""
    app = AdminApp(version)
    app.state.services = services
    app.state.admission = Admission(services, frozenset({METRICS}) if metrics_public else frozenset())
    app.state.readiness = Readiness(services.health)
    app.state.edge_metrics = edge_metrics
    app.state.forward_auth_networks = TrustedProxies(tuple(forward_auth_networks))
    return app
