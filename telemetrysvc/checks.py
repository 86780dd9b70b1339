"""What is wrong with a request, all of it at once. Pure."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, TypeVar

from google.protobuf.timestamp_pb2 import Timestamp
from penstock.errors.v1 import error_reason_pb2 as reasons

from domain.tenants import TenantId, parse_tenant_id
from svckit.errors import Fault, FieldFault

DEFAULT_PAGE_SIZE: Final = 100
LARGEST_PAGE: Final = 1000
# 0: the client went away; else a status or a group.
_STATUS: Final = re.compile(r"0|[1-9][0-9]{2}|[1-5]xx")
_LATEST_SECONDS: Final = 253_402_300_799
T = TypeVar("T")


class Checks:
    """Collects faults; each check returns a value of the right type in any case, `raise_faults` ends it."""

    def __init__(self) -> None:
        self._faults: list[FieldFault] = []

    def add(self, path: str, message: str) -> None:
        self._faults.append(FieldFault(path, message))

    def raise_faults(self) -> None:
        """Raises BAD_REQUEST with all faults, if there are any."""
        if self._faults:
            raise Fault(reasons.ERROR_REASON_BAD_REQUEST, fields=tuple(self._faults))

    def tenant_id(self, text: str) -> TenantId:
        tenant = parse_tenant_id(text)
        if tenant is None:
            self.add("tenant_id", "is not a UUID in its canonical form")
            return TenantId("")
        return tenant

    def page_size(self, size: int) -> int:
        if size > LARGEST_PAGE:
            self.add("page_size", f"is more than {LARGEST_PAGE}")
        return size or DEFAULT_PAGE_SIZE

    def text(self, path: str, value: str, limit: int) -> str:
        if len(value) > limit:
            self.add(path, f"is longer than {limit} characters")
        if "\0" in value:
            self.add(path, "contains NUL")
        return value

    def status(self, value: str) -> str:
        if value and _STATUS.fullmatch(value) is None:
            self.add("status", "is neither a status like 404 nor a group like 4xx")
        return value

    def time(self, path: str, present: bool, value: Timestamp) -> datetime | None:
        """The moment in UTC, or None when it is absent."""
        if not present:
            return None
        if not 0 <= value.seconds <= _LATEST_SECONDS or not 0 <= value.nanos < 1_000_000_000:
            self.add(path, "is not between 1970 and 9999")
            return None
        return value.ToDatetime(UTC)

    def token(self, value: str, read: Callable[[str], T | None]) -> T | None:
        """What `read` makes of a page token; None when there is none."""
        if not value:
            return None
        token = read(value)
        if token is None:
            self.add("page_token", "is not the token of a page with these filters")
        return token
