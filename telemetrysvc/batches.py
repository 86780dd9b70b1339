"""A message of an edge as rows per tenant: validated, bounded, freed of what PostgreSQL cannot store. Pure.

An edge may be of another release or under attack: nothing in a record can fail the records beside it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from google.protobuf.message import DecodeError
from penstock.telemetry.v1.ingest_service_pb2 import StreamBatchesRequest
from penstock.telemetry.v1.record_pb2 import HealthSnapshot, RequestRecord

from telemetrysvc.wire import elements

# Values of one row, in the order of the table's columns; ids are 16 octets, times microseconds since 1970.
Row: TypeAlias = tuple[Any, ...]

REQUEST_COLUMNS: Final = (
    "id", "start_time", "duration_micros", "request_id", "method", "path", "route", "service", "status", "code",
    "principal_id", "consumer", "credential_id", "client_address", "host", "request_bytes", "response_bytes",
    "upstream", "upstream_micros", "config_version", "trace_id", "stage", "user_agent",
    "close_code",
)  # fmt: skip
ERROR_COLUMNS: Final = ("id", "time", "request_id", "code", "status", "service", "route", "stage", "upstream")
HEALTH_COLUMNS: Final = ("id", "time", "service", "target", "healthy", "reason", "duration_micros")

_ID_OCTETS: Final = 16
# The end of the year 9999: what every client can still show.
_LATEST_MICROS: Final = 253_402_300_800_000_000
_HIGHEST_STATUS: Final = 999
_HIGHEST_CLOSE_CODE: Final = 4999
_BIGINT: Final = (1 << 63) - 1
# A request that failed without a 5xx: the client did not send in time.
_FAILURE_CODES: Final = frozenset({"REQUEST_TIMEOUT"})


@dataclass(slots=True)
class TenantRows:
    """The rows of one tenant; `errors` belong to some of `requests`, with the same ids."""

    requests: list[Row] = field(default_factory=list)
    errors: list[Row] = field(default_factory=list)
    health: list[Row] = field(default_factory=list)

    def extend(self, other: "TenantRows") -> None:
        self.requests += other.requests
        self.errors += other.errors
        self.health += other.health

    def ids(self) -> frozenset[bytes]:
        return frozenset(row[0] for rows in (self.requests, self.health) for row in rows)

    def __len__(self) -> int:
        return len(self.requests) + len(self.health)


@dataclass(slots=True)
class Batch:
    """`tenants` by the 16 octets of their id; `refused` records had no usable identity or time."""

    source: str = ""
    sequence: int = 0
    tenants: dict[bytes, TenantRows] = field(default_factory=dict)
    refused: int = 0
    dropped: dict[str, int] = field(default_factory=dict)

    @property
    def size(self) -> int:
        return sum(map(len, self.tenants.values()))

    def rows_of(self, tenant: bytes) -> TenantRows:
        return self.tenants.setdefault(tenant, TenantRows())


def read_batch(message: bytes) -> Batch:
    """The batch in a serialised `StreamBatchesRequest`; DecodeError when not even its parts can be told apart."""
    batch = Batch()
    try:
        _add(batch, StreamBatchesRequest.FromString(message))
    except DecodeError:
        batch = Batch()
        for element in elements(message):
            try:
                _add(batch, StreamBatchesRequest.FromString(element))
            except DecodeError:
                batch.refused += 1  # this record alone
    return batch


def _add(batch: Batch, message: StreamBatchesRequest) -> None:
    if message.HasField("position"):
        batch.source, batch.sequence = message.position.source, message.position.sequence
    batch.dropped.update(message.dropped)
    _add_requests(batch, message.requests)
    for snapshot in message.health:
        micros = snapshot.time.ToMicroseconds() if _is_plausible(snapshot.time.seconds * 1_000_000) else 0
        if _is_sound(snapshot.id, snapshot.tenant_id, micros):
            batch.rows_of(snapshot.tenant_id).health.append(_health_row(snapshot, micros))
        else:
            batch.refused += 1


def _add_requests(batch: Batch, records: Iterable[RequestRecord]) -> None:
    tenants = batch.tenants
    for record in records:
        tenant = record.tenant_id
        row = request_row(record)
        if row is None:
            batch.refused += 1
            continue
        rows = tenants.get(tenant) or batch.rows_of(tenant)
        rows.requests.append(row)
        if is_error(row[8], row[9], row[21]):
            rows.errors.append(_error_row(row))


def request_row(record: RequestRecord) -> Row | None:
    """The row of `requests`, text cut to the bounds of the contract; None without a usable identity or time.

    The hottest function of the service: 4 µs.
    """
    if not _is_sound(record.id, record.tenant_id, record.start_micros) or record.status > _HIGHEST_STATUS:
        return None
    return (
        record.id,
        record.start_micros,
        min(record.long_duration_micros or record.duration_micros, _BIGINT),
        _text(record.request_id, 128),
        _text(record.method, 32),
        _text(record.path, 2048),
        _text(record.route, 256),
        _text(record.service, 256),
        record.status,
        _text(record.code, 64),
        _text(record.principal_id, 256),
        _text(record.consumer, 256),
        _text(record.credential_id, 256),
        _text(record.client_address, 64),
        _text(record.host, 256),
        min(record.request_bytes, _BIGINT),
        min(record.response_bytes, _BIGINT),
        _text(record.upstream, 256),
        record.upstream_micros,
        min(record.config_version, _BIGINT),
        record.trace_id[:_ID_OCTETS],
        _text(record.stage, 32),
        _text(record.user_agent, 256),
        record.close_code if record.close_code <= _HIGHEST_CLOSE_CODE else 0,
    )


def is_error(status: int, code: str, stage: str) -> bool:
    """Whether a request makes an error event: 5xx, a timeout, or a body broken off. A refusal (4xx) is none."""
    refused = 400 <= status < 500
    return status >= 500 or code in _FAILURE_CODES or (stage != "" and not refused)


def _error_row(row: Row) -> Row:
    return (row[0], row[1], row[3], row[9], row[8], row[7], row[6], row[21], row[17])


def _health_row(snapshot: HealthSnapshot, micros: int) -> Row:
    return (
        snapshot.id,
        micros,
        _text(snapshot.service, 256),
        _text(snapshot.target, 256),
        snapshot.healthy,
        _text(snapshot.reason, 256),
        snapshot.duration_micros,
    )


def _is_sound(identifier: bytes, tenant: bytes, micros: int) -> bool:
    return len(identifier) == _ID_OCTETS and len(tenant) == _ID_OCTETS and _is_plausible(micros)


def _is_plausible(micros: int) -> bool:
    return 0 < micros < _LATEST_MICROS


def _text(value: str, limit: int) -> str:
    """At most `limit` characters, without NUL, which PostgreSQL's text cannot hold."""
    if "\0" in value:
        value = value.replace("\0", "")
    return value[:limit] if len(value) > limit else value
