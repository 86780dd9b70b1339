"""Starts a plan of processes in order, keeps them alive, replaces them when asked, stops them in reverse order."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager

from penstockctl.cluster.output import ClusterLog
from penstockctl.cluster.process import SupervisedProcess
from penstockctl.cluster.process_spec import ProcessSpec, stop_waves
from penstockctl.faults import OperatorError
from svckit.backoff import delays

# On one machine nobody else is in the way of a restart: an eighth to a quarter of a second at first, 7 s at most.
_RESTART_SCALE = 0.25


def restart_delays() -> Iterator[float]:
    """The pauses before the restarts of a process that keeps dying, in seconds."""
    return delays(random.SystemRandom().random, scale=_RESTART_SCALE)


class Supervisor:
    """The processes of one cluster. Made by `supervised`, which also stops them."""

    def __init__(
        self,
        tasks: asyncio.TaskGroup,
        log: ClusterLog,
        delays: Callable[[], Iterator[float]] = restart_delays,
    ) -> None:
        self._tasks = tasks
        self._log = log
        self._delays = delays
        self._processes: dict[str, SupervisedProcess] = {}
        self._predecessors: dict[str, SupervisedProcess] = {}
        """Those that are being replaced."""

    async def start(self, specs: Sequence[ProcessSpec]) -> None:
        """Start `specs`, each when those it comes after are ready; returns when all gates have opened.

        `specs` stand in an order in which each comes after those it names; they may name processes of an
        earlier call. OperatorError: one will not become ready.
        """
        added = [self._add(spec) for spec in specs]
        for process in added:
            await process.started.wait()
            if process.failure:
                raise OperatorError(process.failure)

    async def replace(self, name: str) -> None:
        """Exchange a process for a new one on the same inherited sockets, ready before the old one is told to stop.

        OperatorError: the new one does not become ready; the old one stays.
        """
        predecessor = self._predecessors[name] = self._processes[name]
        successor = self._add(predecessor.spec)
        await successor.started.wait()
        if successor.failure:
            self._processes[name] = self._predecessors.pop(name)
            raise OperatorError(successor.failure)
        # In a task: when this wait is cancelled, the drain goes on.
        await asyncio.shield(self._tasks.create_task(self._stop(predecessor)))
        del self._predecessors[name]

    async def stop(self) -> None:
        """Stop all, whoever depends on others before them; each has its drain time, then it is killed."""
        for names in stop_waves([process.spec for process in self._processes.values()]):
            async with asyncio.TaskGroup() as stopping:
                for name in names:
                    for process in self._all(name):
                        stopping.create_task(self._stop(process))

    def kill(self) -> None:
        """End all at once, without drain, as somebody asked for."""
        self._log.say("killing what still runs, as asked")
        for name in self._processes:
            for process in self._all(name):
                process.kill()

    def _all(self, name: str) -> list[SupervisedProcess]:
        """The process of this name, and the one that it is replacing."""
        return [each[name] for each in (self._processes, self._predecessors) if name in each]

    def _add(self, spec: ProcessSpec) -> SupervisedProcess:
        process = SupervisedProcess(spec, self._log, self._delays)
        ready_before = [self._processes[name] for name in spec.after]
        self._processes[spec.name] = process
        self._tasks.create_task(process.run(ready_before), name=spec.name)
        return process

    async def _stop(self, process: SupervisedProcess) -> None:
        if not await process.stop():
            self._log.say(f"{process.spec.name} did not end in time and was killed")


@asynccontextmanager
async def supervised(
    log: ClusterLog, delays: Callable[[], Iterator[float]] = restart_delays
) -> AsyncIterator[Supervisor]:
    """A supervisor whose processes are all gone when the context has been left, for whatever reason."""
    failure: Exception | None = None
    async with asyncio.TaskGroup() as tasks:
        supervisor = Supervisor(tasks, log, delays)
        try:
            yield supervisor
        except Exception as error:
            failure = error  # raised below: the group would wrap it into an ExceptionGroup
        finally:
            await supervisor.stop()
    if failure is not None:
        raise failure
