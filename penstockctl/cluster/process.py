"""One supervised process: started, watched, restarted when it dies, stopped when asked."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator
from typing import cast

from penstockctl.cluster.output import ClusterLog
from penstockctl.cluster.process_spec import ProcessSpec
from penstockctl.cluster.ready_line import Opening, readiness_of
from penstockctl.spawn import end, spawn

# A process that dies this often before it ever was ready will not become ready by patience.
_EARLY_ENDS = 3
# By our processes' word: settings or key files are at fault, which no restart mends.
_SETTINGS_AT_FAULT = 2
# Ready for this long: the next death begins a new series of delays.
_STEADY_SECONDS = 10.0
# A grandchild may hold the pipe of a dead process open.
_LAST_WORDS_SECONDS = 1.0


class SupervisedProcess:
    """Keeps `spec` alive. `started` is set when it was ready once, or when it never will be (`failure`)."""

    def __init__(self, spec: ProcessSpec, log: ClusterLog, restart_delays: Callable[[], Iterator[float]]) -> None:
        self.spec = spec
        self.started = asyncio.Event()
        self.failure: str | None = None
        self._log = log
        self._restart_delays = restart_delays
        self._stopping = asyncio.Event()
        self._finished = asyncio.Event()
        self._child: asyncio.subprocess.Process | None = None
        self._ready_since: float | None = None
        self._killed = False

    async def run(self, ready_before: list["SupervisedProcess"]) -> None:
        """Wait for the processes it depends on, then keep it alive until `stop`. Never raises for a death."""
        try:
            for other in ready_before:
                await self._ready_or_stopping(other)
                if other.failure:
                    self._fail(f"{self.spec.name} was not started, because {other.spec.name} failed.")
            await self._keep_alive()
        finally:
            self._finished.set()
            self.started.set()

    async def stop(self) -> bool:
        """End it, by force when its drain takes too long (False). A kill that was asked for took no time (True)."""
        self._stopping.set()
        orderly = True
        if self._child is not None:
            seconds = 0 if self._killed else self.spec.drain_seconds
            orderly = await end(self._child, self.spec.command.stop_signal, seconds)
        await self._finished.wait()
        return orderly or self._killed

    def kill(self) -> None:
        """End it now."""
        self._killed = True
        self._stopping.set()
        if self._child is not None and self._child.returncode is None:
            self._child.kill()

    async def _keep_alive(self) -> None:
        delays = self._restart_delays()
        early_ends = 0
        while not self._stopping.is_set():
            code = await self._live_once()
            if self._stopping.is_set():
                return
            if not self.started.is_set():
                early_ends += 1
                if self.failure or code == _SETTINGS_AT_FAULT or early_ends == _EARLY_ENDS:
                    self._fail(f"{self.spec.name} did not start ({_describe(code)}); its log is above.")
                    return
            if self._was_steady():
                delays = self._restart_delays()
            delay = next(delays)
            self._log.say(f"{self.spec.name} ended ({_describe(code)}), starting it again in {delay:.1f} s")
            await self._pause(delay)

    async def _live_once(self) -> int:
        self._ready_since = None
        with readiness_of(self.spec) as (command, opening):
            return await self._live(await spawn(command, asyncio.subprocess.PIPE), opening)

    async def _live(self, child: asyncio.subprocess.Process, opening: Opening) -> int:
        self._child = child
        try:
            async with asyncio.TaskGroup() as tasks:
                relay = tasks.create_task(self._log.relay(self.spec.name, cast(asyncio.StreamReader, child.stdout)))
                gate = tasks.create_task(self._pass_gate(child, opening))
                if self._stopping.is_set():  # asked to stop while it was being started
                    await end(child, self.spec.command.stop_signal, self.spec.drain_seconds)
                code = await child.wait()
                gate.cancel()
                await asyncio.wait({relay}, timeout=_LAST_WORDS_SECONDS)
                relay.cancel()
            return code
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
            self._child = None

    async def _pass_gate(self, child: asyncio.subprocess.Process, opening: Opening) -> None:
        try:
            async with asyncio.timeout(self.spec.start_seconds):
                opened = await opening(lambda: child.returncode is None)
        except TimeoutError:
            self._log.say(f"{self.spec.name} was not ready within {self.spec.start_seconds:g} s")
            if not self.started.is_set():
                self._fail(f"{self.spec.name} was not ready within {self.spec.start_seconds:g} s.")
            child.kill()
            return
        if opened and child.returncode is None:
            self._ready_since = asyncio.get_running_loop().time()
            self._log.say(f"{self.spec.name} is ready")
            self.started.set()

    async def _ready_or_stopping(self, other: "SupervisedProcess") -> None:
        async with asyncio.TaskGroup() as tasks:
            events = (other.started, self._stopping)
            waits = {tasks.create_task(event.wait()) for event in events}
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    def _was_steady(self) -> bool:
        now = asyncio.get_running_loop().time()
        return self._ready_since is not None and now - self._ready_since >= _STEADY_SECONDS

    def _fail(self, sentence: str) -> None:
        self.failure = self.failure or sentence
        self._stopping.set()
        self.started.set()


def _describe(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"
