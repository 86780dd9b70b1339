"""What upstreams see of a request's header fields, end to end: octets in, octets out."""

import re

import pytest

from tests.edge.plane import OK, Served, answering, plane, route, upstream
from tests.edge.spoofs import spoofs

BATCH = 45


async def test_no_spoof_of_an_identity_reaches_the_upstream() -> None:
    read = ("xtenantid", "x-request-id")  # a second one, or another spelling of the first, refuses the request
    names = [name.decode() for name in spoofs()]
    dropped = [name for name in names if name.lower() not in read and re.sub("[^a-z]", "", name.lower()) not in read]
    batches = [dropped[start : start + BATCH] for start in range(0, len(dropped), BATCH)]
    async with upstream(answering(OK)) as behind, plane([route(behind.port)]) as edge:
        for some in batches:
            twice = [f"{name}: spoof!" for name in (*some, *some)]
            assert (await edge.get("/api/x", "X-TENANT-id: spoof!", "x-request-ID: spoof!", *twice)).status == 200
        assert len(behind.heads) == len(batches)
        assert b"spoof" not in b"".join(behind.heads)


async def test_no_trailer_reaches_the_upstream() -> None:
    received: list[bytes] = []

    async def read_all(served: Served) -> None:
        received.append(await served.head() + await served.reader.readuntil(b"0\r\n\r\n"))
        await served.send(OK)

    async with upstream(read_all) as behind, plane([route(behind.port)]) as edge:
        client = await edge.connect()
        head = b"POST /api/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-User-ID\r\n\r\n"
        await client.send(head + b"1\r\na\r\n0\r\nX-User-ID: spoof!\r\nX_User_Role: spoof!\r\n\r\n")
        assert (await client.answer()).status == 200
        assert b"spoof" not in received[0]
        assert b"Trailer" not in received[0]


@pytest.mark.parametrize("name", ["X_Tenant_ID", "x~tenant-id", "X-Tenant!ID"])
async def test_another_spelling_of_the_tenant_is_refused(name: str) -> None:
    async with upstream(answering(OK)) as behind, plane([route(behind.port)]) as edge:
        assert (await edge.get("/api/x", f"{name}: x")).code == "BAD_REQUEST"
        assert behind.heads == []


@pytest.mark.parametrize("name", ["X-User-ID", "x_user_id", "X~User~Role", "X-Forwarded-For", "x.real.ip"])
async def test_connection_takes_nothing_of_ours_away(name: str) -> None:
    async with upstream(answering(OK)) as behind, plane([route(behind.port)]) as edge:
        assert (await edge.get("/api/x", f"Connection: close, {name}")).code == "BAD_REQUEST"
        assert behind.heads == []
