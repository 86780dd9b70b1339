"""A storm over the targets of a service, by a seed: they fail in all ways and come back, the config changes meanwhile,
and clients go on asking. One target stays well, so whatever may be sent again must be answered.

Longer storms: `python -m tests.edge.faults.storm --seed 7 --count 100`, or `make faults`.
"""

import argparse
import asyncio
import logging
import random
import re
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace

import structlog
import uvloop

from domain.tenants import DEFAULT_TENANT
from edge.resilience import Balance, Breaker, Policy, Retries
from edge.routing import Route, Timeouts
from edge.snapshot import GatewaySnapshot
from edge.upstream.breaker import State
from tests.edge.faults.resets import reset
from tests.edge.plane import Connection, Plane, plane, route

MODES = ("well", "refusing", "closing", "resetting", "away", "no HTTP", "half a head", "slow")
METHODS = ("GET", "GET", "GET", "PUT", "DELETE", "POST", "POST", "PATCH")
REPEATED = ("GET", "PUT", "DELETE")
CLIENTS = 6
REQUESTS = 400
STEP = 8
"""Requests between two changes of the weather."""
HEAL_SECONDS = 20.0
PATIENT = Timeouts(connect=10.0, response=20.0, idle=20.0)
BREAKER = Breaker(failures=3, open=0.05)
_ID = re.compile(rb"\r\nX-Number: (\d+)\r\n")
_LENGTH = re.compile(rb"\r\nContent-Length: (\d+)\r\n")


