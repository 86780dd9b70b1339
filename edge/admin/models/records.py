"""What happened: requests, errors, health and traffic of one tenant."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from penstock.telemetry.v1 import query_service_pb2, record_pb2
from pydantic import Field

from edge.admin.models.shapes import Answer, Cursor, Filters, Identifier, Label
from edge.admin.models.times import GivenTime, of_micros, time_of


class Window(Filters):
    """Which page of which time; `since` counts in, `until` does not."""

    since: GivenTime | None = None
    until: GivenTime | None = None
    cursor: Cursor = Field(default="", description="`next_cursor` of the page before.")
    limit: int = Field(default=100, ge=1, le=1000, description="The most items to return.")


class LogFilters(Window):
    """Which requests to list; all given filters must match."""

    path: Annotated[str, Field(max_length=2048, pattern=r"^[^\x00-\x1f\x7f]*$")] = Field(
        default="", description="This path and those below it."
    )
    status: Annotated[str, Field(pattern=r"^([1-5]xx|[1-5][0-9]{2}|)$")] = Field(
        default="", description="A status (`404`) or a group (`4xx`)."
    )
    consumer: Label = ""
    request_id: Identifier | None = None


class HealthFilters(Window):
    """Which health snapshots to list."""

    service: Label = ""


class MetricsFilters(Filters):
    """Which traffic to sum up."""

    since: GivenTime | None = None
    until: GivenTime | None = None
    interval_minutes: int = Field(default=1, ge=1, le=1440)


class Logged(Answer):
    """One answered request."""

    id: str
    time: datetime
    duration_ms: float
    request_id: str
    method: str
    path: str
    route: str | None
    service: str | None
    status: int = Field(description="What the client got; 0 when it went away before.")
    code: str | None
    principal_id: str | None
    consumer: str | None
    credential_id: str | None
    client_address: str | None
    host: str | None
    request_bytes: int
    response_bytes: int
    upstream: str | None
    upstream_ms: float | None
    config_version: int
    trace_id: str | None
    stage: str | None
    user_agent: str | None
    close_code: int | None = Field(description="How a WebSocket ended; null for every other request.")

    @classmethod
    def of(cls, record: record_pb2.RequestRecord) -> Self:
        """The record in the API's form."""
        return cls(
            id=_uuid(record.id),
            time=of_micros(record.start_micros),
            duration_ms=(record.long_duration_micros or record.duration_micros) / 1000,
            request_id=record.request_id,
            method=record.method,
            path=record.path,
            route=record.route or None,
            service=record.service or None,
            status=record.status,
            code=record.code or None,
            principal_id=record.principal_id or None,
            consumer=record.consumer or None,
            credential_id=record.credential_id or None,
            client_address=record.client_address or None,
            host=record.host or None,
            request_bytes=record.request_bytes,
            response_bytes=record.response_bytes,
            upstream=record.upstream or None,
            upstream_ms=record.upstream_micros / 1000 if record.upstream else None,
            config_version=record.config_version,
            trace_id=record.trace_id.hex() or None,
            stage=record.stage or None,
            user_agent=record.user_agent or None,
            close_code=record.close_code or None,
        )


class ErrorEvent(Answer):
    """One request that failed."""

    id: str
    time: datetime | None
    request_id: str
    code: str | None = Field(description="Null when the upstream answered 5xx by itself.")
    status: int
    service: str | None
    route: str | None
    stage: str | None
    upstream: str | None

    @classmethod
    def of(cls, event: query_service_pb2.ErrorEvent) -> Self:
        """The event in the API's form."""
        return cls(
            id=_uuid(event.id),
            time=time_of(event, "time"),
            request_id=event.request_id,
            code=event.code or None,
            status=event.status,
            service=event.service or None,
            route=event.route or None,
            stage=event.stage or None,
            upstream=event.upstream or None,
        )


class HealthSnapshot(Answer):
    """The health of one upstream target at one check."""

    id: str
    time: datetime | None
    service: str
    target: str
    healthy: bool
    reason: str | None
    duration_ms: float

    @classmethod
    def of(cls, snapshot: record_pb2.HealthSnapshot) -> Self:
        """The snapshot in the API's form."""
        return cls(
            id=_uuid(snapshot.id),
            time=time_of(snapshot, "time"),
            service=snapshot.service,
            target=snapshot.target,
            healthy=snapshot.healthy,
            reason=snapshot.reason or None,
            duration_ms=snapshot.duration_micros / 1000,
        )


class TrafficPoint(Answer):
    """The traffic of one route in one interval."""

    time: datetime | None
    route: str | None
    requests: int
    errors: int
    request_bytes: int
    response_bytes: int

    @classmethod
    def of(cls, point: query_service_pb2.TrafficPoint) -> Self:
        """The point in the API's form."""
        return cls(
            time=time_of(point, "time"),
            route=point.route or None,
            requests=point.requests,
            errors=point.errors,
            request_bytes=point.request_bytes,
            response_bytes=point.response_bytes,
        )


def _uuid(raw: bytes) -> str:
    return str(UUID(bytes=raw)) if len(raw) == 16 else raw.hex()
