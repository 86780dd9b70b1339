"""A Redis Cluster: a pipe to each primary, kept as the cluster changes; a batch decided slot by slot.

A check whose node is out of reach stays undecided, and the others do not: nothing is sent elsewhere, because a
counter that is counted twice is no limit.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

import structlog
from redis.exceptions import AskError, MovedError, RedisError, ResponseError, TryAgainError

from ratelimitsvc.batch import Batch
from ratelimitsvc.counters import CountersAway, Script, translated
from ratelimitsvc.leases import LeaseCall
from ratelimitsvc.redis_pipe import BACKOFF_SCALE, RedisAway, RedisPipe, ask
from ratelimitsvc.slots import SLOTS, Part, in_one_slot, joined, parts
from ratelimitsvc.topology import Address, ClusterUrl, Topology, read_topology
from svckit.backoff import delays

# How long the nodes' answers are waited for: the second time when none has come the first time.
_VIEW_SECONDS: Final = (0.1, 1.0)
# A slot under way to another node: sent on by the one, refused by the other while its keys are in both.
_ATTEMPTS: Final = 5
_MOVING_SECONDS: Final = 0.005
T = TypeVar("T")
log = structlog.get_logger()


class RedisCluster:
    """Pipes to the primaries, which `run` opens and keeps; arguments as those of `RedisPipe`.

    `connected` is set once the slots are known and every primary has been reached, or tried for a while.
    """

    def __init__(
        self, url: ClusterUrl, *, opening: tuple[str | bytes, ...], silence_seconds: float, unit: Callable[[], float]
    ) -> None:
        self._url: Final = url
        self._opening: Final = opening
        self._silence_seconds: Final = silence_seconds
        self._unit: Final = unit
        self._nodes: frozenset[Address] = frozenset()
        self._owners: list[Address | None] = [None] * SLOTS
        self._pipes: Final[dict[Address, RedisPipe]] = {}
        self._running: Final[dict[Address, asyncio.Task[None]]] = {}
        self._tasks: asyncio.TaskGroup | None = None
        self._doubted: Final = asyncio.Event()
        self.connected: Final = asyncio.Event()

    @property
    def away(self) -> bool:
        """Whether no node is within reach."""
        return not any(pipe.connected.is_set() for pipe in self._pipes.values())

    async def run_script(self, script: Script, slot: int, keys: Sequence[bytes], argument: bytes) -> bytes:
        """What the script returns, run where the slot is; RedisAway, ResponseError."""
        return await self._where(slot, lambda pipe, asking: script.run(pipe, keys, argument, asking=asking))

    async def drop(self, slot: int, keys: Sequence[bytes]) -> None:
        """Forgets `keys`, all of which are in the slot; RedisAway, ResponseError."""
        await self._where(slot, lambda pipe, asking: pipe.call("UNLINK", *keys, asking=asking))

    async def _where(self, slot: int, do: Callable[[RedisPipe, bool], Awaitable[T]]) -> T:
        """Does something on the pipe to the slot's node; what fails may have been done all the same."""
        try:
            return await self._follow(slot, do)
        except (RedisAway, ResponseError):
            self._doubted.set()
            raise

    async def _follow(self, slot: int, do: Callable[[RedisPipe, bool], Awaitable[T]]) -> T:
        node, asking = self._owners[slot], False
        for _ in range(_ATTEMPTS):
            if node is None:
                raise RedisAway("no node holds the slot")
            try:
                return await do(self._pipe(node), asking)
            except AskError as error:  # MOVED is one by type; either says that nothing was done
                asking = not isinstance(error, MovedError)
                if not asking:
                    self._doubted.set()
                node = (error.host or node[0], error.port)
                await self._reach(node)
            except TryAgainError:
                await asyncio.sleep(_MOVING_SECONDS)
        raise RedisAway("sent from node to node")

    def _pipe(self, node: Address) -> RedisPipe:
        """The pipe to a node; it is opened if there is none. RedisAway when the cluster is not followed any more."""
        if node not in self._pipes:
            if self._tasks is None:
                raise RedisAway("not running")
            pipe = RedisPipe(
                self._url.of(node), opening=self._opening, silence_seconds=self._silence_seconds, unit=self._unit
            )
            self._pipes[node] = pipe
            self._running[node] = self._tasks.create_task(pipe.run())
        return self._pipes[node]

    async def _reach(self, node: Address) -> None:
        """Returns when the pipe to a node is open; RedisAway when it stays away."""
        try:
            async with asyncio.timeout(self._silence_seconds):
                await self._pipe(node).connected.wait()
        except TimeoutError:
            raise RedisAway("not connected") from None

    async def run(self) -> None:
        """Follows the cluster until cancelled."""
        waits = delays(self._unit, scale=BACKOFF_SCALE)
        try:
            async with asyncio.TaskGroup() as self._tasks:
                self._doubted.set()
                while True:
                    await self._doubted.wait()
                    self._doubted.clear()
                    try:
                        self._adopt(await self._newest())
                    except RedisAway as error:
                        log.warning("the cluster is away", error=str(error))
                        self._doubted.set()
                    else:
                        waits = delays(self._unit, scale=BACKOFF_SCALE)
                        await self._reach_primaries()
                    await asyncio.sleep(next(waits))
        finally:
            self._tasks = None

    async def _newest(self) -> Topology:
        """What the node says that is to be believed most; RedisAway when none knows of any slot."""
        async with asyncio.TaskGroup() as tasks:
            asking = [tasks.create_task(self._view(node)) for node in self._nodes.union(self._url.nodes)]
            said: list[Topology | Exception] = []
            for patience in _VIEW_SECONDS:
                done, _ = await asyncio.wait(asking, timeout=patience)
                said = [view.result() for view in done]
                known = [view for view in said if isinstance(view, Topology) and view.owners]
                if known:
                    break
            for view in asking:
                view.cancel()
        if not known:
            raise RedisAway("; ".join(map(repr, said)))
        return max(known, key=lambda view: view.rank)

    async def _view(self, node: Address) -> Topology | Exception:
        try:
            info, slots = await ask(self._url.of(node), ("CLUSTER", "INFO"), ("CLUSTER", "SLOTS"))
            return read_topology(node, info, slots)
        except (RedisError, OSError, ValueError) as error:
            return error

    def _adopt(self, topology: Topology) -> None:
        owners: list[Address | None] = [None] * SLOTS
        for (first, last), node in topology.owners.items():
            owners[first : last + 1] = [node] * (last + 1 - first)
            self._pipe(node)
        if owners != self._owners:
            log.info("the cluster's slots", primaries=sorted(set(topology.owners.values())))
        self._owners = owners
        self._nodes = topology.nodes
        for node in self._pipes.keys() - topology.nodes:
            if self._pipes[node].idle:
                del self._pipes[node]
                self._running.pop(node).cancel()
            else:
                self._doubted.set()

    async def _reach_primaries(self) -> None:
        """Once, before the first decision: what is not there by then is done without."""
        if self.connected.is_set():
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(_VIEW_SECONDS)):
                await asyncio.gather(*(pipe.connected.wait() for pipe in self._pipes.values()))
        self.connected.set()


