"""One log for all processes."""

import asyncio
import io

import pytest

from penstockctl.cluster.output import ClusterLog


async def relayed(*chunks: bytes) -> str:
    stream = io.StringIO()
    source = asyncio.StreamReader()
    log = ClusterLog(["authsvc", "edge-0"], stream)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(log.relay("edge-0", source))
        for chunk in chunks:
            source.feed_data(chunk)
            await asyncio.sleep(0)
        source.feed_eof()
    return stream.getvalue()


@pytest.mark.parametrize(
    ("chunks", "text"),
    [
        pytest.param((b"one\ntwo\n",), "edge-0   | one\nedge-0   | two\n", id="lines"),
        pytest.param((b"o", b"ne\nt", b"wo\n"), "edge-0   | one\nedge-0   | two\n", id="lines in pieces"),
        pytest.param((b"last words",), "edge-0   | last words\n", id="no line end"),
        pytest.param((b"\xff\n",), "edge-0   | \ufffd\n", id="no text"),
        pytest.param((), "", id="nothing"),
    ],
)
async def test_each_line_stands_under_its_process(chunks: tuple[bytes, ...], text: str) -> None:
    assert await relayed(*chunks) == text


async def test_a_line_without_end_does_not_fill_the_memory() -> None:
    text = await relayed(*([b"x" * 60_000] * 40))
    assert max(map(len, text.splitlines())) < 1_200_000
    assert text.count("x") == 2_400_000


def test_names_are_coloured_on_a_terminal_only() -> None:
    stream = io.StringIO()
    ClusterLog(["edge-0"], stream, colour=True).line("edge-0", "up")
    assert stream.getvalue() == "\x1b[33medge-0   |\x1b[0m up\n"
