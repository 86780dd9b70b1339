"""One request on its way to one of several targets: where it is sent, what it says of them, whether it is sent again.

Exchanges tell of the head of each answer, by which a target is judged before a long body has come; whoever sends the
request asks for the next target.
"""

from typing import Protocol

from edge.http.head import Head
from edge.upstream.breaker import FAILED_STATUSES, verdict_of
from edge.upstream.fleet import Fleet, Member
from edge.upstream.pool import Lease
from edge.upstream.retries import Attempt, Failure, failure_of, may_repeat


class Ended(Protocol):
    """How an exchange ended."""

    @property
    def status(self) -> int: ...
    @property
    def failure(self) -> int | None: ...
    @property
    def stage(self) -> str: ...
    @property
    def unsent(self) -> bool: ...
    @property
    def spared(self) -> bool: ...


class Errand:
    """The attempts of one request; those of a request that repeats it use it again. Its clock is the loop's."""

    __slots__ = ("_attempts", "_hurried", "_key", "_member", "_method", "_tried", "_turn", "_until", "fleet", "lease")

    def __init__(self, fleet: Fleet, head: Head, key: int | None) -> None:
        """`key` is what the fleet's hash goes by."""
        self.fleet = fleet
        self._method = head.method
        self._key = key
        self._member: Member | None = None
        self._tried: list[Member] = []
        self.lease: Lease
        """Of the target that it is on the way to."""

    def begin(self, now: float, seconds: float, *, hurried: bool = False) -> bool:
        """Takes a target for the request, which has so many seconds until its answer; False when none is in use.
        `hurried`: the caller wants it sooner than the service is given."""
        self._until, self._attempts, self._hurried = now + seconds, 0, hurried
        if self._tried:
            self._tried = []
        if self.fleet.service.retries is not None:
            self.fleet.budget.request(now)
        return self._take(now)

    def _take(self, now: float) -> bool:
        member = self._member = self.fleet.take(self._key, now, self._tried)
        if member is None:
            return False
        self._turn, self.lease = member.condition.turn, member.lease
        self._attempts += 1
        return True

    def give_back(self) -> None:
        """Sends nothing to the target."""
        if self._member is not None:
            self.fleet.over(self._member, self._turn)
            self._member = None

    def heard(self, status: int, answering: bool, replayable: bool, now: float) -> bool:
        """Takes the status of the answer's head; tells whether the answer is to be dropped, because the request is
        going to be sent again. `answering`: the client has seen octets of an answer already."""
        member = self._member
        if member is None:
            return False
        verdict, reason = verdict_of(status, None, hurried=self._hurried)
        self.fleet.judge(member, self._turn, verdict, reason, now)
        if status not in FAILED_STATUSES or not self.fleet.usable:
            return False
        return self._may_repeat(Failure.ERROR, answering, replayable, now)

    def ended(self, outcome: Ended, now: float) -> None:
        """Takes the end of an attempt; the head of its answer was heard. An old connection that turned out closed says
        nothing of its target."""
        member = self._member
        if member is None:
            return
        if outcome.failure is not None and not outcome.unsent:
            verdict, reason = verdict_of(outcome.status, outcome.failure, hurried=self._hurried)
            self.fleet.judge(member, self._turn, verdict, reason, now)
        self.fleet.over(member, self._turn)
        self._tried.append(member)
        self._member = None

    def again(self, outcome: Ended, answering: bool, replayable: bool, now: float) -> bool:
        """Takes another target for a request whose attempt ended so; False when it is not sent again."""
        if not outcome.spared:
            failure = failure_of(outcome.status, outcome.failure, outcome.stage)
            if failure is Failure.ERROR or not self._may_repeat(failure, answering, replayable, now):
                return False
        return self._take(now)

    def seconds_left(self, now: float) -> float:
        """Until the answer must be there."""
        return self._until - now

    def _may_repeat(self, failure: Failure, answering: bool, replayable: bool, now: float) -> bool:
        retries = self.fleet.service.retries
        if retries is None:
            return False
        attempt = Attempt(failure, self._method, self._attempts, answering, replayable, self._until - now)
        if not may_repeat(attempt, retries.attempts):
            return False
        allowed = self.fleet.budget.take(now)
        self.fleet.listener.repeated(allowed)
        return allowed
