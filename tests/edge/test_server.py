"""The socket that a worker listens on, and the end of its server."""

import asyncio
import socket

import pytest

from edge.server import UNSENT_BYTES, edge_server, listening_socket
from tests.edge.plane import DEADLINE, Served, plane, request, route, upstream


@pytest.mark.parametrize("inherited", [False, True], ids=["its own", "the supervisor's"])
def test_the_kernel_holds_little_of_what_a_client_does_not_take(inherited: bool) -> None:
    given = socket.create_server(("127.0.0.1", 0)).detach() if inherited else None
    with listening_socket("127.0.0.1:0", given) as listener:
        listener.listen()
        with socket.create_connection(listener.getsockname()):
            accepted, _ = listener.accept()
            with accepted:
                assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT) == UNSENT_BYTES


def test_a_unix_socket_is_taken_as_it_is() -> None:
    given = socket.socket(socket.AF_UNIX)
    with listening_socket("", given.detach()) as listener:
        assert listener.family == socket.AF_UNIX


async def test_what_has_not_ended_at_the_end_of_the_drain_is_cut_off_and_written_down() -> None:
    async def silent(served: Served) -> None:
        await served.reader.read()

    async with upstream(silent) as behind, plane([route(behind.port)]) as edge:
        server = edge_server(edge.protocol, drain_seconds=1)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            serving = asyncio.get_running_loop().create_task(server.serve(sockets=[listener]))
            client = await edge.connect(listener.getsockname()[1])
            await client.send(request())
            async with asyncio.timeout(DEADLINE):
                await behind.met.wait()
                server.should_exit = True
                await serving
        assert [visit.stage for visit in edge.visits] == ["response"]
        assert await client.ended() == b""
