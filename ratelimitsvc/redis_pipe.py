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
_BACKOFF_SCALE: Final = 0.1
_CONNECT_SECONDS: Final = 2.0
log = structlog.get_logger()


class RedisAway(Exception):
    """Redis did not answer: no connection, lost meanwhile, or silent too long. The text is for logs."""


class RedisPipe:
    """Calls Redis over one connection, which `run` opens, and opens again when it is lost.

    It is lost, too, when nothing comes for `silence_seconds` while a reply is due. `opening` is sent first on each
    connection. `unit` draws from [0, 1) for the waits between attempts.
    """

    def __init__(
        self, url: str, *, opening: tuple[str | bytes, ...], silence_seconds: float, unit: Callable[[], float]
    ) -> None:
        self._pool: Final = ConnectionPool.from_url(url, protocol=2, retry=Retry(NoBackoff(), 0), socket_timeout=None)
        self._opening: Final = opening
        self._silence_seconds: Final = silence_seconds
        self._unit: Final = unit
        self._connection: AbstractConnection | None = None
        self._due: Final[deque[asyncio.Future[Any]]] = deque()
        self._patience: asyncio.Timeout | None = None
        self.connected: Final = asyncio.Event()

    async def call(self, *command: str | bytes | int) -> Any:
        """The reply to a command; RedisAway, or ResponseError for a reply that is an error."""
        connection = self._connection
        if connection is None:
            raise RedisAway("not connected")
        reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._due.append(reply)
        if len(self._due) == 1:
            self._renew_patience()
        try:
            # The connection's own packing is Python: 100 µs for 64 keys.
            packed = hiredis.pack_command(command)  # type: ignore[arg-type]  # the stub knows one-tuples only
            await connection.send_packed_command(packed, check_health=False)
        except exceptions.RedisError as error:
            reply.cancel()
            raise RedisAway(repr(error)) from error
        return await reply

    async def run(self) -> None:
        """Keeps the connection open until cancelled."""
        waits = delays(self._unit, scale=_BACKOFF_SCALE)
        while True:
            connection: AbstractConnection = self._pool.make_connection()  # type: ignore[no-untyped-call]
            try:
                await self._open(connection)
                waits = delays(self._unit, scale=_BACKOFF_SCALE)
                await self._read(connection)
            except (exceptions.RedisError, OSError) as error:  # TimeoutError is an OSError
                log.warning("redis is away", error=repr(error))
            finally:
                self._close()
                await connection.disconnect(nowait=True)
            await asyncio.sleep(next(waits))

    async def _open(self, connection: AbstractConnection) -> None:
        async with asyncio.timeout(_CONNECT_SECONDS):
            await connection.connect()  # type: ignore[no-untyped-call]
            await connection.send_command(*self._opening, check_health=False)
            await connection.read_response()
        self._connection = connection
        self.connected.set()
        log.info("redis is there")

    async def _read(self, connection: AbstractConnection) -> None:
        async with asyncio.timeout(None) as self._patience:
            while True:
                try:
                    reply = await connection.read_response()
                except exceptions.ResponseError as error:
                    reply = error
                due = self._due.popleft()
                self._renew_patience()
                if due.done():
                    continue  # the caller has gone
                if isinstance(reply, Exception):
                    due.set_exception(reply)
                else:
                    due.set_result(reply)

    def _renew_patience(self) -> None:
        """Waits a full silence from now if something is due, and without end if not."""
        if self._patience is not None:
            self._patience.reschedule(asyncio.get_running_loop().time() + self._silence_seconds if self._due else None)

    def _close(self) -> None:
        self._connection = None
        self._patience = None
        self.connected.clear()
        while self._due:
            due = self._due.popleft()
            if not due.done():
                due.set_exception(RedisAway("the connection was lost"))
