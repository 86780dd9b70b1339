"""What an upstream may answer, and that a connection is never used again after a doubt, however its octets come."""

from collections.abc import Callable

import pytest

from tests.edge.plane import OK, Script, Served, answering, plane, request, route, upstream

LINE = b"HTTP/1.1 200 OK\r\n"
TWO = LINE + b"Content-Length: 2\r\n"
CHUNKED = LINE + b"Transfer-Encoding: chunked\r\n\r\n"
INTERIM = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"

INVALID = {
    "another protocol": OK.replace(b"HTTP", b"RTSP"),
    "a stream of ICE": OK.replace(b"HTTP", b"ICE"),
    "a greeting": b"220 mail.example.com ESMTP\r\n",
    "HTTP/0.9": OK.replace(b"1.1", b"0.9"),
    "HTTP/2.0": OK.replace(b"1.1", b"2.0"),
    "HTTP/1.10": OK.replace(b"1.1", b"1.10"),
    "lower case": OK.replace(b"HTTP", b"http"),
    "an empty line first": b"\r\n" + OK,
    "a line feed first": b"\n" + OK,
    "two spaces": OK.replace(b" 200", b"  200"),
    "no space behind the status": OK.replace(b" OK", b"OK"),
    "a status of two digits": OK.replace(b"200", b"20"),
    "a status of four digits": OK.replace(b"200", b"2000"),
    "a status below 100": OK.replace(b"200", b"099"),
    "a status above 599": OK.replace(b"200", b"600"),
    "bare line feeds": OK.replace(b"\r\n", b"\n"),
    "a bare carriage return": TWO + b"X: 1\rY: 2\r\n\r\nok",
    "a folded field": TWO + b"X: 1\r\n 2\r\n\r\nok",
    "NUL in a value": TWO + b"X: a\x00b\r\n\r\nok",
    "a space before the colon": LINE + b"Content-Length : 2\r\n\r\nok",
    "a field without a colon": TWO + b"X\r\n\r\nok",
    "a field without a name": TWO + b": 1\r\n\r\nok",
    "a signed length": LINE + b"Content-Length: +2\r\n\r\nok",
    "a list of lengths": LINE + b"Content-Length: 2, 2\r\n\r\nok",
    "two equal lengths": TWO + b"Content-Length: 2\r\n\r\nok",
    "a length that is none": LINE + b"Content-Length:\r\n\r\nok",
    "length and chunks": TWO + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "chunks and length": LINE + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "another coding": LINE + b"Transfer-Encoding: gzip\r\n\r\nok",
    "two codings": LINE + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "a coding behind chunks": LINE + b"Transfer-Encoding: chunked, gzip\r\n\r\nok",
    "identity": LINE + b"Transfer-Encoding: identity\r\n\r\nok",
    "chunks twice": LINE + b"Transfer-Encoding: chunked\r\n" * 2 + b"\r\n0\r\n\r\n",
    "chunks by HTTP/1.0": CHUNKED.replace(b"1.1", b"1.0") + b"2\r\nok\r\n0\r\n\r\n",
    "a switch of protocols": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    "a bare switch of protocols": b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + OK,
    "an interim answer with a body": b"HTTP/1.1 100 Continue\r\nContent-Length: 2\r\n\r\nok" + OK,
    "too many interim answers": INTERIM * 17 + OK,
    "too many octets of fields": TWO + b"X: y\r\n" * 400 + b"\r\nok",
    "too long a value": TWO + b"X: " + b"y" * 2000 + b"\r\n\r\nok",
}
BAD_CHUNKS = {
    "a size in C": b"0x2\r\nok\r\n0\r\n\r\n",
    "a signed size": b"-2\r\nok\r\n0\r\n\r\n",
    "no size": b"\r\nok\r\n0\r\n\r\n",
    "a space behind the size": b"2 \r\nok\r\n0\r\n\r\n",
    "a size beyond all bounds": b"FFFFFFFFFFFFFFFF2\r\nok\r\n0\r\n\r\n",
    "a bare line feed": b"2\nok\r\n0\r\n\r\n",
    "more data than its size": b"2\r\nokk\r\n0\r\n\r\n",
    "a trailer without a colon": b"2\r\nok\r\n0\r\nX\r\n\r\n",
    "a trailer that frames": b"2\r\nok\r\n0\r\nContent-Length: 5\r\n\r\n",
}


