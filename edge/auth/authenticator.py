"""What the data plane asks about credentials: from memory when it can be trusted, else from authsvc."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

import grpc
from penstock.auth.v1.auth_service_pb2_grpc import AuthServiceStub
from penstock.errors.v1 import error_reason_pb2 as reasons

from domain import api_keys
from edge.auth.cache import CAPACITY, PrincipalCache
from edge.auth.clocks import Moment, steady_seconds
from edge.auth.comeback import Comeback
from edge.auth.fences import Fences
from edge.auth.lease import DEFAULT_MAX_STALE_SECONDS, Lease, Use
from edge.auth.lookups import TIMEOUT_SECONDS, AuthUnavailable, Lookups
from edge.auth.memory import Memory
from edge.auth.negatives import Negatives
from edge.auth.uses import Uses
from edge.auth.watch import RENEW_SECONDS, Watch
from edge.instance import Instance
from edge.principal import Credential, CredentialKind, Principal, Rejection

__all__ = ["AuthUnavailable", "Authenticator"]

MAX_CREDENTIAL_BYTES: Final = 8192
# A look-up that an invalidation overtakes is made again; three in a row is an authsvc that does not keep up.
_ATTEMPTS: Final = 3
# Credentials of ours that are not for the data plane: admin tokens, gateways' credentials.
_OTHER_SECRETS: Final = (b"psa_", b"psg_")
_KEY_INVALID: Final = Rejection(reasons.ERROR_REASON_KEY_INVALID)
_TOKEN_INVALID: Final = Rejection(reasons.ERROR_REASON_TOKEN_INVALID)


class Authenticator:
    """Proves principals for one worker. `run` must be running for anything to be looked up."""

    def __init__(
        self,
        channel: grpc.aio.Channel,
        instance: Instance,
        *,
        max_stale_seconds: float = DEFAULT_MAX_STALE_SECONDS,
        capacity: int = CAPACITY,
        timeout_seconds: float = TIMEOUT_SECONDS,
        renew_seconds: float = RENEW_SECONDS,
        clock: Callable[[], float] = time.time,
        steady: Callable[[], float] = steady_seconds,
    ) -> None:
        stub, comeback = AuthServiceStub(channel), Comeback()
        self._clock = clock
        self._steady = steady
        self._lease = Lease(max_stale_seconds)
        self._fences = Fences()
        cache = PrincipalCache(capacity)
        self._ready = cache.ready
        self._memory = Memory(cache, Negatives(), self._fences, self._lease)
        self._lookups = Lookups(stub, self._fences.ticket, comeback, steady, timeout_seconds)
        self._watch = Watch(stub, self._memory, instance, comeback, steady, renew_seconds)
        self._uses = Uses(stub)
        self._last_used = self._uses.last
        self.hits = 0
        self.misses = 0
        self.stale = 0
        """How often a principal was served without a lease, because authsvc was away."""

    async def run(self) -> None:
        """Runs the stream of look-ups, the watch, the renewal of the lease and the reports of uses until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._lookups.run())
            tasks.create_task(self._watch.run())
            tasks.create_task(self._uses.run())

    async def leave(self) -> None:
        """Tells authsvc that this worker serves no more; to be called when `run` has ended."""
        await self._watch.leave()
        await self._uses.tell()

    @property
    def lease_state(self) -> str:
        """`held`, `out` (every request is looked up) or `away` (authsvc does not answer)."""
        if self._steady() < self._lease.until:
            return "held"
        return "out" if self._lease.reachable else "away"

    @property
    def connected(self) -> bool:
        """Whether authsvc takes look-ups and the watch of invalidations has caught up."""
        return self._watch.in_step and not self._lookups.away

    @property
    def away(self) -> bool:
        """Whether the last attempt to reach authsvc failed."""
        return self._lookups.away

    @property
    def cached_principals(self) -> int:
        return len(self._memory.cache)

    def cached(self, credential: Credential, now: float) -> Principal | Rejection | None:
        """What is known of the credential at `now` (seconds since 1970); None: call `authenticate`.

        The first half is the hot path: a look-up and a few comparisons.
        """
        digest, steady = credential.digest, self._steady()
        entry = self._ready.get(digest)
        if (
            entry is not None
            and entry.seen == self._fences.applied
            and steady < entry.fresh_until
            and steady < self._lease.until
            and now < entry.principal.expires_at
        ):
            self.hits += 1
            principal = entry.principal
            self._last_used[principal.credential_id] = now
            return principal
        # The form last: it takes longer, and what is remembered has been judged by it.
        return self._recalled(digest, Moment(now, steady)) or _judged_by_form(credential)

    def unproven(self, credential: Credential) -> bool:
        """Whether nothing speaks for a credential that has to be looked up: it may be a guess, for all that is known
        here. One that proved somebody before is none, though the store is asked again."""
        return credential.digest not in self._memory.cache and _judged_by_form(credential) is None

    async def authenticate(self, credential: Credential, *, fresh: bool = False) -> Principal | Rejection:
        """Whom the credential proves, or why nobody.

        With `fresh` (critical routes) the store is asked whatever is cached. Raises AuthUnavailable when authsvc
        does not answer and nothing cached may be served.
        """
        refused = _judged_by_form(credential)
        if refused is not None:
            return refused
        digest = credential.digest
        if not fresh and (known := self._recalled(digest, self._now())) is not None:
            return known
        self.misses += 1
        try:
            return await self._looked_up(digest, credential)
        except AuthUnavailable:
            self._lease.reachable = False
            if not fresh and (stale := self._recalled(digest, self._now())) is not None:
                return stale
            raise

    def _recalled(self, digest: bytes, now: Moment) -> Principal | Rejection | None:
        recalled = self._memory.recall(digest, now)
        if recalled is None:
            return None
        found, use = recalled
        if use is Use.SERVE_STALE:
            self.stale += 1
        else:
            self.hits += 1
        if isinstance(found, Principal):
            self._last_used[found.credential_id] = now.wall
        return found

    def _now(self) -> Moment:
        return Moment(self._clock(), self._steady())

    async def _looked_up(self, digest: bytes, credential: Credential) -> Principal | Rejection:
        begun_at = self._steady()
        for _ in range(_ATTEMPTS):
            answer = await self._lookups.ask(digest, credential)
            self._lease.reachable = True
            now = self._now()
            if self._memory.settle(digest, answer, begun_at, now):
                if isinstance(answer.outcome, Principal):
                    self._last_used[answer.outcome.credential_id] = now.wall
                return answer.outcome
        raise AuthUnavailable


def _judged_by_form(credential: Credential) -> Rejection | None:
    """The refusal of a credential that need not be looked up: no key, no secret for here, too long."""
    if credential.kind is CredentialKind.API_KEY:
        return None if api_keys.parse(credential.value) is not None else _KEY_INVALID
    if credential.value.startswith(_OTHER_SECRETS):
        return _KEY_INVALID
    return None if 1 <= len(credential.value) <= MAX_CREDENTIAL_BYTES else _TOKEN_INVALID
