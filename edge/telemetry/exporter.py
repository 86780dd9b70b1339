"""Ships a spool to telemetrysvc over one stream: batches in order, several in flight, settled as they are acknowledged.

Whatever goes wrong, the stream is ended, and after a pause everything that is not settled is sent again: the
collector stores a record once however often it comes.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import grpc
import structlog
from penstock.telemetry.v1.ingest_service_pb2 import StreamBatchesResponse

from edge.telemetry.framing import join_batch
from edge.telemetry.spool import Batch, Spool
from svckit.backoff import delays
from svckit.channels import open_stream
from svckit.side_by_side import until_one_ends

METHOD: Final = "/penstock.telemetry.v1.IngestService/StreamBatches"
BATCH_RECORDS: Final = 100
BATCH_SECONDS: Final = 0.5
# Larger ones cost both sides less, so under load a batch takes what has come meanwhile.
MOST_RECORDS: Final = 1000
PAUSE_SECONDS: Final = 0.04
BATCH_BYTES: Final = 512 * 1024
IN_FLIGHT: Final = 8
# Longer than any commit takes; a collector that is silent for so long is given up.
ACK_SECONDS: Final = 30.0
log = structlog.get_logger()


class StreamFailed(Exception):
    """The collector cannot take the records now, or does not keep to the protocol."""


@dataclass(frozen=True, slots=True)
class _Sent:
    batch: Batch
    at: float


class Exporter:
    """`source` names the spool towards the collector; `pause_scale` shrinks the schedule of pauses."""

    def __init__(self, spool: Spool, source: str, channel: grpc.aio.Channel, pause_scale: float = 1.0) -> None:
        self._spool: Final = spool
        self._source: Final = source
        self._unit: Final = random.SystemRandom().random
        self._pause_scale: Final = pause_scale
        # No serialiser: a batch is bytes already.
        self._open: Final[Callable[[], Any]] = channel.stream_stream(
            METHOD, request_serializer=None, response_deserializer=StreamBatchesResponse.FromString
        )
        self._wake: Final = asyncio.Event()
        self._settled: Final = asyncio.Event()
        self._in_flight: deque[_Sent] = deque()
        self._last_batch_at = 0.0
        self._eager = False
        self._healthy = False
        self.away = False
        """Whether the collector failed at the last attempt. Read-only outside."""
        self._reported = spool.tally().dropped
        self.failures: int = 0

    def wake(self) -> None:
        """There are enough records for a batch."""
        self._wake.set()

    async def run(self) -> None:
        """Ships until cancelled."""
        pauses = delays(self._unit, scale=self._pause_scale)
        while True:
            self._healthy = False
            await self._ship_until_failure()
            if self._healthy:
                pauses = delays(self._unit, scale=self._pause_scale)
            await asyncio.sleep(next(pauses))

    async def flush(self, seconds: float) -> bool:
        """Ships what is there without waiting for full batches, for `seconds` at most; False when some is left."""
        self._eager = True
        self._wake.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._spool.pending:
                    self._settled.clear()
                    await self._settled.wait()
        self._eager = False
        return not self._spool.pending

    async def _ship_until_failure(self) -> None:
        self._spool.rewind()
        self._in_flight.clear()
        try:
            async with open_stream(self._open()) as call:
                await until_one_ends(self._receive(call), self._send(call))
        except (grpc.aio.AioRpcError, grpc.aio.UsageError, asyncio.InvalidStateError, StreamFailed) as error:
            self.failures += 1
            write, self.away = (log.debug if self.away else log.warning), True
            write("telemetry is spooled: the collector is away", error=_reason(error))

    async def _send(self, call: Any) -> None:
        while True:
            self._refuse_silence()
            if len(self._in_flight) < IN_FLIGHT and self._is_due():
                await self._send_next(call)
                if self._spool.last_sequence - self._spool.read_sequence < MOST_RECORDS and not self._eager:
                    await asyncio.sleep(PAUSE_SECONDS)
            else:
                self._wake.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(BATCH_SECONDS):
                        await self._wake.wait()

    def _is_due(self) -> bool:
        unread = self._spool.last_sequence - self._spool.read_sequence
        return unread >= BATCH_RECORDS or (unread > 0 and (self._eager or self._waited_long()))

    def _waited_long(self) -> bool:
        return time.monotonic() - self._last_batch_at >= BATCH_SECONDS

    def _refuse_silence(self) -> None:
        if self._in_flight and time.monotonic() - self._in_flight[0].at > ACK_SECONDS:
            raise StreamFailed("no acknowledgement")

    async def _send_next(self, call: Any) -> None:
        batch = self._spool.read(MOST_RECORDS, BATCH_BYTES)
        self._last_batch_at = time.monotonic()
        if batch is None:
            return  # what is counted as unread was damaged
        self._in_flight.append(_Sent(batch, self._last_batch_at))
        dropped = self._spool.tally().dropped
        news = {reason: count - self._reported[reason] for reason, count in dropped.items()}
        self._reported = dropped
        message = join_batch(self._source, batch.last, batch.frames, {k: v for k, v in news.items() if v > 0})
        try:
            async with asyncio.timeout(ACK_SECONDS):
                await call.write(message)
        except TimeoutError:
            raise StreamFailed("no room in the stream") from None

    async def _receive(self, call: Any) -> None:
        while (answer := await call.read()) is not grpc.aio.EOF:
            self._acknowledge(answer)
        raise StreamFailed(f"ended by the collector: {(await call.code()).name}")

    def _acknowledge(self, answer: StreamBatchesResponse) -> None:
        if not self._in_flight or answer.position.sequence != self._in_flight[0].batch.last:
            raise StreamFailed("acknowledged what was not sent")
        if not answer.committed:
            raise StreamFailed("not committed")
        self._spool.settle(self._in_flight.popleft().batch, answer.refused)
        self._healthy, self.away = True, False
        self._settled.set()
        self._wake.set()


def _reason(error: BaseException) -> str:
    return f"{error.code().name}: {error.details()}" if isinstance(error, grpc.aio.AioRpcError) else str(error)
