"""Checks the fields of a request and tells all that is wrong at once; bounds are those of the proto comments."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from penstock.auth.v1.auth_service_pb2 import KeyUse

from authsvc.key_records import Labels, labels_of
from domain.api_keys import KEY_ID
from domain.tenants import DEFAULT_TENANT, SHORT_ID, TenantId, parse_tenant_id
from svckit.field_checks import RequestChecks

MAX_SCOPES: Final = 64
MAX_LABELS: Final = 16
MAX_USES: Final = 1000
MAX_IMPORT: Final = 100
SHA256_OCTETS: Final = 32
MAX_GRACE: Final = timedelta(days=7)
MAX_PAGE_SIZE: Final = 500
DEFAULT_PAGE_SIZE: Final = 100
# Slots are positions in one gateway's row of workers; the column is a PostgreSQL integer.
MAX_SLOT: Final = 65_535
_SCOPE: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_LABEL: Final = re.compile(r"[A-Za-z0-9._-]{1,63}")


class FieldChecks(RequestChecks):
    """Each check returns the value to use if all checks pass; `done` ends them."""

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        super().__init__()
        self._clock = clock

    def tenant(self, path: str, value: str) -> TenantId:
        return self.parsed(path, value, parse_tenant_id, "must be a UUID in lower case") or DEFAULT_TENANT

    def short_id(self, path: str, value: str) -> str:
        return self.matching(path, value, SHORT_ID, "must be 8 base62 characters")

    def key_id(self, path: str, value: str) -> str:
        return self.matching(path, value, KEY_ID, "must be 8 base62 characters")

    def request_id(self, path: str, value: str) -> str:
        return self.identifier(path, value, 128)

    def gateway_id(self, path: str, value: str) -> str:
        return self.identifier(path, value, 64)

    def tier(self, path: str, value: str) -> str:
        return self.identifier(path, value, 64, may_be_empty=True)

    def slot(self, path: str, value: int) -> int:
        return self.at_most(path, value, MAX_SLOT)

    def name(self, path: str, value: str) -> str:
        return self.printable(path, value, 128)

    def scopes(self, path: str, values: Sequence[str]) -> list[str]:
        self.at_most(path, len(values), MAX_SCOPES)
        for index, value in enumerate(values[:MAX_SCOPES]):
            self.matching(f"{path}[{index}]", value, _SCOPE, "must be 1–128 characters of [A-Za-z0-9._:-]")
        return list(dict.fromkeys(values))

    def labels(self, path: str, values: Mapping[str, str]) -> Labels:
        """Names and values in their order. A name that is none is not repeated in the fault."""
        self.at_most(path, len(values), MAX_LABELS)
        labels = labels_of(values)
        for name, value in labels[:MAX_LABELS]:
            if _LABEL.fullmatch(name) is None:
                self.expect(path, False, "must have names of 1–63 characters of [A-Za-z0-9._-]")
            else:
                self.matching(f"{path}[{name}]", value, _LABEL, "must be 1–63 characters of [A-Za-z0-9._-]")
        return labels

    def future(self, path: str, value: Timestamp | None) -> datetime | None:
        """A time to come, or None when the field is absent."""
        time = None if value is None else self.time(path, value)
        self.expect(path, time is None or time > self._clock(), "must lie in the future")
        return time

    def hashes(self, path: str, values: Sequence[bytes]) -> Sequence[bytes]:
        """SHA-256 hashes, one of each of the messages at `path`."""
        seen: set[bytes] = set()
        for index, value in enumerate(values):
            here = f"{path}[{index}].sha256"
            self.expect(here, len(value) == SHA256_OCTETS, f"must be {SHA256_OCTETS} octets")
            self.expect(here, value not in seen, "is in the request already")
            seen.add(value)
        return values

    def uses(self, path: str, values: Sequence[KeyUse]) -> list[tuple[str, datetime]]:
        """Keys by id with the times of their last use."""
        self.expect(path, 1 <= len(values) <= MAX_USES, f"must be 1–{MAX_USES}")
        uses = []
        for index, value in enumerate(values[:MAX_USES]):
            key_id = self.key_id(f"{path}[{index}].key_id", value.key_id)
            at = self.time(f"{path}[{index}].last_use_time", value.last_use_time)
            uses.append((key_id, at or self._clock()))
        return uses

    def grace(self, path: str, value: Duration) -> timedelta:
        try:
            grace = value.ToTimedelta()
        except (ValueError, OverflowError):
            grace = timedelta(-1)
        self.expect(path, timedelta(0) <= grace <= MAX_GRACE, "must be 0 s – 7 days")
        return grace

    def page_size(self, path: str, value: int) -> int:
        return self.optional_size(path, value, most=MAX_PAGE_SIZE, default=DEFAULT_PAGE_SIZE)