class ClusterCounters:
    """Decides batches on a cluster: one call of the script per slot, all of them under way at a time."""

    def __init__(self, cluster: RedisCluster, text: str) -> None:
        self._cluster = cluster
        self._script = Script(text)

    async def decide(self, batch: Batch) -> bytes:
        """The packed answer to `batch`, with checks undecided whose node is out of reach or refuses.

        Fault BAD_REQUEST for a check in several slots; CountersAway when no node at all is within reach.
        """
        cut = parts(batch)
        if len(cut) == 1:  # spares a task
            answers = [await self._decide(cut[0])]
        else:
            answers = await asyncio.gather(*map(self._decide, cut))
        if not any(answers) and self._cluster.away:
            raise CountersAway("no node of the cluster is within reach")
        return joined(cut, answers)

    async def _decide(self, part: Part) -> bytes | None:
        try:
            with translated():
                return await self._cluster.run_script(self._script, part.slot, part.batch.keys, part.batch.numbers)
        except CountersAway:
            return None

    async def drop(self, keys: Sequence[bytes]) -> None:
        """Forgets the counters of `keys`, all at once. Fault BAD_REQUEST: not in one slot; CountersAway."""
        slot, names = in_one_slot(keys, "limits")
        with translated():
            await self._cluster.drop(slot, names)


class ClusterSlots:
    """Leases slots on a cluster; the slots of the cluster are another matter."""

    def __init__(self, cluster: RedisCluster, text: str) -> None:
        self._cluster = cluster
        self._script = Script(text)

    async def run(self, request: LeaseCall) -> bytes:
        """The packed answer to `request` (see lease.lua). Fault BAD_REQUEST: not in one slot; CountersAway."""
        slot, names = in_one_slot(request.keys, request.field)
        with translated():
            return await self._cluster.run_script(self._script, slot, names, request.argument)
