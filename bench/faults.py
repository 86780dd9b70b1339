"""What can befall the limits: ratelimitsvc or its Redis stopped, killed, or out of reach in a network that swallows.

The Redis is one of our own; a suite is told a port that leads to it and can be made to let nothing through.
"""

import asyncio
import itertools
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Final, TypeAlias

import redis

from bench.processes import START_SECONDS, command_line, descendants
from penstockctl.embedded.valkey import PreparedValkey, prepare_valkey


class Passage:
    """A port of loopback that leads to a Unix socket, on a thread of its own. While it is shut, connections stand and
    nothing arrives; what was sent meanwhile arrives when it is open again, as TCP has it."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._loop = asyncio.new_event_loop()
        self._open = asyncio.Event()
        self._open.set()
        self._server = self._loop.run_until_complete(asyncio.start_server(self._lead, "127.0.0.1", 0))
        self.port = int(self._server.sockets[0].getsockname()[1])
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    def shut(self) -> None:
        """Lets nothing through from now on."""
        self._loop.call_soon_threadsafe(self._open.clear)

    def lead_to(self, target: Path) -> None:
        """Leads new connections to another socket."""
        self._target = target

    def open(self) -> None:
        """Lets everything through again."""
        self._loop.call_soon_threadsafe(self._open.set)

    def close(self) -> None:
        """Ends the port and its connections."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        leading = asyncio.all_tasks() - {asyncio.current_task()}
        for task in leading:
            task.cancel()
        await asyncio.gather(*leading, return_exceptions=True)

    async def _lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            await self._open.wait()
            there, away = await asyncio.open_unix_connection(str(self._target))
            with suppress(asyncio.CancelledError):
                await asyncio.gather(self._carry(reader, away), self._carry(there, writer))
            away.close()
        writer.close()

    async def _carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                await self._open.wait()
                sink.write(data)
                await sink.drain()
        except OSError:
            pass
        finally:
            sink.close()


class OwnRedis:
    """A Valkey of our own behind a passage, with its data and socket below `folder`; `url` is what others are told."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count()
        self._prepared = self._prepare()
        self.passage = Passage(self._prepared.socket)
        self.url = f"redis://127.0.0.1:{self.passage.port}/0"
        self.process = _started(self._prepared)

    def signal(self, number: int) -> None:
        """Sends it a signal."""
        self.process.send_signal(number)

    def restart(self) -> None:
        """Starts it again after its end."""
        self.process.wait()
        self.process = _started(self._prepared)

    @contextmanager
    def failing_over(self) -> Iterator[None]:
        """A replica that has everything and follows when the block begins takes its place when it ends."""
        prepared = self._prepare()
        replica = _started(prepared)
        try:
            with redis.Redis.from_url(self._prepared.url) as client:
                client.config_set("repl-diskless-sync-delay", 0)
            with redis.Redis.from_url(prepared.url) as client:
                client.replicaof("127.0.0.1", self.passage.port)
                _wait_until(lambda: client.info("replication")["master_link_status"] == "up")
                yield
                client.replicaof("NO", "ONE")
        except BaseException:
            _end(replica)
            raise
        _end(self.process)
        self._prepared, self.process = prepared, replica
        self.passage.lead_to(prepared.socket)

    def close(self) -> None:
        """Ends it."""
        self.passage.close()
        _end(self.process)

    def _prepare(self) -> PreparedValkey:
        folder = self._folder / str(next(self._numbers))
        return asyncio.run(prepare_valkey(folder / "valkey", folder / "s"))


def _started(prepared: PreparedValkey) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(prepared.command.argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with redis.Redis.from_url(prepared.url) as client:
            _wait_until(client.ping)
    except BaseException:
        _end(process)
        raise
    return process


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.wait()


def _wait_until(there: Callable[[], object]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with suppress(redis.RedisError):
            if there():
                return
        time.sleep(0.02)
    raise TimeoutError("Valkey did not start, or does not follow")


@contextmanager
def own_redis(folder: Path) -> Iterator[OwnRedis]:
    """Runs one on data in `folder`, whose path is short: the socket is in it."""
    owned = OwnRedis(folder)
    try:
        yield owned
    finally:
        owned.close()


Fault: TypeAlias = Callable[[int, OwnRedis], AbstractContextManager[None]]


@contextmanager
def _service_stopped(suite: int, _redis: OwnRedis) -> Iterator[None]:
    pid = _service(suite)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@contextmanager
def _service_killed(suite: int, _redis: OwnRedis) -> Iterator[None]:
    os.kill(_service(suite), signal.SIGKILL)  # the supervisor starts another
    yield


@contextmanager
def _redis_stopped(_suite: int, redis: OwnRedis) -> Iterator[None]:
    redis.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        redis.signal(signal.SIGCONT)


@contextmanager
def _redis_killed(_suite: int, redis: OwnRedis) -> Iterator[None]:
    redis.signal(signal.SIGKILL)
    try:
        yield
    finally:
        redis.restart()


@contextmanager
def _redis_failed_over(_suite: int, redis: OwnRedis) -> Iterator[None]:
    with redis.failing_over():
        redis.signal(signal.SIGKILL)
        yield


@contextmanager
def _redis_swallowed(_suite: int, redis: OwnRedis) -> Iterator[None]:
    redis.passage.shut()
    try:
        yield
    finally:
        redis.passage.open()


def _service(suite: int) -> int:
    """The process of ratelimitsvc below a supervisor."""
    return next(pid for pid in descendants(suite) if command_line(pid)[1:] == ["-m", "ratelimitsvc"])


FAULTS: Final[Mapping[str, Fault]] = {
    "ratelimitsvc stopped": _service_stopped,
    "ratelimitsvc killed": _service_killed,
    "Redis stopped": _redis_stopped,
    "Redis killed": _redis_killed,
    "Redis failed over to a replica": _redis_failed_over,
    "Redis in a black hole": _redis_swallowed,
}
"""Each begins with its block, whose end mends it; told the supervisor's process and the Redis."""