def trickling(octets: bytes) -> Script:
    """A script that answers each head octet by octet."""

    async def script(served: Served) -> None:
        while True:
            await served.head()
            for octet in octets:
                await served.send(bytes((octet,)))

    return script


@pytest.mark.parametrize("by", [answering, trickling], ids=["at once", "octet by octet"])
@pytest.mark.parametrize("answer", INVALID)
async def test_it_is_no_answer(answer: str, by: Callable[[bytes], Script]) -> None:
    async with (
        upstream(by(INVALID[answer])) as behind,
        plane([route(behind.port)], answer_head_bytes=1024) as edge,
    ):
        for asked in (1, 2):
            refused = await edge.get()
            assert (refused.status, refused.code) == (502, "DOWNSTREAM_INVALID")
            assert behind.connections == asked


@pytest.mark.parametrize("chunks", BAD_CHUNKS)
async def test_it_is_no_chunk(chunks: str) -> None:
    async with upstream(answering(CHUNKED + BAD_CHUNKS[chunks])) as behind, plane([route(behind.port)]) as edge:
        for asked in (1, 2):
            client = await edge.connect()
            await client.send(request("/api/x", "Connection: close"))
            assert not (await client.ended()).endswith(b"\r\n0\r\n\r\n")  # never an end that looks whole
            assert (await edge.visit(asked)).code == "DOWNSTREAM_INVALID"
            assert behind.connections == asked


VALID = {
    "without a reason": OK.replace(b" OK", b""),
    "of HTTP/1.0 that keeps its connection": OK.replace(b"1.1", b"1.0").replace(
        b"\r\n\r\n", b"\r\nConnection: keep-alive\r\n\r\n"
    ),
    "with octets beyond ASCII": TWO + b"X: \xff\r\n\r\nok",
    "behind interim answers": INTERIM * 16 + OK,
    "behind one of an unknown kind": b"HTTP/1.1 199 Hm\r\n\r\n" + OK,
    "in chunks with extensions": CHUNKED + b"2;a=b\r\nok\r\n0;c\r\n\r\n",
    "in chunks with trailers": CHUNKED + b"2\r\nok\r\n0\r\nSet-Cookie: a=b\r\nX-Sum: 1\r\n\r\n",
    "that names an upgrade": TWO + b"Connection: upgrade\r\nUpgrade: x\r\n\r\nok",
}


@pytest.mark.parametrize("by", [answering, trickling], ids=["at once", "octet by octet"])
@pytest.mark.parametrize("answer", VALID)
async def test_it_is_an_answer_and_the_connection_is_kept(answer: str, by: Callable[[bytes], Script]) -> None:
    async with upstream(by(VALID[answer])) as behind, plane([route(behind.port)]) as edge:
        client = await edge.connect()
        for _ in range(2):
            await client.send(request())
            while (given := await client.answer()).status < 200:
                pass
            assert (given.status, given.body) == (200, b"ok")
            assert not given.fields.keys() & {"set-cookie", "x-sum", "link", "upgrade"}
        assert behind.connections == 1


@pytest.mark.parametrize(
    "octets",
    [
        pytest.param(OK + OK, id="two answers"),
        pytest.param(OK + b"stray", id="stray octets"),
        pytest.param(b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok", id="a body where there is none"),
        pytest.param(TWO + b"Connection: close\r\n\r\nok", id="a last answer"),
        pytest.param(TWO + b"Connection: close\r\n\r\nok" + OK, id="more behind a last answer"),
        pytest.param(OK.replace(b"1.1", b"1.0"), id="one of HTTP/1.0"),
    ],
)
async def test_the_answer_counts_and_the_connection_is_not_used_again(octets: bytes) -> None:
    async with upstream(answering(octets)) as behind, plane([route(behind.port)]) as edge:
        for asked in (1, 2):
            assert (await edge.get()).status in (200, 204)
            assert behind.connections == asked


async def test_what_comes_behind_an_answer_to_head_is_nobodys() -> None:
    async with upstream(answering(TWO + b"\r\nok")) as behind, plane([route(behind.port)]) as edge:
        for asked in (1, 2):
            assert (await edge.get(method="HEAD")).status == 200
            assert behind.connections == asked
