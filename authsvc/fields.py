"""Checks the fields of a request and tells all that is wrong at once; bounds are those of the proto comments."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from penstock.errors.v1 import error_reason_pb2 as reasons

from domain.api_keys import KEY_ID
from domain.tenants import DEFAULT_TENANT, SHORT_ID, TenantId, parse_tenant_id
from svckit.errors import Fault, FieldFault

MAX_SCOPES: Final = 64
MAX_GRACE: Final = timedelta(days=7)
MAX_PAGE_SIZE: Final = 500
DEFAULT_PAGE_SIZE: Final = 100
# Slots are positions in one gateway's row of workers; the column is a PostgreSQL integer.
MAX_SLOT: Final = 65_535
_SCOPE: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_TIER: Final = re.compile(r"[A-Za-z0-9._-]{0,64}")
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")
_GATEWAY_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")


class FieldChecks:
    """Collects what is wrong with one request. Each check returns the value to use if all checks pass."""

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._clock = clock
        self._faults: list[FieldFault] = []

    def done(self) -> None:
        """Raises BAD_REQUEST with every fault found, or nothing."""
        if self._faults:
            raise Fault(reasons.ERROR_REASON_BAD_REQUEST, fields=tuple(self._faults))

    def expect(self, path: str, holds: bool, message: str) -> None:
        """Notes a fault of the field `path` unless `holds`."""
        if not holds:
            self._faults.append(FieldFault(path, message))

    def tenant(self, path: str, value: str) -> TenantId:
        tenant = parse_tenant_id(value)
        self.expect(path, tenant is not None, "must be a UUID in lower case")
        return tenant or DEFAULT_TENANT

    def short_id(self, path: str, value: str) -> str:
        return self._matching(path, value, SHORT_ID, "must be 8 base62 characters")

    def key_id(self, path: str, value: str) -> str:
        return self._matching(path, value, KEY_ID, "must be 8 base62 characters")

    def request_id(self, path: str, value: str) -> str:
        return self._matching(path, value, _REQUEST_ID, "must be 1–128 characters of [A-Za-z0-9._-]")

    def gateway_id(self, path: str, value: str) -> str:
        return self._matching(path, value, _GATEWAY_ID, "must be 1–64 characters of [A-Za-z0-9._-]")

    def tier(self, path: str, value: str) -> str:
        return self._matching(path, value, _TIER, "must be at most 64 characters of [A-Za-z0-9._-]")

    def slot(self, path: str, value: int) -> int:
        self.expect(path, value <= MAX_SLOT, f"must be at most {MAX_SLOT}")
        return value

    def uuid(self, path: str, value: str) -> UUID:
        try:
            return UUID(value)
        except ValueError:
            self.expect(path, False, "must be a UUID")
            return UUID(int=0)

    def name(self, path: str, value: str) -> str:
        """A name for people: 1–128 characters, nothing that could break a log line or a header."""
        self.expect(path, 1 <= len(value) <= 128 and value.isprintable(), "must be 1–128 printable characters")
        return value

    def scopes(self, path: str, values: Sequence[str]) -> list[str]:
        self.expect(path, len(values) <= MAX_SCOPES, f"must be at most {MAX_SCOPES}")
        for index, value in enumerate(values[:MAX_SCOPES]):
            fits = _SCOPE.fullmatch(value) is not None
            self.expect(f"{path}[{index}]", fits, "must be 1–128 characters of [A-Za-z0-9._:-]")
        return list(dict.fromkeys(values))

    def future(self, path: str, value: Timestamp | None) -> datetime | None:
        """A time to come, or None when the field is absent."""
        if value is None:
            return None
        try:
            time = value.ToDatetime(tzinfo=UTC)
        except (ValueError, OverflowError):
            self.expect(path, False, "must be a valid time")
            return None
        self.expect(path, time > self._clock(), "must lie in the future")
        return time

    def grace(self, path: str, value: Duration) -> timedelta:
        try:
            grace = value.ToTimedelta()
        except (ValueError, OverflowError):
            grace = timedelta(-1)
        self.expect(path, timedelta(0) <= grace <= MAX_GRACE, "must be 0 s – 7 days")
        return grace

    def page_size(self, path: str, value: int) -> int:
        self.expect(path, value <= MAX_PAGE_SIZE, f"must be 1–{MAX_PAGE_SIZE}")
        return value or DEFAULT_PAGE_SIZE

    def _matching(self, path: str, value: str, pattern: re.Pattern[str], message: str) -> str:
        self.expect(path, pattern.fullmatch(value) is not None, message)
        return value
