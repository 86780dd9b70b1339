"""The bodies of the edge's own answers."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal

from penstock.errors.v1 import error_reason_pb2 as reasons
from pydantic import BaseModel, ConfigDict, Field

from svckit.errors import problem

EXAMPLE_ID: Final = "01a20000-0000-7000-8000-00000000000a"

_FEEDS: Mapping[str, object] = {
    "config": {"status": "ok", "detail": "current"},
    "auth": {"status": "ok", "detail": "held"},
    "ratelimit": {"status": "ok", "detail": ""},
    "telemetry": {"status": "degraded", "detail": "120 records spooled"},
}


def _example(**members: Any) -> ConfigDict:
    return ConfigDict(
        frozen=True, json_schema_extra={"examples": [members]}, json_schema_serialization_defaults_required=True
    )


class Alive(BaseModel):
    """The process runs."""

    model_config = _example(status="ok")

    status: Literal["ok"] = "ok"


class PartState(BaseModel):
    """How a part that the edge leans on is doing."""

    model_config = _example(status="ok", detail="current")

    status: Literal["ok", "degraded", "unknown"]
    detail: str = ""


class ServiceState(BaseModel):
    """How a service behind the edge is doing. Degraded: some of its targets do not answer."""

    model_config = _example(status="degraded", detail="1 of 2 targets: 503")

    status: Literal["healthy", "degraded", "unhealthy", "unknown"]
    detail: str = ""


class ReadinessSummary(BaseModel):
    """Whether the worker takes traffic."""

    model_config = _example(status="ready")

    status: Literal["ready", "not_ready", "draining"]


class Readiness(ReadinessSummary):
    """Whether the worker takes traffic, and the state of what it leans on, which does not decide it."""

    model_config = _example(status="ready", revision=42, feeds={**_FEEDS, "redis": {"status": "ok", "detail": ""}})

    revision: int = Field(description="The revision of the config in force.")
    feeds: dict[str, PartState]


class HealthSummary(BaseModel):
    """How the edge is doing. Unhealthy: the worker takes no traffic. Degraded: it does, and something is amiss."""

    model_config = _example(status="healthy", timestamp="2026-11-25T12:00:00Z")

    status: Literal["healthy", "degraded", "unhealthy"]
    timestamp: datetime = Field(description="When the services were asked.")


class Health(HealthSummary):
    """How the edge, what it leans on, and the services behind it are doing."""

    model_config = _example(
        status="degraded",
        timestamp="2026-11-25T12:00:00Z",
        version="1.0.0",
        services={"sales": {"status": "healthy", "detail": ""}, "pos": {"status": "unhealthy", "detail": "503"}},
        feeds={**_FEEDS},
        redis={"status": "ok", "detail": ""},
    )

    version: str = Field(description="The edge's.")
    services: dict[str, ServiceState] = Field(description="Those of the tenant `default`.")
    feeds: dict[str, PartState] = Field(description="What the edge itself leans on.")
    redis: PartState = Field(description="The shared counters.")


class Problem(BaseModel):
    """A refusal or failure (RFC 9457). `code` and `error` have the same value."""

    model_config = _example(
        **problem(reasons.ERROR_REASON_METHOD_NOT_ALLOWED, instance="/livez", request_id=EXAMPLE_ID)
    )

    type: str
    title: str
    status: int
    detail: str
    code: str
    error: str
    request_id: str
    instance: str | None = None
