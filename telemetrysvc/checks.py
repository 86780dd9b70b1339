"""What is wrong with a request of this service, all of it at once. Pure."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, TypeVar

from google.protobuf.timestamp_pb2 import Timestamp

from domain.tenants import DEFAULT_TENANT, TenantId, parse_tenant_id
from svckit.field_checks import RequestChecks

DEFAULT_PAGE_SIZE: Final = 100
LARGEST_PAGE: Final = 1000
# 0: the client went away; else a status or a group.
_STATUS: Final = re.compile(r"0|[1-9][0-9]{2}|[1-5]xx")
_EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
T = TypeVar("T")


class Checks(RequestChecks):
    """Each check returns the value to use if all checks pass; `done` ends them."""

    def tenant(self, value: str) -> TenantId:
        return self.parsed("tenant_id", value, parse_tenant_id, "must be a UUID in lower case") or DEFAULT_TENANT

    def status(self, value: str) -> str:
        fits = not value or _STATUS.fullmatch(value) is not None
        self.expect("status", fits, "must be a status like 404 or a group like 4xx")
        return value

    def bound(self, path: str, present: bool, value: Timestamp) -> datetime | None:
        """An end of a span of time, or None when it is absent."""
        if not present:
            return None
        time = self.time(path, value)
        self.expect(path, time is None or time >= _EARLIEST, "must lie between 1970 and 9999")
        return time

    def token(self, value: str, read: Callable[[str], T | None]) -> T | None:
        """What `read` makes of a page token; None when there is none."""
        if not value:
            return None
        return self.parsed("page_token", value, read, "must be the token of a page with these filters")

    def page_size(self, value: int) -> int:
        return self.optional_size("page_size", value, most=LARGEST_PAGE, default=DEFAULT_PAGE_SIZE)
