"""What remains of an answered request: a count, a log line, a telemetry record. Never waits, never fails a request."""

import time
from collections.abc import Callable

from penstock.errors.v1 import error_reason_pb2 as reasons

from domain.tenants import DEFAULT_TENANT
from edge.access_log import AccessLog
from edge.sampling import ALL, Share
from edge.tally import Tally
from edge.visit import Visit, log_line, record_octets, start_line
from svckit.errors import CATALOGUE

RATE_LIMITED = CATALOGUE[reasons.ERROR_REASON_RATE_LIMITED].name
UNAVAILABLE = CATALOGUE[reasons.ERROR_REASON_AUTH_UNAVAILABLE].name
REJECTED = frozenset(
    CATALOGUE[reason].name
    for reason in (
        reasons.ERROR_REASON_KEY_INVALID,
        reasons.ERROR_REASON_TOKEN_INVALID,
        reasons.ERROR_REASON_TOKEN_EXPIRED,
        reasons.ERROR_REASON_TOKEN_STALE,
        reasons.ERROR_REASON_TOKEN_REVOKED,
    )
)
TIMED_OUT = CATALOGUE[reasons.ERROR_REASON_DOWNSTREAM_TIMEOUT].name


class Records:
    """Keeps the records of one worker. `access_log` is None where none is wanted; `logged` is the part of the requests
    that have a line besides those that failed."""

    def __init__(
        self,
        tally: Tally,
        access_log: AccessLog | None,
        note: Callable[[bytes], None],
        logged: Share = ALL,
    ) -> None:
        self._tally = tally
        self._access_log = access_log
        self._note = note
        self._logged = logged

    def begin(self, visit: Visit) -> None:
        """Notes that a request has begun."""
        if self._access_log is not None and visit.head is not None and self._logged.takes(visit.id):
            self._access_log.line(visit.request.started_time, start_line(visit, visit.head), "debug")

    def keep(self, visit: Visit) -> None:
        """Takes a finished visit into the books. What belongs to no tenant is recorded in `default`."""
        # not the loop's time: that stands still for the length of an iteration, and counts whole milliseconds
        seconds = time.perf_counter() - visit.request.started_at
        tenant = visit.tenant.id if visit.tenant is not None else DEFAULT_TENANT
        method = visit.head.method if visit.head is not None else "(none)"
        tally = self._tally
        if visit.close_code:  # the time until it was open; what passed through it has counts of its own
            count = tally.request(method, visit.template, visit.status, visit.upstream_seconds, 0, 0)
        else:
            count = tally.request(
                method, visit.template, visit.status, seconds, visit.request.body_bytes, visit.response_bytes
            )
        if visit.code == RATE_LIMITED:
            count.rate_limited += 1
        elif visit.code == TIMED_OUT:
            count.timed_out += 1
        if visit.principal is not None:
            tally.event("gateway_auth_attempts", "success")
        elif visit.code in REJECTED:
            tally.event("gateway_auth_attempts", "failure")
        elif visit.code == UNAVAILABLE:
            tally.event("gateway_auth_attempts", "unavailable")
        self._note(record_octets(visit, tenant, seconds))
        if self._access_log is not None and (self._logged.takes(visit.id) or _failed(visit)):
            self._access_log.line(time.time(), log_line(visit, tenant, seconds))


def _failed(visit: Visit) -> bool:
    """Whether it was answered 5xx, not at all or not to the end. Other refusals are ordinary, and come in floods."""
    return visit.status >= 500 or not visit.status or bool(visit.stage)
