"""Feeds the edge's own endpoints, an ASGI application, from a strict head and a bounded body.

The connection stays with `ClientConnection`: uvicorn's own HTTP protocol never sees it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from math import inf
from typing import Any

from penstock.errors.v1 import error_reason_pb2 as reasons

from edge.client import ClientConnection
from edge.door import added_lines, failure_refusal
from edge.http.answer import LAST_CHUNK, Framing, answer_head, chunk, field_lines
from edge.http.head import Head
from edge.inbound import InboundRequest
from edge.problems import Refusal
from edge.visit import Visit

Message = MutableMapping[str, Any]
Application = Callable[[dict[str, Any], Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Any]

MAX_BODY_BYTES = 64 * 1024
TOO_LARGE = Refusal(reasons.ERROR_REASON_BODY_TOO_LARGE, f"the body is larger than {MAX_BODY_BYTES} octets")


class Bridge:
    """Answers what the application serves: exactly the `paths`."""

    def __init__(self, application: Application, paths: Iterable[str]) -> None:
        self._application = application
        self._paths = frozenset(paths)

    def serves(self, path: str) -> bool:
        """Whether the application answers this canonical path."""
        return path in self._paths

    async def answer(self, visit: Visit, head: Head, client: ClientConnection) -> bool | Refusal:
        """Runs the application for one request; tells whether the connection may carry another."""
        visit.template = head.path or "/"
        body = await _read_body(visit.request, head, client)
        if isinstance(body, Refusal):
            return body
        answer = _Answer(visit, head, client)
        await self._application(_scope(visit, head, client), _receive(body), answer.send)
        return answer.finish()


async def _read_body(request: InboundRequest, head: Head, client: ClientConnection) -> bytes | Refusal:
    if head.block.content_length > MAX_BODY_BYTES:
        return TOO_LARGE
    if request.complete and not request.body_bytes:
        return b""
    collector = _Collector()
    if head.expects_continue and not request.body_bytes:
        client.write_interim()
    client.expect_body()
    request.attach(collector)
    client.resume_reading()
    body = await collector.done
    client.deadline = inf
    return body


class _Collector:
    """Takes a whole body, or a refusal when it is too large or malformed."""

    def __init__(self) -> None:
        self.done: asyncio.Future[bytes | Refusal] = asyncio.get_running_loop().create_future()
        self._parts: list[bytes] = []
        self._size = 0

    def upload_data(self, data: bytes) -> None:
        self._size += len(data)
        if self._size <= MAX_BODY_BYTES:
            self._parts.append(data)
        elif not self.done.done():
            self.done.set_result(TOO_LARGE)

    def upload_ended(self) -> None:
        if not self.done.done():
            self.done.set_result(b"".join(self._parts))

    def upload_failed(self, reason: reasons.ErrorReason.ValueType) -> None:
        if not self.done.done():
            self.done.set_result(failure_refusal(reason, "body"))


def _scope(visit: Visit, head: Head, client: ClientConnection) -> dict[str, Any]:
    path = head.path or "/"
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1" if head.block.http_11 else "1.0",
        # what is read can be read by HEAD (RFC 9110 §9.1); the answer's body goes nowhere
        "method": "GET" if head.method == "HEAD" else head.method,
        "scheme": visit.origin.scheme,
        "path": path,
        "raw_path": path.encode(),
        "query_string": head.query[1:],
        "root_path": "",
        "headers": [*head.read.items(), *((name.lower(), value) for name, value in head.block.fields)],
        "client": (visit.client_address, 0),
        "server": None,
        "state": {"request_id": visit.request_id, "peer": client.peer.address},
    }


def _receive(body: bytes) -> Callable[[], Awaitable[Message]]:
    messages: list[Message] = [
        {"type": "http.disconnect"},
        {"type": "http.request", "body": body, "more_body": False},
    ]

    async def receive() -> Message:
        return messages.pop() if len(messages) > 1 else messages[0]

    return receive


class _Answer:
    """Writes what the application sends; frames it by its Content-Length or in chunks."""

    def __init__(self, visit: Visit, head: Head, client: ClientConnection) -> None:
        self._visit = visit
        self._head = head
        self._client = client
        self._chunked = False
        self._keep_alive = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._begin(message["status"], list(message.get("headers", ())))
            return
        body = bytes(message.get("body", b""))
        self._visit.response_bytes += len(body)
        if self._head.method != "HEAD":
            if body:
                self._client.write(chunk(body) if self._chunked else body)
            if self._chunked and not message.get("more_body", False):
                self._client.write(LAST_CHUNK)
        await self._client.drained()

    def _begin(self, status: int, fields: list[tuple[bytes, bytes]]) -> None:
        head = self._head
        lengths = [int(value) for name, value in fields if name.lower() == b"content-length"]
        length = lengths[0] if lengths else None
        bodiless = head.method == "HEAD" or status in (204, 304)
        framing = Framing(length, chunked=length is None and not bodiless and head.block.http_11)
        delimited = bodiless or framing.chunked or length is not None
        self._chunked = framing.chunked
        self._keep_alive = self._visit.request.keep_alive and delimited and self._visit.request.complete
        self._visit.status = status
        self._client.write(
            answer_head(
                status,
                field_lines(field for field in fields if field[0].lower() != b"content-length"),
                framing,
                added=added_lines(self._visit),
                keep_alive=self._keep_alive,
                http_11=head.block.http_11,
            )
        )

    def finish(self) -> bool:
        """Tells whether the connection may carry another request; cuts it when no answer was begun."""
        if not self._visit.status:
            self._client.abort()
        return self._keep_alive