class Target:
    """A server on a port of its own that fails as it is told. `taken` are the requests that it has read, by number:
    whatever it then did, it may have carried them out."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.mode = "well"
        self.taken: Counter[int] = Counter()
        self.answered = 0
        self._server: asyncio.Server | None = None
        self._changing = asyncio.Lock()
        self._writers: set[asyncio.StreamWriter] = set()

    async def become(self, mode: str) -> None:
        """Fails in this way from now on."""
        async with self._changing:
            self.mode = mode
            if mode == "refusing":
                await self.close()
            elif self._server is None:
                self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
                self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Takes no connections, and cuts those that it has."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in self._writers:
            reset(writer)
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        with suppress(OSError, asyncio.IncompleteReadError):
            while await self._answer(reader, writer):
                pass
        self._writers.discard(writer)
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        found = _ID.search(head)
        assert found is not None
        number = int(found[1])
        self.taken[number] += 1
        if length := _LENGTH.search(head):
            await reader.readexactly(int(length[1]))
        body = b"%d" % number
        if writer.is_closing():
            return False
        match self.mode:
            case "closing":
                return False
            case "resetting":
                reset(writer)
                return False
            case "away":
                writer.write(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\naway")
                return True
            case "no HTTP":
                writer.write(b"SSH-2.0-x\r\n")
                return False
            case "half a head":
                writer.write(b"HTTP/1.1 200 OK\r\nContent-")
                await writer.drain()
                return False
            case "slow":
                await asyncio.sleep(0.01)
        if writer.is_closing():
            return False
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        self.answered += 1
        return True


@dataclass
class Storm:
    """One storm. `wrong` says what should never have been."""

    seed: int
    wrong: list[str] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    changes: Counter[str] = field(default_factory=Counter)

    async def rage(self) -> None:
        """Goes through all of it."""
        self._chance = random.Random(self.seed)  # noqa: S311 - a storm that can be repeated
        async with AsyncExitStack() as stack:
            self._targets = [Target(0) for _ in range(3)]
            for target in self._targets:
                await target.become("well")
                stack.push_async_callback(target.close)
            self._edge = await stack.enter_async_context(plane([self._route()]))
            self._left, self._done = iter(range(REQUESTS)), 0
            self._answers: dict[int, tuple[str, int, bytes]] = {}
            async with asyncio.TaskGroup() as clients:
                for _ in range(CLIENTS):
                    clients.create_task(self._ask())
            self._judge()
            await self._heal()

    def _route(self) -> Route:
        chance = self._chance
        ports = [target.port for target in self._targets]
        balance = Balance(chance.choice(list(Policy)))
        return route(
            *chance.sample(ports, len(ports)),
            timeouts=PATIENT,
            methods=frozenset(),
            resilience={"breaker": BREAKER, "retries": Retries(5, 100), "balance": balance},
        )

    async def _ask(self) -> None:
        async with connected(self._edge) as connect:
            client = await connect()
            for number in self._left:
                chance = random.Random(self.seed << 32 | number)  # noqa: S311
                method = chance.choice(METHODS)
                body = b"x" * chance.choice((0, 100)) if method in ("PUT", "POST", "PATCH") else b""
                head = f"{method} /api/x HTTP/1.1\r\nHost: localhost\r\nX-Number: {number}\r\n"
                await client.send(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
                answer = await client.answer()
                self._answers[number] = method, answer.status, answer.body
                self.statuses[answer.status] += 1
                if answer.fields.get("connection") == "close":
                    client = await connect()
                self._done += 1
                if self._done % STEP == 0:
                    await self._change()

    async def _change(self) -> None:
        """The weather changes: of any target but the first, or of the config."""
        if self._chance.random() < 0.25:
            self.changes["config"] += 1
            self._swap()
            return
        target, mode = self._chance.choice(self._targets[1:]), self._chance.choice(MODES)
        self.changes[mode] += 1
        await target.become(mode)

    def _swap(self) -> None:
        edge, changed = self._edge, self._route()
        view = edge.snapshot.tenants[DEFAULT_TENANT]
        before = self._known(edge.snapshot)
        rules = replace(view.rules, router=type(view.rules.router)([changed]), services=(changed.service,))
        view = replace(view, rules=rules)
        edge.snapshot = GatewaySnapshot(edge.snapshot.revision + 1, {DEFAULT_TENANT: view}, {}, {"default0": view})
        after = self._known(edge.snapshot)
        # time may have passed, so that an open breaker lets a request try its target
        lost = [port for port in before if before[port] is not State.CLOSED and after[port] is State.CLOSED]
        if lost:
            self.wrong.append(f"what was known of {lost} was lost with a config")

    def _known(self, snapshot: GatewaySnapshot) -> dict[int, State]:
        view = snapshot.tenants[DEFAULT_TENANT]
        fleet = self._edge.fleets.of(view, view.rules.services[0])
        return {member.target.port: member.condition.state for member in fleet.members}

    def _judge(self) -> None:
        taken = sum((target.taken for target in self._targets), Counter[int]())
        for number, (method, status, body) in self._answers.items():
            told = f"{method} {number}: {status} {body[:80]!r}"
            if status == 200 and body != b"%d" % number:
                self.wrong.append(f"{told} is the answer to another")
            if method in REPEATED and status != 200:
                self.wrong.append(f"{told} could have been served")
            if method not in REPEATED and taken[number] > 1:
                self.wrong.append(f"{told} was sent {taken[number]} times")
            if status == 200 and not taken[number]:
                self.wrong.append(f"{told} was never sent")

    async def _heal(self) -> None:
        """All targets are well again: before long all of them are in use."""
        for target in self._targets:
            await target.become("well")
        self._edge.snapshot = self._evened()
        begun = [target.answered for target in self._targets]
        try:
            async with asyncio.timeout(HEAL_SECONDS), connected(self._edge) as connect:
                client = await connect()
                while any(target.answered < before + 3 for target, before in zip(self._targets, begun, strict=True)):
                    await client.send(b"GET /api/x HTTP/1.1\r\nHost: localhost\r\nX-Number: 0\r\n\r\n")
                    await client.answer()
        except TimeoutError:
            states = self._known(self._edge.snapshot)
            self.wrong.append(f"not all targets came back: {states}")

    def _evened(self) -> GatewaySnapshot:
        """The present config, by which each target has its turn."""
        view = self._edge.snapshot.tenants[DEFAULT_TENANT]
        present = view.rules.router.routes[0]
        changed = replace(present, service=replace(present.service, balance=Balance()))
        rules = replace(view.rules, router=type(view.rules.router)([changed]), services=(changed.service,))
        view = replace(view, rules=rules)
        return GatewaySnapshot(self._edge.snapshot.revision + 1, {DEFAULT_TENANT: view}, {}, {"default0": view})


@asynccontextmanager
async def connected(edge: Plane) -> AsyncIterator["Connect"]:
    """Makes connections to the edge, each in the place of the one before."""
    connect = Connect(edge)
    yield connect
    connect.close()


class Connect:
    """Makes connections, each in the place of the one before."""

    def __init__(self, edge: Plane) -> None:
        self._edge = edge
        self._last: Connection | None = None

    async def __call__(self) -> Connection:
        self.close()
        self._last = await self._edge.connect()
        return self._last

    def close(self) -> None:
        if self._last is not None:
            self._last.close()


async def storm(seed: int) -> Storm:
    """One storm from its beginning to its end."""
    raging = Storm(seed)
    await raging.rage()
    return raging


def main() -> int:
    """Storms one after the other; 1 and their seeds when anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of the first storm; each other has the next number")
    parser.add_argument("--count", type=int, default=100, help="how many storms")
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    statuses, changes, failed = Counter[int](), Counter[str](), 0
    for seed in range(options.seed, options.seed + options.count):
        raging = uvloop.run(storm(seed))
        statuses += raging.statuses
        changes += raging.changes
        for each in raging.wrong:
            print(f"seed {seed}: {each}")
        failed += bool(raging.wrong)
    print(f"{options.count} storms, {failed} with faults; answers {dict(statuses)}; changes {dict(changes)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
