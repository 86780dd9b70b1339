"""Checks the fields of a request and tells all that is wrong at once; bounds are those of the proto comments."""

import re
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp
from penstock.config.v1 import config_service_pb2 as pb
from penstock.config.v1 import tenant_pb2
from penstock.errors.v1 import error_reason_pb2 as reasons

from configsvc.validate.names import HOST
from domain.tenants import DEFAULT_TENANT, SLUG, TenantId, parse_tenant_id
from svckit.errors import Fault, FieldFault

MAX_PAGE_SIZE: Final = 500
DEFAULT_PAGE_SIZE: Final = 100
MAX_HOSTS: Final = 100
# Slots are positions in one gateway's row of workers; the column is a PostgreSQL integer.
MAX_SLOT: Final = 65_535
# PostgreSQL's bigint.
MAX_NUMBER: Final = 2**63 - 1
DEFAULT_SCOPE: Final = "default"
SUBSCRIPTION_STATUSES: Final = frozenset({"", "active", "trialing", "past_due", "canceled"})
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")
_GATEWAY_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_TIER: Final = re.compile(r"[A-Za-z0-9._-]{0,64}")


class FieldChecks:
    """Collects what is wrong with one request. Each check returns the value to use if all checks pass."""

    def __init__(self) -> None:
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

    def scope(self, path: str, value: str) -> TenantId | None:
        """None for all tenants (`default`), or the one tenant."""
        return None if value == DEFAULT_SCOPE else self.tenant(path, value)

    def instance(self, path: str, value: pb.Instance) -> pb.Instance:
        self._matching(f"{path}.gateway_id", value.gateway_id, _GATEWAY_ID, "must be 1–64 of [A-Za-z0-9._-]")
        self.expect(f"{path}.slot", value.slot <= MAX_SLOT, f"must be at most {MAX_SLOT}")
        try:
            UUID(value.boot_id)
        except ValueError:
            self.expect(f"{path}.boot_id", False, "must be a UUID")
        return value

    def number(self, path: str, value: int) -> int:
        self.expect(path, value <= MAX_NUMBER, f"must be at most {MAX_NUMBER}")
        return value

    def slug(self, path: str, value: str) -> str:
        return self._matching(path, value, SLUG, "must be 1–63 characters of [a-z0-9-], no hyphen at an end")

    def request_id(self, path: str, value: str) -> str:
        return self._matching(path, value, _REQUEST_ID, "must be 1–128 characters of [A-Za-z0-9._-]")

    def name(self, path: str, value: str) -> str:
        """A name for people, nothing that could break a log line or a header."""
        self.expect(path, 1 <= len(value) <= 128 and value.isprintable(), "must be 1–128 printable characters")
        return value

    def note(self, path: str, value: str, length: int) -> str:
        """A remark of people, empty or not."""
        printable = all(char.isprintable() or char in "\n\t" for char in value)
        self.expect(path, len(value) <= length and printable, f"must be at most {length} printable characters")
        return value

    def hosts(self, path: str, values: Sequence[str]) -> tuple[str, ...]:
        self.expect(path, len(values) <= MAX_HOSTS, f"must be at most {MAX_HOSTS}")
        self.expect(path, len(set(values)) == len(values), "must not name a host twice")
        for index, host in enumerate(values[:MAX_HOSTS]):
            fits = HOST.fullmatch(host) is not None
            self.expect(f"{path}[{index}]", fits, "must be a host name in lower case, without port")
        return tuple(values)

    def subscription(self, path: str, value: tenant_pb2.Subscription) -> None:
        self._matching(f"{path}.tier", value.tier, _TIER, "must be at most 64 characters of [A-Za-z0-9._-]")
        self.expect(
            f"{path}.status", value.status in SUBSCRIPTION_STATUSES, "must be active, trialing, past_due or canceled"
        )
        if value.HasField("valid_until"):
            self.time(f"{path}.valid_until", value.valid_until)

    def read_only(self, path: str, value: tenant_pb2.ReadOnly) -> None:
        self.note(f"{path}.reason", value.reason, 256)
        if value.HasField("until"):
            self.time(f"{path}.until", value.until)

    def time(self, path: str, value: Timestamp) -> None:
        try:
            value.ToDatetime()
        except (ValueError, OverflowError):
            self.expect(path, False, "must be a valid time")

    def page_size(self, path: str, value: int) -> int:
        self.expect(path, value <= MAX_PAGE_SIZE, f"must be 1–{MAX_PAGE_SIZE}")
        return value or DEFAULT_PAGE_SIZE

    def _matching(self, path: str, value: str, pattern: re.Pattern[str], message: str) -> str:
        self.expect(path, pattern.fullmatch(value) is not None, message)
        return value
