"""Listening sockets that belong to the supervisor: a worker that dies leaves its queue of connections to its
successor. (Closing one of two listeners reset 93 of 200 queued connections in a trial.)"""

import errno
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from penstockctl.faults import OperatorError

BACKLOG = 2048


@contextmanager
def open_listeners(host: str, port: int, count: int, option: str) -> Iterator[tuple[socket.socket, ...]]:
    """`count` sockets on one port, between which the kernel spreads the connections (SO_REUSEPORT).

    Port 0: any free one, the same for all. OperatorError names `option`, which changes the port.
    """
    refuse_taken_port(host, port, option)
    with ExitStack() as stack:
        listeners: list[socket.socket] = []
        for _ in range(count):
            chosen = port_of(listeners[0]) if listeners else port
            listeners.append(stack.enter_context(_bind(host, chosen, option, shared=True)))
            listeners[-1].listen(BACKLOG)
        yield tuple(listeners)


def refuse_taken_port(host: str, port: int, option: str) -> None:
    """Raises OperatorError when something listens on `port`, even a server that would share it with us."""
    _bind(host, port, option, shared=False).close()


def find_free_port(host: str) -> int:
    """A port that was free a moment ago, for a process that binds by itself."""
    with _bind(host, 0, "--host", shared=False) as probe:
        return port_of(probe)


def port_of(listener: socket.socket) -> int:
    return int(listener.getsockname()[1])


def _bind(host: str, port: int, option: str, *, shared: bool) -> socket.socket:
    family, kind, protocol, _, address = _resolve(host, port)
    listener = socket.socket(family, kind, protocol)
    try:
        # Without this the connections of a former run, in TIME_WAIT, would hold the port for a minute.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise OperatorError(_explain(host, port, option, error)) from None
    return listener


def _resolve(host: str, port: int) -> tuple[int, int, int, str, tuple[object, ...]]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror:
        raise OperatorError(f"The host {host} is not known: choose another with --host.") from None
    return found[0]


def _explain(host: str, port: int, option: str, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} on {host} is taken by another program: choose another with {option}."
    if error.errno == errno.EACCES:
        return f"Port {port} may not be used by this user: choose another with {option}."
    if error.errno == errno.EADDRNOTAVAIL:
        return f"The address {host} is not one of this machine: choose another with --host."
    return f"Port {port} on {host} cannot be used ({error.strerror}): choose another with {option}."
