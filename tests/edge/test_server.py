"""The socket that a worker listens on."""

import socket

import pytest

from edge.server import UNSENT_BYTES, listening_socket


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
