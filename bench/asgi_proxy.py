"""A bare ASGI proxy: uvicorn before it, kept connections with httptools behind it. A peer to measure against, nothing
more: no identity, limits, records, time limits or checks, and bodies are held whole."""

import asyncio
import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, cast

import httptools

Message = MutableMapping[str, Any]
HOST, _, PORT = os.environ.get("UPSTREAM", "127.0.0.1:9000").rpartition(":")
idle: list["Upstream"] = []


class Upstream(asyncio.Protocol):
    """One connection to the upstream, with one request at a time in flight."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name

    async def exchange(self, request: bytes) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        """Sends one request; returns its answer's status, fields and body."""
        self._fields: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._answered: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answered, self._fields, b"".join(self._body)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() not in (b"connection", b"transfer-encoding"):
            self._fields.append((name, value))

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        self._answered.set_result(self._parser.get_status_code())

    def connection_lost(self, exc: Exception | None) -> None:
        if self in idle:
            idle.remove(self)


async def app(scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Any]) -> None:
    """Passes one request on."""
    body, fields = b"", [field for field in scope["headers"] if field[0] != b"connection"]
    if any(name in (b"content-length", b"transfer-encoding") for name, _ in fields):
        more = True
        while more:
            message = await receive()
            body, more = body + message["body"], message["more_body"]
        fields = [field for field in fields if field[0] not in (b"content-length", b"transfer-encoding")]
        fields.append((b"content-length", b"%d" % len(body)))
    target = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
    lines = b"".join(b"%b: %b\r\n" % field for field in fields)
    head = b"%b %b HTTP/1.1\r\n%b\r\n" % (scope["method"].encode(), target, lines)
    if idle:
        upstream = idle.pop()
    else:
        _, upstream = await asyncio.get_running_loop().create_connection(Upstream, HOST, int(PORT))
    status, answered, content = await upstream.exchange(head + body)
    idle.append(upstream)
    await send({"type": "http.response.start", "status": status, "headers": answered})
    await send({"type": "http.response.body", "body": content})
