"""A real HTTP upstream on a thread: remembers each request, can be slow, and tells which ports nobody listens on."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from websockets.sync.server import ServerConnection, serve
from websockets.typing import Subprotocol


@dataclass(frozen=True, slots=True)
class Sent:
    """One request as it arrived; header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]


@dataclass
class RecordingUpstream:
    """What the upstream has seen. While `released` is not set, it does not answer requests for /slow."""

    port: int
    requests: list[Sent] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    """Of connections that come at once; its own five would have others wait for a second, the edge's whole patience."""


@contextmanager
def recording_upstream() -> Iterator[RecordingUpstream]:
    """Runs the upstream."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            state.requests.append(Sent(self.command, self.path, headers))
            if self.path.endswith("/slow"):
                state.released.wait(30)
            body = b'{"from": "upstream"}'
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Keeps quiet."""

    server = _Server(("127.0.0.1", 0), Handler)
    state = RecordingUpstream(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield state
    finally:
        state.released.set()
        server.shutdown()
        thread.join()
        server.server_close()


def dead_port() -> int:
    """A port that refuses connections."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def echo_upstream() -> Iterator[str]:
    """A WebSocket server that sends back what it gets, and closes with 4001 when it is told `leave`; its URL. It takes
    the subprotocol `v2`."""

    def echo(connection: ServerConnection) -> None:
        for message in connection:
            if message == "leave":
                connection.close(4001, "as you like")
            else:
                connection.send(message)

    with serve(echo, "127.0.0.1", 0, subprotocols=[Subprotocol("v2")]) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.socket.getsockname()[1]}"
        finally:
            server.shutdown()
            thread.join()
