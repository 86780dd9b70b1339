"""Whose fault it is that an exchange does not go on."""

import asyncio

from edge.routing import Timeouts
from tests.edge.plane import Served, plane, request, route, upstream

MEBIBYTE = 1024 * 1024


async def test_a_client_that_takes_nothing_is_not_the_upstreams_fault() -> None:
    async def endless(served: Served) -> None:
        await served.head()
        await served.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (64 * MEBIBYTE))
        while True:
            await served.send(bytes(MEBIBYTE))

    async with upstream(endless) as up, plane([route(up.port, timeouts=Timeouts(idle=0.3))]) as edge:
        client = await edge.connect()
        await client.send(request())
        visit = await edge.visit()
        async with asyncio.timeout(10):
            await up.gone.wait()
    assert (visit.status, visit.code, visit.stage) == (200, "", "client")
