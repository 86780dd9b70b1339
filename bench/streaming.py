"""Sends large bodies through a worker and measures its memory: `python -m bench.streaming --gibibytes 2`.

Up and down, with a slow client and with a slow upstream. The goal is a growth of 8 MiB at most.
"""

import argparse
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from bench.load import Gateway
from bench.penstock import LIMITED, measured_suite
from bench.processes import forget_most, resident_bytes

MEBIBYTE = 1024 * 1024
PAUSE_SECONDS = 0.004
"""After each mebibyte, of the slow side: at most 250 MiB/s."""
GOAL_BYTES = 8 * MEBIBYTE


def main() -> None:
    """Prints a table; ends with 1 when the growth is beyond the goal."""
    arguments = argparse.ArgumentParser(prog="bench.streaming", description=__doc__)
    arguments.add_argument("--gibibytes", type=float, default=2.0, help="size of each body")
    size = int(arguments.parse_args().gibibytes * 1024) * MEBIBYTE
    worst = 0
    print("| body | slow side | MiB | MiB/s | growth MiB |\n|---|---|---|---|---|")
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        _upstream() as port,
        measured_suite(Path(folder), port) as running,
    ):
        edge = running.tenant("Penstock", "streaming", LIMITED, "/demo/x", max_body=f"{size}B", timeout="60s")
        for transfer in (_down, _up):
            transfer(edge, MEBIBYTE, "nobody")  # what any transfer needs once
        for transfer in (_down, _up):
            for slow in ("client", "upstream"):
                growth, rate = _measured(edge, transfer, size, slow)
                worst = max(worst, growth)
                name = transfer.__name__.strip("_")
                print(f"| {name} | {slow} | {size // MEBIBYTE} | {rate:,.0f} | {growth / MEBIBYTE:.1f} |", flush=True)
    if worst > GOAL_BYTES:
        raise SystemExit(f"bench: a worker grew by more than {GOAL_BYTES // MEBIBYTE} MiB")


Transfer = Callable[[Gateway, int, str], None]


def _measured(edge: Gateway, transfer: Transfer, size: int, slow: str) -> tuple[int, float]:
    """By how many octets the worker grew at most, and MiB/s."""
    (worker,) = edge.pids
    forget_most(worker)
    before, began = resident_bytes(worker), time.monotonic()
    transfer(edge, size, slow)
    seconds = time.monotonic() - began
    return resident_bytes(worker, most=True) - before, size / MEBIBYTE / seconds


def _down(edge: Gateway, size: int, slow: str) -> None:
    with _asked(edge, "GET", size, slow, 0) as connection:
        assert _take(connection, size, slow=slow == "client") == size


def _up(edge: Gateway, size: int, slow: str) -> None:
    with _asked(edge, "POST", size, slow, size) as connection:
        _give(connection, size, slow=slow == "client")
        assert _head(connection).startswith("HTTP/1.1 200 ")


@contextmanager
def _asked(edge: Gateway, method: str, size: int, slow: str, length: int) -> Iterator[socket.socket]:
    url = urlsplit(edge.url)
    with socket.create_connection((url.hostname or "", url.port or 80), timeout=60) as connection:
        lines = (f"{method} {url.path} HTTP/1.1", "Host: bench", f"Content-Length: {length}", f"X-Size: {size}")
        connection.sendall("\r\n".join((*lines, f"X-Slow: {slow}", *edge.headers, "", "")).encode())
        if method == "GET":
            assert _head(connection).startswith("HTTP/1.1 200 ")
        yield connection


@contextmanager
def _upstream() -> Iterator[int]:
    """A server that takes or gives as many octets as `X-Size` says, slowly if `X-Slow` says so."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=_serve, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield int(listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)


def _serve(connection: socket.socket) -> None:
    with connection:
        while head := _head(connection):
            fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if line)
            size, slow = int(fields["x-size"]), fields["x-slow"] == "upstream"
            if head.startswith("POST"):
                _take(connection, size, slow=slow)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            else:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
                _give(connection, size, slow=slow)


def _head(connection: socket.socket) -> str:
    """Reads a head and not an octet more; empty at the end."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        octet = connection.recv(1)
        if not octet:
            return ""
        head += octet
    return head.decode("latin-1")


def _take(connection: socket.socket, size: int, *, slow: bool) -> int:
    buffer, taken, due = bytearray(MEBIBYTE), 0, MEBIBYTE
    while taken < size and (got := connection.recv_into(buffer, min(MEBIBYTE, size - taken))):
        taken += got
        if slow and taken >= due:
            due += MEBIBYTE
            time.sleep(PAUSE_SECONDS)
    return taken


def _give(connection: socket.socket, size: int, *, slow: bool) -> None:
    piece = bytes(MEBIBYTE)
    for _ in range(size // MEBIBYTE):
        connection.sendall(piece)
        if slow:
            time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    main()
