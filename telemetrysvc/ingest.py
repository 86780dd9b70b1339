"""IngestService: takes batches in and answers each, in order, when it is committed."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final, TypeAlias

import grpc
import structlog
from google.protobuf.message import DecodeError
from penstock.errors.v1 import error_reason_pb2 as reasons
from penstock.telemetry.v1.ingest_service_pb2 import SpoolPosition, StreamBatchesResponse
from prometheus_client import CollectorRegistry, Counter

from svckit.drain import Drain
from svckit.errors import Fault
from svckit.interceptors.shape import Context, MethodHandler
from telemetrysvc.batches import Batch, read_batch
from telemetrysvc.commits import Commits, Outcome

SERVICE: Final = "penstock.telemetry.v1.IngestService"
# Batches of one stream that are not answered yet; beyond that it is not read.
_UNANSWERED: Final = 16
# Batches in the order of their arrival, each with its outcome to be; None ends it.
Unanswered: TypeAlias = asyncio.Queue[tuple[Batch, asyncio.Future[Outcome]] | None]
log = structlog.get_logger()


class IngestMetrics:
    """What came of the records."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._records: Final = Counter(
            "telemetry_records_total", "Records by what came of them.", ("outcome",), registry=registry
        )
        self._dropped: Final = Counter(
            "telemetry_dropped_total", "Records that edges had to drop, by reason.", ("reason",), registry=registry
        )
        self._reasons: Final = frozenset({"full", "no_space", "oversize", "damaged", "refused"})

    def answered(self, batch: Batch, outcome: Outcome) -> None:
        if outcome.committed:
            self._records.labels("refused").inc(outcome.refused)
            self._records.labels("committed").inc(batch.size + batch.refused - outcome.refused)
        else:
            self._records.labels("returned").inc(batch.size + batch.refused)
        for reason, count in batch.dropped.items():
            self._dropped.labels(reason if reason in self._reasons else "other").inc(count)


class IngestService:
    """Mounted by `add`; its messages come as bytes, so that one record that cannot be parsed is refused alone."""

    def __init__(self, commits: Commits, drain: Drain, metrics: IngestMetrics) -> None:
        self._commits: Final = commits
        self._drain: Final = drain
        self._metrics: Final = metrics

    async def stream_batches(self, messages: AsyncIterator[bytes], context: Context) -> None:
        """Reads ahead of the commits, up to a bound; ends with the edge's stream or with this process."""
        unanswered: Unanswered = asyncio.Queue(_UNANSWERED)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._answer(unanswered, context))
            fault = await self._read(messages, unanswered)
            await unanswered.put(None)
        if fault is not None:
            raise fault

    async def _read(self, messages: AsyncIterator[bytes], unanswered: Unanswered) -> Fault | None:
        """Queues what comes until the stream ends, or with a fault of its messages."""
        async for message in self._drain.until(aiter(messages)):
            batch = _parsed(message)
            if batch is None:
                return Fault(reasons.ERROR_REASON_BAD_REQUEST, "A batch needs a position.")
            await unanswered.put((batch, await self._commits.submit(batch)))
        return None

    async def _answer(self, unanswered: Unanswered, context: Context) -> None:
        while (item := await unanswered.get()) is not None:
            batch, future = item
            outcome = await future
            self._metrics.answered(batch, outcome)
            if outcome.refused:
                log.warning("records refused", source=batch.source, count=outcome.refused)
            position = SpoolPosition(source=batch.source, sequence=batch.sequence)
            await context.write(
                StreamBatchesResponse(position=position, committed=outcome.committed, refused=outcome.refused)
            )


def add(service: Any, server: Any) -> None:
    """Puts the service on a server; in place of the generated function, which parses messages itself."""
    handler: MethodHandler = grpc.stream_stream_rpc_method_handler(
        service.stream_batches,
        request_deserializer=None,
        response_serializer=StreamBatchesResponse.SerializeToString,
    )
    server.add_registered_method_handlers(SERVICE, {"StreamBatches": handler})


def _parsed(message: bytes) -> Batch | None:
    """The batch; None for what no edge of ours sends: it could not be answered."""
    try:
        batch = read_batch(message)
    except DecodeError:
        return None
    return batch if batch.source and batch.sequence else None
