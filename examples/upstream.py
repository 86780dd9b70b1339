"""The demo upstream: a tiny ASGI application that shows what reached it.

`/health`, `/slow?seconds=2`, `/status/{code}`, `/stream?chunks=5`; every other path echoes method, path, query,
headers and body length as JSON. Run: `python -m examples.upstream --port 9001`. Not for production.
"""

import argparse
import asyncio
import contextlib
import json
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs

import uvicorn

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

MAX_SLOW_SECONDS = 300.0
MAX_CHUNKS = 10_000


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """The whole service."""
    if scope["type"] != "http":
        return
    head, _, rest = scope["path"].strip("/").partition("/")
    query = {name: values[-1] for name, values in parse_qs(scope["query_string"].decode("latin-1")).items()}
    body_bytes = await _drain(receive)
    match head:
        case "health":
            await _answer(send, 200, {"status": "ok"})
        case "slow":
            await asyncio.sleep(min(_number(query.get("seconds"), 1.0), MAX_SLOW_SECONDS))
            await _answer(send, 200, _echo(scope, body_bytes))
        case "status" if rest.isdecimal() and 200 <= int(rest) <= 599:
            await _answer(send, int(rest), _echo(scope, body_bytes))
        case "stream":
            await _stream(send, min(int(_number(query.get("chunks"), 5)), MAX_CHUNKS))
        case _:
            await _answer(send, 200, _echo(scope, body_bytes))


def _echo(scope: Scope, body_bytes: int) -> dict[str, Any]:
    """What came in; a header that came several times is a list, so that smuggled doubles are seen."""
    headers: dict[str, Any] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = (
            [*headers[name], value]
            if isinstance(headers.get(name), list)
            else ([headers[name], value] if name in headers else value)
        )
    return {
        "method": scope["method"],
        "path": scope["raw_path"].decode("latin-1"),
        "query": scope["query_string"].decode("latin-1"),
        "headers": headers,
        "body_bytes": body_bytes,
    }


async def _drain(receive: Receive) -> int:
    size = 0
    while True:
        message = await receive()
        size += len(message.get("body", b""))
        if not message.get("more_body", False):
            return size


async def _answer(send: Send, status: int, content: dict[str, Any]) -> None:
    body = b"" if status in (204, 304) else json.dumps(content).encode() + b"\n"
    headers = [(b"content-type", b"application/json")]
    if status not in (204, 304):
        headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _stream(send: Send, chunks: int) -> None:
    """Without a content length, so chunked."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    for at in range(chunks):
        await send({"type": "http.response.body", "body": f"chunk {at}\n".encode(), "more_body": True})
        await asyncio.sleep(0.1)
    await send({"type": "http.response.body", "body": b""})


def _number(text: str | None, default: float) -> float:
    try:
        return max(0.0, float(text)) if text is not None else default
    except ValueError:
        return default


def main() -> None:
    """Serve on a port, or on a listening socket inherited as a file descriptor."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9001)
    parser.add_argument("--fd", type=int)
    arguments = parser.parse_args()
    server = uvicorn.Server(
        uvicorn.Config(
            application,
            host=arguments.host,
            port=arguments.port,
            ws="none",
            lifespan="off",
            log_level="warning",
            # Longer than the gateway keeps its idle connections (4 s), so that it is the one to close them.
            timeout_keep_alive=75,
        )
    )
    # Not uvicorn's own `fd`: it takes every socket for a Unix one, on which nobody sets TCP_NODELAY, and the second
    # answer of a kept connection waits 40 ms for an acknowledgement.
    with contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=None if arguments.fd is None else [socket.socket(fileno=arguments.fd)])


if __name__ == "__main__":
    main()
