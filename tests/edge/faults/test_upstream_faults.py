"""Each way in which an upstream can fail: what the client is told, what the books say, and that nothing is used again.

A real HTTP server stands behind a proxy that does the harm.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from edge.routing import Timeouts
from tests.edge.faults.chaos import (
    Chaos,
    Close,
    HalfClose,
    Harm,
    Late,
    Pass,
    PassThrough,
    Reset,
    Say,
    Stall,
    Step,
    chaos,
)
from tests.edge.faults.servers import black_hole, closed_port, http_upstream
from tests.edge.plane import DEADLINE, Plane, Served, plane, request, route, upstream

SHORT = Timeouts(connect=0.3, response=0.3, idle=0.3)
"""For the faults that are silence."""
HEAD_END = b"\r\n\r\n"


@asynccontextmanager
async def harmed(*harms: Harm, timeouts: Timeouts = SHORT) -> AsyncIterator[tuple[Plane, Chaos]]:
    """An edge, its real upstream, and between them a proxy whose connections are harmed in their order."""
    async with (
        http_upstream() as port,
        chaos(port, *harms) as proxy,
        plane([route(proxy.port, timeouts=timeouts, strip_prefix=True)]) as edge,
    ):
        yield edge, proxy


async def assert_books(edge: Plane, status: int, code: str, stage: str) -> None:
    """The log line, the telemetry record and the counts of the first request say the same."""
    await edge.visit()
    note, line = edge.notes[0], json.loads(edge.lines[0])
    assert (note.status, note.code, note.stage) == (status, code, stage)
    assert (line["status"], line["code"], line["stage"]) == (status, code, stage)
    count = edge.tally.requests["GET", "/api", status]
    assert (count.count, count.timed_out) == (1, code == "DOWNSTREAM_TIMEOUT")


NO_ANSWER = {
    "a reset before the head": (Harm(down=[Reset()]), 502, "DOWNSTREAM_RESET", "response"),
    "a reset before the request was read": (Harm(up=[Reset()]), 502, "DOWNSTREAM_RESET", "response"),
    "an end before the head": (Harm(down=[Close()]), 502, "DOWNSTREAM_RESET", "response"),
    "half an end before the head": (Harm(down=[HalfClose()]), 502, "DOWNSTREAM_RESET", "response"),
    "a reset during the head": (Harm(down=[Pass(30), Reset()]), 502, "DOWNSTREAM_RESET", "response"),
    "an end during the head": (Harm(down=[Pass(30), Close()]), 502, "DOWNSTREAM_RESET", "response"),
    "half an end during the head": (Harm(down=[Pass(30), HalfClose()]), 502, "DOWNSTREAM_RESET", "response"),
    "another protocol": (Harm(down=[Say(b"SSH-2.0-OpenSSH_9.2\r\n")]), 502, "DOWNSTREAM_INVALID", "response"),
    "a head without end": (
        Harm(down=[Say(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000), Stall()]),
        *(502, "DOWNSTREAM_INVALID", "response"),
    ),
    "silence before the head": (Harm(down=[Stall()]), 504, "DOWNSTREAM_TIMEOUT", "response"),
    "silence during the head": (Harm(down=[Pass(30), Stall()]), 504, "DOWNSTREAM_TIMEOUT", "response"),
    "a head that comes too late": (Harm(down=[Late(5)]), 504, "DOWNSTREAM_TIMEOUT", "response"),
}


@pytest.mark.parametrize("fault", NO_ANSWER)
async def test_without_an_answer_the_client_is_told_whose_fault_it_was(fault: str) -> None:
    harm, status, code, stage = NO_ANSWER[fault]
    async with harmed(harm) as (edge, proxy):
        client = await edge.connect()
        await client.send(request())
        answer = await client.answer()
        assert (answer.status, answer.code) == (status, code)
        assert json.loads(answer.body).get("stage") == (stage if status == 504 else None)
        await assert_books(edge, status, code, stage)
        await client.send(request())  # the client's connection goes on, the upstream's does not
        assert (await client.answer()).status == 200
        assert proxy.connections == 2


async def test_a_refused_connection_is_told_and_written_down() -> None:
    async with plane([route(closed_port())]) as edge:
        answer = await edge.get()
        assert (answer.status, answer.code) == (502, "DOWNSTREAM_UNREACHABLE")
        await assert_books(edge, 502, "DOWNSTREAM_UNREACHABLE", "connect")


async def test_a_connection_that_nobody_accepts_times_out() -> None:
    with black_hole() as port:
        async with plane([route(port, timeouts=SHORT)]) as edge:
            answer = await edge.get()
            assert (answer.status, answer.code) == (504, "DOWNSTREAM_TIMEOUT")
            assert json.loads(answer.body)["stage"] == "connect"
            await assert_books(edge, 504, "DOWNSTREAM_TIMEOUT", "connect")


DURING_THE_BODY: dict[str, tuple[tuple[Step, ...], str]] = {
    "a reset": ((Reset(),), "DOWNSTREAM_RESET"),
    "an end": ((Close(),), "DOWNSTREAM_RESET"),
    "half an end": ((HalfClose(),), "DOWNSTREAM_RESET"),
    "silence": ((Stall(),), "DOWNSTREAM_TIMEOUT"),
    "nonsense in the place of a chunk": ((Say(b"\r\nnot a size\r\n"),), "DOWNSTREAM_INVALID"),
}
ANSWERS = {
    "with a length": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf.more",
    "in chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n5\r\n.more\r\n0\r\n\r\n",
    "up to the end": b"HTTP/1.0 200 OK\r\n\r\nhalf.more",
}


def asking(version: str) -> bytes:
    return f"GET /api/x HTTP/{version}\r\nHost: localhost\r\n\r\n".encode()


def meaningful(fault: str, framing: str) -> bool:
    """An end is how an answer without a length ends, and nonsense in it is as good as sense."""
    return framing == "in chunks" if fault.startswith("nonsense") else framing != "up to the end" or "end" not in fault


@pytest.mark.parametrize("version", ["1.1", "1.0"])
@pytest.mark.parametrize(
    ("fault", "framing"),
    [(fault, framing) for fault in DURING_THE_BODY for framing in ANSWERS if meaningful(fault, framing)],
)
async def test_an_answer_that_breaks_off_is_never_taken_for_whole(fault: str, framing: str, version: str) -> None:
    steps, code = DURING_THE_BODY[fault]

    async def answering(served: Served) -> None:
        await served.head()
        await served.send(ANSWERS[framing])
        if framing == "up to the end":
            return
        await served.reader.read()

    broken = Harm(down=[PassThrough(b"half"), *steps])
    async with (
        upstream(answering) as behind,
        chaos(behind.port, broken) as proxy,
        plane([route(proxy.port, timeouts=SHORT)]) as edge,
    ):
        client = await edge.connect()
        await client.send(asking(version))
        assert (await client.head())[0] == 200
        if framing == "with a length":
            with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
                await whole(client.reader, 9)
        elif version == "1.0":
            with pytest.raises(ConnectionResetError):  # an ordinary end would be that of the answer
                await whole(client.reader, -1)
        else:
            assert b"0\r\n\r\n" not in await client.ended()
        await assert_books(edge, 200, code, "idle")
        assert (await edge.get()).body == b"half.more"
        assert proxy.connections == 2


async def whole(reader: asyncio.StreamReader, size: int) -> bytes:
    async with asyncio.timeout(DEADLINE):
        return await (reader.read() if size < 0 else reader.readexactly(size))
