"""A silence is a delay to whoever waits, not a loss."""

import asyncio
import tempfile
from pathlib import Path

import pytest

from tests.revocation.relay import Relay


@pytest.mark.parametrize("half", [False, True], ids=["both ways", "towards the client"])
async def test_what_is_said_in_a_silence_is_heard_after_it(half: bool) -> None:
    heard = asyncio.Event()

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while octets := await reader.read(100):
            heard.set()
            writer.write(octets)
        writer.close()

    with tempfile.TemporaryDirectory(prefix="rv") as name:
        target, source, relay = Path(name, "target"), Path(name, "source"), Relay()
        async with await asyncio.start_unix_server(echo, target), relay.leading(source, target), asyncio.timeout(10):
            reader, writer = await asyncio.open_unix_connection(source)
            relay.fall_silent(half=half)
            writer.write(b"word")
            if half:
                await heard.wait()
            relay.speak()
            assert await reader.readexactly(4) == b"word"
            writer.close()
