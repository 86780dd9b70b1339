"""The budget of an address for failed authentications: what credentials that prove nobody may cost authsvc.

Before a look-up the counter of the address is asked; after a refusal it is told. What is under way in between is kept
here: no more look-ups are let go at a time than the counter has room for, should all of them fail. The rest wait for
their turn. So a flood has the budget looked up and nothing more, and good callers are not refused for being many.
"""

import asyncio
from collections import deque
from contextlib import suppress
from typing import Final, Protocol, TypeAlias

from penstock.errors.v1 import error_reason_pb2 as reasons

from edge.limits.decision import Decision
from edge.limits.limiter import LimitUnavailable
from edge.limits.policy import LimitSet
from edge.principal import Credential, Principal, Rejection
from edge.story import in_task

COUNTED: Final = frozenset((reasons.ERROR_REASON_KEY_INVALID, reasons.ERROR_REASON_TOKEN_INVALID))
"""The refusals that count. A token that has expired or was revoked had been issued; clients show them without malice,
and nobody can make new ones."""


Proof: TypeAlias = Principal | Rejection | Decision


class Authenticating(Protocol):
    """Who looks credentials up."""

    async def authenticate(self, credential: Credential, *, fresh: bool = False) -> Principal | Rejection: ...


class Counting(Protocol):
    """Who has the counters. A cost of 0 asks without counting."""

    async def check(self, limits: LimitSet, cost: int = 1) -> Decision: ...


class FailureBudget:
    """Has credentials looked up as far as their addresses may; one per worker."""

    def __init__(self, authentication: Authenticating, limiter: Counting) -> None:
        self._authentication = authentication
        self._limiter = limiter
        self._turns: dict[bytes, _Turns] = {}
        self._proving: dict[tuple[bytes, bytes], asyncio.Task[Proof]] = {}

    def prove(self, credential: Credential, limits: LimitSet, *, fresh: bool = False) -> "asyncio.Task[Proof]":
        """Whom the credential proves; the decision that refuses to ask when the budget is used up. Who brings the same
        credential meanwhile has the same task.

        It raises what authentication raises, and LimitUnavailable.
        """
        name = (limits.key, credential.digest)
        task = self._proving.get(name)
        if task is None:
            task = self._proving[name] = in_task(self._prove(credential, limits, fresh=fresh))
            task.add_done_callback(lambda _: self._proving.pop(name))
        return task

    async def _prove(self, credential: Credential, limits: LimitSet, *, fresh: bool) -> Proof:
        turns = self._turns.get(limits.key)
        if turns is None:
            turns = self._turns[limits.key] = _Turns()
        turns.callers += 1
        try:
            refused = await self._turn(turns, limits)
            return refused or await self._looked_up(turns, credential, limits, fresh=fresh)
        finally:
            turns.callers -= 1
            turns.call(1)
            if not turns.callers:
                del self._turns[limits.key]

    async def _turn(self, turns: "_Turns", limits: LimitSet) -> Decision | None:
        """Takes a turn; the decision when there will be none."""
        while True:
            counted = turns.counted
            decision = await self._limiter.check(limits, 0)
            if decision.remaining == 0:
                turns.call(len(turns.waiting))
                return decision._replace(allowed=False, retry_after_millis=decision.reset_millis)
            if counted != turns.counted:
                continue  # what was asked before the last count may have overtaken it
            if turns.under_way < decision.remaining:
                turns.under_way += 1
                return None
            await turns.wait()

    async def _looked_up(
        self, turns: "_Turns", credential: Credential, limits: LimitSet, *, fresh: bool
    ) -> Principal | Rejection:
        try:
            found = await self._authentication.authenticate(credential, fresh=fresh)
            if isinstance(found, Rejection) and found.reason in COUNTED:
                with suppress(LimitUnavailable):  # refused it is, counted or not
                    await self._limiter.check(limits)
                turns.counted += 1
            return found
        finally:
            turns.under_way -= 1


class _Turns:
    """The look-ups of one address. Who waits is called by everybody who leaves: there is somebody to leave, because
    only look-ups that are under way make others wait."""

    def __init__(self) -> None:
        self.callers = 0
        self.under_way = 0
        self.counted = 0
        self.waiting: deque[asyncio.Future[None]] = deque()

    async def wait(self) -> None:
        """Returns when called."""
        called: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting.append(called)
        await called

    def call(self, number: int) -> None:
        """Calls so many of those who wait, the first first."""
        while number and self.waiting:
            called = self.waiting.popleft()
            if not called.done():  # else its request has ended
                called.set_result(None)
                number -= 1
