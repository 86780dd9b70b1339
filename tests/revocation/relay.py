"""A Unix socket that leads to another one and can fall silent: connections stand, and what is said waits, as in a
network that swallows. It is said when the silence is over, as TCP does it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path


class Relay:
    """Both directions pass, until they are told not to."""

    def __init__(self) -> None:
        self._to_service, self._to_client = asyncio.Event(), asyncio.Event()
        self.speak()

    def speak(self) -> None:
        """Lets everything through, what has waited first."""
        self._to_service.set()
        self._to_client.set()

    def fall_silent(self, *, half: bool = False) -> None:
        """Lets nothing through from now on; with `half` the service goes on hearing what the client says."""
        self._to_client.clear()
        if not half:
            self._to_service.clear()

    @asynccontextmanager
    async def leading(self, source: Path, target: Path) -> AsyncIterator[None]:
        """Leads from `source` to `target` while entered."""
        ways: set[asyncio.Task[None]] = set()

        async def lead(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            there, away = await asyncio.open_unix_connection(target)
            async with asyncio.TaskGroup() as tasks:
                ways.add(tasks.create_task(_carry(reader, away, self._to_service)))
                ways.add(tasks.create_task(_carry(there, writer, self._to_client)))

        async with await asyncio.start_unix_server(lead, source) as server:
            try:
                yield
            finally:
                server.close()
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, passing: asyncio.Event) -> None:
    try:
        while octets := await reader.read(65_536):
            await passing.wait()
            writer.write(octets)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()
