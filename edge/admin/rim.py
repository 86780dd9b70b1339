"""The outermost ring of the management API: what every exchange gets, whatever becomes of it.

Request id, body limit, defensive headers, the access and audit lines, and the one broad `except`.
"""

import asyncio
import time
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from penstock.errors.v1 import error_reason_pb2 as reasons
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edge.admin.problems import render
from svckit.call_context import REQUEST_ID
from svckit.errors import Fault
from svckit.ids import uuid7
from svckit.request_ids import WELL_FORMED_OCTETS

# A config document is at most 4 MiB; the rest is slack for the odd byte-order mark and blank lines.
MAX_BODY_BYTES: Final = 4 * 1024 * 1024 + 64 * 1024
BODY_SECONDS: Final = 30.0
DEFENSIVE_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
)
log = structlog.get_logger()


@dataclass(slots=True)
class Act:
    """What an exchange turns out to be; the guard and the handlers fill it in, the log lines show it."""

    action: str = ""
    mutating: bool = False
    # Asked for every request of another gateway: no line each at the usual level.
    quiet: bool = False
    facts: dict[str, Any] = field(default_factory=dict)


class Rim:
    """An ASGI application around another."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one exchange; never raises but on cancellation."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        identifier = _request_id(scope)
        REQUEST_ID.set(identifier)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=identifier)
        act = scope.setdefault("state", {})["act"] = Act()
        body = _Body(scope, receive)
        answer = _Answer(send, identifier, body)
        started = time.perf_counter()
        try:
            if body.is_ambiguous:
                refused = render(
                    Fault(reasons.ERROR_REASON_BAD_REQUEST, "the body is framed in two ways"), scope["path"]
                )
                await refused(scope, receive, answer.send)
            else:
                await self._app(scope, body.receive, answer.send)
        except ClientDisconnect:
            log.info("client gone")
        except Exception:
            log.exception("request failed")
            if not answer.status:
                failed = render(Fault(reasons.ERROR_REASON_INTERNAL), scope["path"])
                await failed(scope, receive, answer.send)
        finally:
            _tell(scope, act, answer.status, time.perf_counter() - started)


class _Answer:
    """Passes the answer on with the headers that every answer has. An answer to a request whose body has not come
    ends the connection: what follows on it would have to be read to be thrown away."""

    def __init__(self, send: Send, request_id: str, body: "_Body") -> None:
        self._send = send
        self._body = body
        self._headers = (*DEFENSIVE_HEADERS, (b"x-request-id", request_id.encode("ascii")))
        # 0 until the answer has begun.
        self.status = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            own = {name.lower() for name, _ in message["headers"]}
            added = [each for each in self._headers if each[0] not in own]
            if not self._body.complete:
                added.append((b"connection", b"close"))
            message = {**message, "headers": [*message["headers"], *added]}
        await self._send(message)


def _request_id(scope: Scope) -> str:
    """The client's id when there is exactly one and it is well formed, else a new one."""
    given = [value for name, value in scope["headers"] if name == b"x-request-id"]
    if len(given) == 1 and WELL_FORMED_OCTETS.fullmatch(given[0]):
        return str(given[0], "ascii")
    return str(uuid7())


class _Body:
    """A body of at most MAX_BODY_BYTES that comes within BODY_SECONDS of its first read."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._receive = receive
        self._declared = [value for name, value in scope["headers"] if name == b"content-length"]
        self._chunked = any(name == b"transfer-encoding" for name, _ in scope["headers"])
        self._left = MAX_BODY_BYTES
        self._deadline: float | None = None
        # A request without a body is complete when its head is.
        self.complete = not self._chunked and all(value == b"0" for value in self._declared)
        self._ended = False

    @property
    def is_ambiguous(self) -> bool:
        """Whether it is framed twice, which h11 lets pass (RFC 9112 §6.1)."""
        return self._chunked and bool(self._declared)

    async def receive(self) -> Message:
        """The next message of the request."""
        if self._ended:
            return await self._receive()  # waits for the client to go away, as long as that takes
        if any(int(each) > MAX_BODY_BYTES for each in self._declared):
            raise Fault(reasons.ERROR_REASON_BODY_TOO_LARGE)
        self._deadline = self._deadline or asyncio.get_running_loop().time() + BODY_SECONDS
        message = await _within(self._receive, self._deadline)
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise Fault(reasons.ERROR_REASON_BODY_TOO_LARGE)
        self._ended = self.complete = not message.get("more_body", False)
        return message


async def _within(receive: Receive, deadline: float) -> MutableMapping[str, Any]:
    try:
        async with asyncio.timeout_at(deadline):
            return await receive()
    except TimeoutError:
        raise Fault(reasons.ERROR_REASON_REQUEST_TIMEOUT) from None


def _tell(scope: Scope, act: Act, status: int, seconds: float) -> None:
    """The access line, and for what would change something the audit line too, granted or refused."""
    client = scope["client"][0] if scope.get("client") else ""
    line = {"method": scope["method"], "path": scope["path"], "status": status, "client": client, **act.facts}
    write = log.debug if act.quiet else log.info
    write("request", duration_ms=round(seconds * 1000, 3), **line)
    if act.mutating:
        log.info("audit", action=act.action, **line)
