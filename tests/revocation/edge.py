"""`python -m tests.revocation.edge`: one edge's credentials and clients that ask about them as fast as they can.

Told by a line of JSON on standard input; says `ready`; at the end of its input says by a line of JSON what it did.
"""

import asyncio
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from uuid import uuid4

import orjson
import uvloop

from domain.tenants import DEFAULT_TENANT
from edge.auth.authenticator import Authenticator, AuthUnavailable
from edge.auth.clocks import steady_seconds
from edge.instance import Instance
from edge.principal import Credential, CredentialKind, Principal
from svckit import logs
from svckit.channels import open_channel
from svckit.identity import ProcessIdentity
from tests.revocation import delays
from tests.revocation.history import Report
from tests.revocation.plants import PLANTS

CLIENTS = 64
REST_SECONDS = 0.002
CRITICAL = 0.2
"""The share of requests that ask the store whatever is cached, so that look-ups never end."""


@dataclass(frozen=True, slots=True)
class Orders:
    """What an edge is told."""

    name: str
    target: str
    identity: str
    keys: list[str]
    max_stale: int
    renew_seconds: float
    delay_seconds: float
    seed: int
    plant: str


class Clients:
    """Ask about keys at random and note who is admitted."""

    def __init__(self, orders: Orders, authenticator: Authenticator) -> None:
        self._credentials = [Credential(CredentialKind.API_KEY, key.encode(), DEFAULT_TENANT) for key in orders.keys]
        self._authenticator = authenticator
        self._last_admitted: dict[int, float] = {}
        self._admitted = self._refused = self._unavailable = 0

    def report(self, name: str) -> Report:
        """What they have seen so far."""
        return Report(name, self._last_admitted, self._admitted, self._refused, self._unavailable)

    async def ask(self, drawn: Random) -> None:
        """One client, for ever."""
        while True:
            await self._once(drawn.randrange(len(self._credentials)), critical=drawn.random() < CRITICAL)
            await asyncio.sleep(drawn.random() * REST_SECONDS)

    async def _once(self, number: int, *, critical: bool) -> None:
        credential, begun_at = self._credentials[number], steady_seconds()
        found = None if critical else self._authenticator.cached(credential, time.time())
        if found is None:
            try:
                found = await self._authenticator.authenticate(credential, fresh=critical)
            except AuthUnavailable:
                self._unavailable += 1
                return
        if isinstance(found, Principal):
            self._admitted += 1
            self._last_admitted[number] = max(begun_at, self._last_admitted.get(number, 0.0))
        else:
            self._refused += 1


async def run(orders: Orders) -> None:
    """Asks until the end of the input."""
    delays.plant(asyncio.get_running_loop(), orders.delay_seconds, orders.seed)
    identity = ProcessIdentity.load(Path(orders.identity))
    async with open_channel(orders.target, identity, "authsvc") as channel:
        authenticator = Authenticator(
            channel,
            Instance(orders.name, 0, str(uuid4())),
            max_stale_seconds=orders.max_stale,
            renew_seconds=orders.renew_seconds,
        )
        clients = Clients(orders, authenticator)
        async with asyncio.TaskGroup() as tasks:
            work = [tasks.create_task(authenticator.run())]
            while authenticator.lease_state != "held":  # noqa: ASYNC110 - there is no event to wait for
                await asyncio.sleep(0.01)
            print("ready", flush=True)
            drawn = Random(orders.seed)  # noqa: S311 - no secret
            work += [tasks.create_task(clients.ask(drawn)) for _ in range(CLIENTS)]
            await asyncio.to_thread(sys.stdin.buffer.read)
            for each in work:
                each.cancel()
    print(orjson.dumps(asdict(clients.report(orders.name)), option=orjson.OPT_NON_STR_KEYS).decode(), flush=True)


if __name__ == "__main__":
    given = Orders(**orjson.loads(sys.stdin.buffer.readline()))
    PLANTS[given.plant]()
    logs.configure(given.name, "error", output=sys.stderr)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(given))
