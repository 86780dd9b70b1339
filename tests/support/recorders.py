"""An HTTP server on a Unix socket that keeps the heads of requests as they arrive, octet by octet."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhere\n"


@dataclass(frozen=True, slots=True)
class Recorder:
    """What has arrived at `socket`."""

    socket: str
    heads: list[bytes] = field(default_factory=list)

    def fields(self) -> dict[str, str]:
        """The fields of the last request, names as they were spelled."""
        lines = self.heads[-1].decode("latin-1").split("\r\n")[1:]
        return {name: value.strip() for name, _, value in (line.partition(":") for line in lines if line)}


@asynccontextmanager
async def recorder(folder: Path) -> AsyncIterator[Recorder]:
    """Serves while entered; `folder` has a short path."""
    recording = Recorder(str(folder / secrets.token_hex(4)))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            recording.heads.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(_ANSWER)
            await writer.drain()
        except asyncio.IncompleteReadError:
            pass  # a connection without a request
        finally:
            writer.close()

    server = await asyncio.start_unix_server(serve, recording.socket)
    async with server:
        yield recording
