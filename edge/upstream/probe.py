"""Asks one target whether it is well: by an answer of 2xx where there is a path to ask for, else by a connection."""

import asyncio

from penstock.errors.v1 import error_reason_pb2 as reasons

from domain.tenants import DEFAULT_TENANT, TenantId
from edge.http.answer import Framing
from edge.routing import Service, Target
from edge.upstream.connection import Switched
from edge.upstream.known import KnownAnswer
from edge.upstream.pool import Lease, Unreachable, UpstreamPool

ASK_SECONDS = 1.0


class Probe:
    """Asks targets over connections of its own, which the address guard lets through."""

    def __init__(self, pool: UpstreamPool, *, seconds: float = ASK_SECONDS) -> None:
        self._pool = pool
        self._seconds = seconds

    async def __call__(
        self, service: Service, target: Target, owner: TenantId = DEFAULT_TENANT, *, trusted: bool = True
    ) -> str:
        """What is wrong with a target of the owner's service; empty when nothing is."""
        path = service.health_path
        lease = Lease(target, owner, trusted=trusted, trust=service.trust)
        try:
            async with asyncio.timeout(self._seconds):
                connection = await self._pool.connect(lease, self._seconds)
                asked = _Asked()
                try:
                    if not path:
                        return ""
                    connection.begin(asked, _head(target, path))
                    status = await asked.status
                finally:
                    connection.abandon()
        except Unreachable as error:
            return error.why
        except TimeoutError:
            return "no answer in time"
        if status is None:
            return "no valid answer"
        return "" if 200 <= status <= 299 else str(status)


def _head(target: Target, path: str) -> bytes:
    lines = f"GET {path} HTTP/1.1\r\nHost: {target.name}\r\nUser-Agent: penstock-health\r\nConnection: close\r\n\r\n"
    return lines.encode("ascii")


class _Asked:
    """Receives the status of an answer, None when there is no valid one, and lets the rest go by."""

    bodiless = False
    withheld: frozenset[bytes] = frozenset()

    def __init__(self) -> None:
        self.status: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()

    def takes_whole(self) -> bool:
        return False

    def answer_whole(self, _known: KnownAnswer, _body: bytes) -> None: ...
    def answer_begun(self, status: int, _lines: bytes, _framing: Framing) -> None:
        self._told(status)

    def upstream_failed(self, _reason: "reasons.ErrorReason.ValueType") -> None:
        self._told(None)

    def _told(self, status: int | None) -> None:
        if not self.status.done():
            self.status.set_result(status)

    switched: Switched | None = None

    def answer_interim(self, _status: int, _lines: bytes) -> None: ...
    def answer_body(self, _data: bytes) -> None: ...
    def answer_paused(self) -> None: ...
    def answer_ended(self) -> None: ...
    def expire(self) -> None: ...
    def pause_upload(self) -> None: ...
    def resume_upload(self) -> None: ...
