"""One connection to Redis on which calls do not wait for each other: commands go out as they come, replies come
back in their order.

redis-py's client takes a connection out of a pool for each command, which costs more than deciding 64 checks; its
connection object (URL forms, AUTH, SELECT, TLS, hiredis) is used here without that.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import hiredis
import structlog
from redis import exceptions
from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from svckit.backoff import delays

# Redis is next door: tried again after 50 ms at first, 3 s at last.
BACKOFF_SCALE: Final = 0.1
_CONNECT_SECONDS: Final = 2.0
_ASKING: Final = hiredis.pack_command(("ASKING",))
log = structlog.get_logger()


class RedisAway(Exception):
    """Redis did not answer: no connection, lost meanwhile, or silent too long. The text is for logs."""


class RedisPipe:
    """Calls Redis over one connection, which `run` opens, and opens again when it is lost.

    It is lost, too, when nothing comes for `silence_seconds` while a reply is due, and given up when the server is a
    replica by now: the name may lead to another one. `opening` is sent first on each connection. `unit` draws from
    [0, 1) for the waits between attempts.
    """

    def __init__(
        self, url: str, *, opening: tuple[str | bytes, ...], silence_seconds: float, unit: Callable[[], float]
    ) -> None:
        self._url: Final = url
        self._opening: Final = opening
        self._silence_seconds: Final = silence_seconds
        self._unit: Final = unit
        self._unsent: list[bytes] = []
        self._wake: Final = asyncio.Event()
        self._due: Final[deque[asyncio.Future[Any]]] = deque()
        self._patience: asyncio.Timeout | None = None
        self.connected: Final = asyncio.Event()

    async def call(self, *command: str | bytes | int, asking: bool = False) -> Any:
        """The reply to a command; RedisAway, or ResponseError for a reply that is an error.

        `asking` has a cluster's node serve a slot that is on its way to it, for this command alone.
        """
        if not self.connected.is_set():
            raise RedisAway("not connected")
        reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        idle = not self._due
        if asking:
            unwanted: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            unwanted.cancel()
            self._due.append(unwanted)
            self._unsent.append(_ASKING)
        self._due.append(reply)
        # The connection's own packing is Python: 100 µs for 64 keys.
        self._unsent.append(hiredis.pack_command(command))  # type: ignore[arg-type]  # the stub knows one-tuples only
        self._wake.set()
        if idle:
            self._renew_patience()
        return await reply

    @property
    def idle(self) -> bool:
        """Whether no reply is due."""
        return not self._due

    async def run(self) -> None:
        """Keeps the connection open until cancelled."""
        waits = delays(self._unit, scale=BACKOFF_SCALE)
        while True:
            connection = _connection(self._url)
            try:
                await self._open(connection)
                waits = delays(self._unit, scale=BACKOFF_SCALE)
                async with asyncio.TaskGroup() as directions:
                    directions.create_task(self._write(connection))
                    directions.create_task(self._read(connection))
            except* (exceptions.RedisError, OSError) as group:  # TimeoutError is an OSError
                log.warning("redis is away", error="; ".join(map(repr, group.exceptions)), **_name(connection))
            finally:
                self._close()
                await connection.disconnect(nowait=True)
            await asyncio.sleep(next(waits))

    async def _open(self, connection: AbstractConnection) -> None:
        async with asyncio.timeout(_CONNECT_SECONDS):
            await connection.connect()  # type: ignore[no-untyped-call]
            await connection.send_command(*self._opening, check_health=False)
            await connection.read_response()
        self.connected.set()
        log.info("redis is there", **_name(connection))

    async def _write(self, connection: AbstractConnection) -> None:
        """Sends what is there, at once. No caller waits in it: one that is cancelled there would end the connection,
        and one that comes after that would open another."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            unsent, self._unsent = self._unsent, []
            try:
                await connection.send_packed_command(unsent, check_health=False)
            except RuntimeError as error:  # uvloop's word for a connection that is lost, before the reader hears of it
                raise exceptions.ConnectionError(str(error)) from error

    async def _read(self, connection: AbstractConnection) -> None:
        try:
            async with asyncio.timeout(None) as self._patience:
                self._renew_patience()
                while True:
                    self._hand_out(await _reply(connection))
        finally:
            self._close()  # at once: a patience that has ended cannot be renewed by the next caller

    def _hand_out(self, reply: Any) -> None:
        due = self._due.popleft()
        self._renew_patience()
        if due.done():
            return  # the caller has gone
        if isinstance(reply, Exception):
            due.set_exception(reply)
        else:
            due.set_result(reply)

    def _renew_patience(self) -> None:
        """Waits a full silence from now if something is due, and without end if not."""
        if self._patience is not None:
            self._patience.reschedule(asyncio.get_running_loop().time() + self._silence_seconds if self._due else None)

    def _close(self) -> None:
        self._patience = None
        self.connected.clear()
        self._wake.clear()
        self._unsent.clear()
        while self._due:
            due = self._due.popleft()
            if not due.done():
                due.set_exception(RedisAway("the connection was lost"))


async def ask(url: str, *commands: tuple[str, ...]) -> list[Any]:
    """The replies to commands, one after the other, on a connection of their own; RedisError, OSError."""
    connection = _connection(url)
    replies = []
    try:
        await connection.connect()  # type: ignore[no-untyped-call]
        for command in commands:
            await connection.send_command(*command, check_health=False)
            replies.append(await connection.read_response())
    finally:
        await connection.disconnect(nowait=True)
    return replies


def _connection(url: str) -> AbstractConnection:
    pool = ConnectionPool.from_url(url, protocol=2, retry=Retry(NoBackoff(), 0), socket_timeout=None)
    connection: AbstractConnection = pool.make_connection()  # type: ignore[no-untyped-call]
    return connection


async def _reply(connection: AbstractConnection) -> Any:
    """The next reply, which may be an error of its caller's alone; other errors are raised."""
    try:
        return await connection.read_response()
    except exceptions.ReadOnlyError:
        raise
    except exceptions.ResponseError as error:
        return error


def _name(connection: AbstractConnection) -> dict[str, Any]:
    """Where a connection leads, for logs: without user and password."""
    return dict(connection.repr_pieces())  # type: ignore[no-untyped-call]
