"""The listening sockets of the supervisor."""

import socket

import pytest

from penstockctl.cluster.sockets import find_free_port, open_listeners, port_of, refuse_taken_port
from penstockctl.faults import OperatorError

HOST = "127.0.0.1"


def test_each_worker_slot_has_a_socket_on_the_same_port() -> None:
    with open_listeners(HOST, 0, 3, "--edge-port") as listeners:
        assert len({port_of(listener) for listener in listeners}) == 1
        assert len({listener.fileno() for listener in listeners}) == 3
        for _ in range(8):
            socket.create_connection((HOST, port_of(listeners[0]))).close()


def test_a_taken_port_names_the_option_that_changes_it() -> None:
    with socket.create_server((HOST, 0)) as other:
        port = port_of(other)
        sentence = rf"^Port {port} on 127.0.0.1 is taken by another program: choose another with --edge-port\.$"
        with pytest.raises(OperatorError, match=sentence), open_listeners(HOST, port, 1, "--edge-port"):
            pass


def test_a_port_that_another_program_would_share_is_taken_too() -> None:
    with open_listeners(HOST, 0, 1, "--edge-port") as listeners, pytest.raises(OperatorError, match="is taken"):
        refuse_taken_port(HOST, port_of(listeners[0]), "--admin-port")


def test_a_port_of_a_former_run_is_free_at_once() -> None:
    with open_listeners(HOST, 0, 1, "--edge-port") as listeners:
        port = port_of(listeners[0])
        client = socket.create_connection((HOST, port))
        listeners[0].accept()[0].close()  # we close first: the connection stays in TIME_WAIT on our side
        client.close()
    with open_listeners(HOST, port, 2, "--edge-port") as listeners:
        assert port_of(listeners[0]) == port


def test_an_address_of_another_machine_names_the_host_option() -> None:
    with pytest.raises(OperatorError, match="choose another with --host"):
        refuse_taken_port("192.0.2.1", 0, "--edge-port")
    with pytest.raises(OperatorError, match="choose another with --host"):
        refuse_taken_port("no-such-host.invalid", 0, "--edge-port")


def test_a_free_port_can_be_used() -> None:
    with socket.create_server((HOST, find_free_port(HOST))):
        pass
