"""Clients ping idle channels, and servers bear it: with what both are set to, in half the time."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import grpc

from svckit.channels import CHANNEL_OPTIONS
from svckit.server import SERVER_OPTIONS

Options = Sequence[tuple[str, int]]
# RFC 9113 §4.1, §6.7, §6.8.
PING, GOAWAY, ACK = 0x6, 0x7, 0x1
# gRPC bears two pings that come too early and answers a further one with GOAWAY.
PINGS: Final = 5


def hastened(options: Options) -> Options:
    """The same options, with every time half as long: gRPC pings no more often than once a second."""
    return [(name, value // 2 if name.endswith("_ms") else value) for name, value in options]


@dataclass(slots=True)
class Sight:
    """What was seen of the frames that the server sent."""

    pings_answered: int = 0
    goaway: bytes = b""
    # Enough to judge.
    enough: asyncio.Event = field(default_factory=asyncio.Event)

    def see(self, kind: int, flags: int, body: bytes) -> None:
        if kind == PING and flags & ACK:
            self.pings_answered += 1
        if kind == GOAWAY:
            self.goaway = body[8:]
        if self.goaway or self.pings_answered == PINGS:
            self.enough.set()


@asynccontextmanager
async def relayed(server: Path, address: Path) -> AsyncIterator[Sight]:
    """Relays one connection from `address` to the server, to be ended by the client within the block."""
    sight, ended = Sight(), asyncio.Event()

    async def upwards(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while octets := await reader.read(65_536):
                writer.write(octets)
        writer.close()

    async def downwards(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readexactly(9)
                body = await reader.readexactly(int.from_bytes(head[:3], "big"))
                sight.see(head[3], head[4], body)
                writer.write(head + body)
        writer.close()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_unix_connection(server)
        async with asyncio.TaskGroup() as ways:
            ways.create_task(upwards(reader, server_writer))
            ways.create_task(downwards(server_reader, writer))
        ended.set()

    async with await asyncio.start_unix_server(relay, address):
        yield sight
        async with asyncio.timeout(10):
            await ended.wait()


async def sight_of_an_idle_channel(directory: Path, server_options: Options) -> Sight:
    server = grpc.aio.server(options=server_options)
    server.add_insecure_port(f"unix:{directory / 'server'}")
    await server.start()
    try:
        async with relayed(directory / "server", directory / "relay") as sight:
            async with grpc.aio.insecure_channel(f"unix:{directory / 'relay'}", hastened(CHANNEL_OPTIONS)) as channel:
                await channel.channel_ready()
                async with asyncio.timeout(20):
                    await sight.enough.wait()
            return sight
    finally:
        await server.stop(None)


async def test_a_server_answers_the_pings_of_an_idle_channel(short_dir: Path) -> None:
    sight = await sight_of_an_idle_channel(short_dir, hastened(SERVER_OPTIONS))

    assert (sight.pings_answered, sight.goaway) == (PINGS, b"")


async def test_a_server_that_keeps_the_default_would_end_the_channel(short_dir: Path) -> None:
    # Why the option is set, and that the test above would tell if it had no effect.
    options = [each for each in hastened(SERVER_OPTIONS) if each[0] != "grpc.http2.min_ping_interval_without_data_ms"]

    sight = await sight_of_an_idle_channel(short_dir, options)

    assert sight.goaway == b"too_many_pings"
