"""Whether a failed request is sent again: only when it cannot be carried out twice by it, and within a budget. Pure.

docs/decisions/0011 says what is safe whatever the config says; this is what a service asks for besides.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from penstock.errors.v1 import error_reason_pb2 as reasons

from edge.upstream.breaker import FAILED_STATUSES

IDEMPOTENT: Final = frozenset(("GET", "HEAD", "PUT", "DELETE", "OPTIONS"))
REPLAYED_BYTES: Final = 64 * 1024
"""Of a request's body that is kept to be sent again."""
SPARE: Final = 3
"""Repeats that are allowed in a window whatever the budget, as in Envoy: with few requests a share of them is none."""
WINDOW_SECONDS: Final = 10.0


class Failure(Enum):
    """How far a failed request got."""

    UNSENT = "no octet of it was sent"
    UNANSWERED = "sent, and no answer came"
    ERROR = "answered by 502, 503 or 504"
    FINAL = "nothing that another attempt could mend"


@dataclass(frozen=True, slots=True)
class Attempt:
    """A request that failed, as the decision sees it. `attempts` is how often it was sent; `answering`: the client has
    seen octets of an answer; `replayable`: its body is there to be sent again, or there is none; `seconds_left` for
    its answer."""

    failure: Failure
    method: str
    attempts: int
    answering: bool
    replayable: bool
    seconds_left: float


def failure_of(status: int, failure: int | None, stage: str) -> Failure:
    """How far an exchange got that ended so; `status` is 0 when no head came."""
    connecting = stage == "connect"
    if failure == reasons.ERROR_REASON_DOWNSTREAM_UNREACHABLE or (failure is not None and connecting):
        return Failure.UNSENT
    if failure in (reasons.ERROR_REASON_DOWNSTREAM_RESET, reasons.ERROR_REASON_DOWNSTREAM_INVALID) and not status:
        return Failure.UNANSWERED
    return Failure.ERROR if failure is None and status in FAILED_STATUSES else Failure.FINAL


def may_repeat(attempt: Attempt, most: int) -> bool:
    """Whether the request may be sent once more, `most` times in all."""
    if attempt.answering or attempt.attempts >= most or attempt.seconds_left <= 0:
        return False
    if attempt.failure is Failure.UNSENT:
        return True
    return attempt.failure is not Failure.FINAL and attempt.method in IDEMPOTENT and attempt.replayable


class Budget:
    """Bounds the repeats of a service to a share of its requests, so that retries never make an outage worse.

    Counts over windows of ten seconds: in each, `SPARE` and `percent` of the requests of this window and the one
    before.
    """

    __slots__ = ("_before", "_ends", "_repeats", "_requests", "percent")

    def __init__(self, percent: int) -> None:
        self.percent = percent
        self._requests = self._before = self._repeats = 0
        self._ends = 0.0

    def request(self, now: float) -> None:
        """Notes a request, its repeats not counted."""
        if now >= self._ends:
            self._turn(now)
        self._requests += 1

    def take(self, now: float) -> bool:
        """Whether one more repeat is within the budget; it is taken from it then."""
        if now >= self._ends:
            self._turn(now)
        if (self._repeats + 1 - SPARE) * 100 > self.percent * (self._requests + self._before):
            return False
        self._repeats += 1
        return True

    def _turn(self, now: float) -> None:
        recent = now < self._ends + WINDOW_SECONDS
        self._before, self._requests, self._repeats = self._requests if recent else 0, 0, 0
        self._ends = now + WINDOW_SECONDS
