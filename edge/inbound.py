"""One request on its way in: its head or its refusal, and a body that waits in a bounded buffer for its taker."""

from typing import Protocol, TypeAlias

from penstock.errors.v1 import error_reason_pb2 as reasons

from edge.http.head import Head
from edge.problems import Refusal

Reason: TypeAlias = reasons.ErrorReason.ValueType

BUFFER_BYTES = 64 * 1024
"""Of a body that nobody takes yet; above it the client's connection is not read."""


class Sink(Protocol):
    """Whoever takes a body."""

    def upload_data(self, data: bytes) -> None: ...
    def upload_ended(self) -> None: ...
    def upload_failed(self, reason: Reason) -> None: ...


class InboundRequest:
    """A request of a client's connection. `head` is a Refusal when the strict gate did not let it in."""

    __slots__ = (
        "_buffer",
        "_kept",
        "_most_kept",
        "_sink",
        "body_bytes",
        "complete",
        "failed",
        "head",
        "keep_alive",
        "started_at",
        "started_time",
    )

    def __init__(self, head: Head | Refusal, *, started_at: float, started_time: float) -> None:
        """`started_at` by the performance counter, for durations; `started_time` in seconds since 1970."""
        self.head = head
        self.keep_alive = isinstance(head, Head) and head.block.keep_alive
        """Whether the connection may carry another request after this one."""
        self.started_at = started_at
        self.started_time = started_time
        self.body_bytes = 0
        self.complete = False
        self.failed: Reason | None = None
        self._buffer: list[bytes] = []
        self._kept: list[bytes] | None = None
        self._most_kept = 0
        self._sink: Sink | None = None

    @property
    def full(self) -> bool:
        """Whether the connection should not be read for this body now."""
        return self._sink is None and self.body_bytes > BUFFER_BYTES

    @property
    def replayable(self) -> bool:
        """Whether all of the body that has come is there to be sent again."""
        return not self.body_bytes or self._kept is not None

    def feed(self, data: bytes) -> None:
        """Takes octets of the body from the connection."""
        self.body_bytes += len(data)
        if self._kept is not None:
            self._keep(data)
        if self._sink is None:
            self._buffer.append(data)
        else:
            self._sink.upload_data(data)

    def end(self) -> None:
        """Takes the end of the body from the connection."""
        self.complete = True
        if self._sink is not None:
            self._sink.upload_ended()

    def fail(self, reason: Reason = reasons.ERROR_REASON_BAD_REQUEST) -> None:
        """Takes the news that the rest of the body cannot be read, because it is malformed or for another reason."""
        self.failed = reason
        if self._sink is not None:
            self._sink.upload_failed(reason)

    def keep(self, most: int) -> None:
        """Keeps the body so that it can be handed over again, as long as it is no longer than `most` octets. To be
        called before it is handed over."""
        self._kept, self._most_kept = [], most
        for data in self._buffer:
            self._keep(data)

    def _keep(self, data: bytes) -> None:
        if self.body_bytes > self._most_kept:
            self._kept = None
        elif self._kept is not None:
            self._kept.append(data)

    def attach(self, sink: Sink) -> None:
        """Hands the body over: what has come, and whatever comes from now on. Once more only if it is replayable."""
        again, self._sink = self._sink is not None, sink
        buffered, self._buffer = self._buffer, []
        if again:
            buffered = list(self._kept or ())
        for data in buffered:
            sink.upload_data(data)
        if self.complete:
            sink.upload_ended()
        elif self.failed is not None:
            sink.upload_failed(self.failed)

    def detach(self) -> None:
        """Lets the rest of the body go nowhere."""
        self._sink = _DISCARD
        self._buffer = []
        self._kept = None


class _Discard:
    """Takes a body that nobody wants."""

    def upload_data(self, data: bytes) -> None:
        pass

    def upload_ended(self) -> None:
        pass

    def upload_failed(self, reason: Reason) -> None:
        pass


_DISCARD = _Discard()
