"""Channels to our own services: who calls, for which request and until when goes along with every call.

A thin layer over a plain channel in place of grpc.aio's client interceptors: those start a task per call and
put a queue in front of each message of a stream (and leak on broken streams, grpc#25449, #38499). Here the
metadata is added when the call is made, and a stream is the plain stream.
"""

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, TypeVar
from weakref import WeakKeyDictionary

import grpc
import structlog

from svckit.call_context import remaining_seconds, request_id
from svckit.identity import ProcessIdentity
from svckit.message_bounds import MessageBounds, bounds_of

DEFAULT_CAP_SECONDS: Final = 10.0
# A stopped peer is noticed in 3 s; without `ping_timeout_ms` a call hung for over 60 s (measured, grpcio 1.85.1).
CHANNEL_OPTIONS: Final[tuple[tuple[str, int], ...]] = (
    ("grpc.keepalive_time_ms", 2_000),
    ("grpc.keepalive_timeout_ms", 1_000),
    ("grpc.http2.ping_timeout_ms", 1_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    # Back 0.2 s after a restarted peer; the default grows to 120 s.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    # Else a new channel would get the connection, or the lack of one, of the channel that it replaces.
    ("grpc.use_local_subchannel_pool", 1),
)
STUCK_SECONDS: Final = 30.0
"""A peer that is back is found within 1 s, else something is wrong with the channel."""
_STUCK_CALLS: Final = 3
_DOWN: Final = frozenset({grpc.ChannelConnectivity.CONNECTING, grpc.ChannelConnectivity.TRANSIENT_FAILURE})
log = structlog.get_logger()
_Call = TypeVar("_Call", bound=grpc.aio.Call)


def open_channel(
    target: str,
    identity: ProcessIdentity | None,
    audience: str,
    *,
    cap_seconds: float = DEFAULT_CAP_SECONDS,
    bounds: MessageBounds | None = None,
) -> grpc.aio.Channel:
    """A channel to the process `audience` at `target` (`host:port` or `unix:/path`).

    Calls carry a token of `identity` (None: public rpcs only) and the current request id. A unary call always
    has a deadline: the least of its own `timeout`, `cap_seconds` and what the served call has left. A stream
    has one only when it is given one. With nothing left a call is not sent but raises DEADLINE_EXCEEDED at once.
    A channel that calls find without a connection for `STUCK_SECONDS` is exchanged for a new one underneath.
    Messages are bounded as those of the service are, unless other `bounds` are given.
    To be used on the process's one event loop (grpc#25364).
    """
    bounds = bounds or bounds_of(audience)
    options = (
        *CHANNEL_OPTIONS,
        ("grpc.max_receive_message_length", bounds.answer),
        ("grpc.max_send_message_length", bounds.request),
    )
    outgoing = _Outgoing(identity, audience, cap_seconds)
    return _Channel(lambda: grpc.aio.insecure_channel(target, options), outgoing)


@asynccontextmanager
async def open_stream(call: _Call) -> AsyncIterator[_Call]:
    """Cancels `call` on the way out, however the block is left.

    A stream that is merely dropped stays open at the server until the channel closes (grpc#43462: the server
    saw 0 of 20 end).
    """
    try:
        yield call
    finally:
        call.cancel()


@dataclass(frozen=True, slots=True)
class _Outgoing:
    """What is added to a call when it is made."""

    identity: ProcessIdentity | None
    audience: str
    cap_seconds: float

    def metadata(self, own: Any) -> Sequence[tuple[str, str | bytes]]:
        added: list[tuple[str, str | bytes]] = list(own or ())
        if self.identity is not None:
            added.append(("authorization", f"Bearer {self.identity.token(self.audience)}"))
        if identifier := request_id():
            added.append(("x-request-id", identifier))
        return added

    def unary_timeout(self, own: float | None) -> float:
        return min(self.cap_seconds if own is None else own, self.cap_seconds, _left())

    def stream_timeout(self, own: float | None) -> float | None:
        return None if own is None else min(own, _left())


def _left() -> float:
    remaining = remaining_seconds()
    return float("inf") if remaining is None else max(remaining, 0.0)


class _Line:
    """One underlying channel. When it is let go of it takes no more calls; those under way go on (gRPC's
    `grpc_channel_destroy` leaves them alone)."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.channel: Final = channel
        self._callables: WeakKeyDictionary[Callable[..., Any], Callable[..., Any]] = WeakKeyDictionary()

    def callable(self, owner: Callable[..., Any], kind: str, args: Any, kwargs: Any) -> Callable[..., Any]:
        """The channel's own multicallable for `owner`, made once."""
        found = self._callables.get(owner)
        if found is None:
            found = self._callables[owner] = getattr(self.channel, kind)(*args, **kwargs)
        return found


class _Channel(grpc.aio.Channel):
    """A plain channel whose calls get what `_Outgoing` adds, and that is exchanged when it is stuck."""

    def __init__(
        self, opened: Callable[[], grpc.aio.Channel], outgoing: _Outgoing, stuck_seconds: float = STUCK_SECONDS
    ) -> None:
        self._opened = opened
        self._outgoing = outgoing
        self._stuck_seconds = stuck_seconds
        self._line = _Line(opened())
        self._down_since: float | None = None
        self._calls_since = 0

    def unary_unary(self, *args: Any, **kwargs: Any) -> Any:
        return self._calling("unary_unary", args, kwargs, self._outgoing.unary_timeout)

    def unary_stream(self, *args: Any, **kwargs: Any) -> Any:
        return self._calling("unary_stream", args, kwargs, self._outgoing.stream_timeout)

    def stream_unary(self, *args: Any, **kwargs: Any) -> Any:
        return self._calling("stream_unary", args, kwargs, self._outgoing.stream_timeout)

    def stream_stream(self, *args: Any, **kwargs: Any) -> Any:
        return self._calling("stream_stream", args, kwargs, self._outgoing.stream_timeout)

    def _calling(
        self, kind: str, args: Any, kwargs: Any, limit: Callable[[float | None], float | None]
    ) -> Callable[..., Any]:
        def call(request: Any = None, timeout: float | None = None, metadata: Any = None, **rest: Any) -> Any:
            seconds = limit(timeout)
            if seconds is not None and seconds <= 0:
                # gRPC may still send a call whose timeout is 0, and take its answer
                nothing = grpc.aio.Metadata()
                raise grpc.aio.AioRpcError(
                    grpc.StatusCode.DEADLINE_EXCEEDED, nothing, nothing, "the deadline had passed before the call"
                )
            self._exchange_if_stuck()
            multicallable = self._line.callable(call, kind, args, kwargs)
            return multicallable(request, timeout=seconds, metadata=self._outgoing.metadata(metadata), **rest)

        return call

    def _exchange_if_stuck(self) -> None:
        """Opens a new channel when calls have found this one without a connection for long.

        Channels have been seen to stay so although the peer was back (grpc#38290). A peer that is away costs a new
        channel now and then.
        """
        state = self._line.channel.get_state()
        if state is grpc.ChannelConnectivity.READY:
            self._down_since = None
        if state not in _DOWN:
            return
        now = time.monotonic()
        if self._down_since is None:
            self._down_since, self._calls_since = now, 0
        self._calls_since += 1
        if self._calls_since > _STUCK_CALLS and now - self._down_since >= self._stuck_seconds:
            log.warning("no connection for long: the channel is exchanged", peer=self._outgoing.audience)
            self._line, self._down_since = _Line(self._opened()), None

    async def close(self, grace: float | None = None) -> None:
        await self._line.channel.close(grace)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        return self._line.channel.get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        await self._line.channel.wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        await self._line.channel.channel_ready()

    async def __aenter__(self) -> "_Channel":
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        await self.close()
