"""Ports for servers that bind by themselves."""

import contextlib
import secrets
import socket

# Below those that the kernel gives to connections: there, another test's connection could take it before the server.
_FIRST, _COUNT = 10_000, 20_000


def free_port() -> int:
    """A port of loopback that was free a moment ago."""
    while True:
        port = _FIRST + secrets.randbelow(_COUNT)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
