"""Who is calling, and until when that stays true: look-ups one by one and in batches, the watch, the leases, and what
edges tell of the use of keys."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from datetime import timedelta
from typing import Any, Final

import structlog
from google.protobuf.duration_pb2 import Duration
from penstock.auth.v1 import auth_service_pb2 as pb
from penstock.auth.v1 import invalidation_pb2, principal_pb2
from penstock.auth.v1.auth_service_pb2_grpc import AuthServiceServicer

from authsvc.authentication import Authentication
from authsvc.fields import FieldChecks
from authsvc.invalidations import leases
from authsvc.invalidations.acknowledgements import Acknowledgements
from authsvc.invalidations.leases import Acknowledgement, Worker
from authsvc.invalidations.tail import Tail
from authsvc.key_uses import KeyUses
from authsvc.lookup import Presented
from authsvc.rpc import messages
from svckit.drain import Drain
from svckit.errors import Fault
from svckit.interceptors.shape import Context
from svckit.postgres import AWAY

MAX_BATCH: Final = 128
MAX_CREDENTIAL_OCTETS: Final = 8192
MAX_STALE_SECONDS: Final = 900
# A PostgreSQL bigint.
MAX_REVISION: Final = 2**63 - 1
# Batches of one stream that are looked up at a time; the rest waits in the stream's own window.
_CONCURRENT_BATCHES: Final = 4
_KINDS: Final = frozenset(
    {
        principal_pb2.CREDENTIAL_KIND_API_KEY,
        principal_pb2.CREDENTIAL_KIND_TOKEN,
        principal_pb2.CREDENTIAL_KIND_IMPORTED_KEY,
    }
)
log = structlog.get_logger()


class Auth(AuthServiceServicer):
    """Serves penstock.auth.v1.AuthService."""

    def __init__(self, pool: Any, authentication: Authentication, uses: KeyUses, tail: Tail, drain: Drain) -> None:
        self._pool = pool
        self._authentication = authentication
        self._uses = uses
        self._tail = tail
        self._acknowledgements = Acknowledgements(pool)
        self._drain = drain

    async def Authenticate(self, request: pb.AuthenticateRequest, _context: Context) -> pb.AuthenticateResponse:
        checks = FieldChecks()
        presented = _presented(checks, "credential", request.credential)
        checks.done()
        return (await self._authentication.authenticate([presented]))[0]

    # Not a generator, as the stub wants: its tasks write the answers.
    async def StreamAuthenticate(  # type: ignore[override]
        self, requests: AsyncIterator[pb.StreamAuthenticateRequest], context: Context
    ) -> None:
        """Answers batches as they are done, a few at a time; ends on drain after those that were taken up."""
        # At once, so that the caller knows its stream to be open before it sends.
        await context.send_initial_metadata(())
        slots, writing = asyncio.Semaphore(_CONCURRENT_BATCHES), asyncio.Lock()

        async def answer(batch: pb.StreamAuthenticateRequest, presented: Sequence[Presented]) -> None:
            try:
                response = await self._answer(batch.batch_id, presented)
            finally:
                slots.release()
            async with writing:
                await context.write(response)

        # Closed at once when a batch is refused: both must not wait for the garbage collector.
        source: Any = aiter(requests)
        batches: Any = self._drain.until(source)
        refused: Fault | None = None
        try:
            async with aclosing(source), aclosing(batches), asyncio.TaskGroup() as tasks:
                async for batch in batches:
                    presented = _batch(batch)
                    await slots.acquire()
                    tasks.create_task(answer(batch, presented))
        except* Fault as group:
            refused = next(each for each in group.exceptions if isinstance(each, Fault))
        if refused is not None:
            # Out here, since Python before 3.11.4 wraps what is raised in an `except*` into a group.
            raise refused

    async def WatchInvalidations(
        self, request: pb.WatchInvalidationsRequest, context: Context
    ) -> AsyncIterator[pb.WatchInvalidationsResponse]:
        """First what the worker missed, then SYNC_COMPLETE, then events as they are committed; ends on drain."""
        checks = FieldChecks()
        worker = _worker(checks, request.instance)
        checks.done()
        await context.send_initial_metadata(())
        extent = await self._tail.extent()
        position = request.resume_from if request.HasField("resume_from") else extent.head
        log.info("watch begins", gateway_id=worker.gateway_id, slot=worker.slot, position=position)
        if not extent.covers(position):
            position = extent.head
            yield pb.WatchInvalidationsResponse(cache_reset=pb.CacheReset(revision=position))
        async for page in self._tail.pages(position, extent.head):
            for event in page:
                yield pb.WatchInvalidationsResponse(invalidation=messages.invalidation(event))
                position = event.revision
        yield pb.WatchInvalidationsResponse(sync_complete=pb.SyncComplete(revision=position))
        while (events := await self._drain.unless_started(self._tail.after(position))) is not None:
            for event in events:
                yield pb.WatchInvalidationsResponse(invalidation=messages.invalidation(event))
                position = event.revision

    async def AckInvalidations(
        self, request: pb.AckInvalidationsRequest, _context: Context
    ) -> pb.AckInvalidationsResponse:
        told = _acknowledging(request)
        if request.leaving:
            async with self._pool.acquire() as connection:
                await leases.end(connection, told.worker)
            return pb.AckInvalidationsResponse()
        grant = await self._acknowledgements.take(told)
        return pb.AckInvalidationsResponse(lease=_duration(grant.duration), head_revision=grant.head)

    async def ReportKeyUses(self, request: pb.ReportKeyUsesRequest, _context: Context) -> pb.ReportKeyUsesResponse:
        checks = FieldChecks()
        uses = checks.uses("uses", request.uses)
        checks.done()
        self._uses.note(uses)
        return pb.ReportKeyUsesResponse()

    async def _answer(self, batch_id: int, presented: Sequence[Presented]) -> pb.StreamAuthenticateResponse:
        try:
            responses = await self._authentication.authenticate(presented)
        except AWAY as error:
            log.warning("look-up failed: the store is out of reach", error=repr(error))
            return pb.StreamAuthenticateResponse(batch_id=batch_id, unavailable=True)
        return pb.StreamAuthenticateResponse(batch_id=batch_id, responses=responses)


def _batch(batch: pb.StreamAuthenticateRequest) -> list[Presented]:
    checks = FieldChecks()
    checks.expect("requests", 1 <= len(batch.requests) <= MAX_BATCH, f"must be 1–{MAX_BATCH}")
    presented = [
        _presented(checks, f"requests[{index}].credential", each.credential)
        for index, each in enumerate(batch.requests[:MAX_BATCH])
    ]
    checks.done()
    return presented


def _presented(checks: FieldChecks, path: str, credential: principal_pb2.Credential) -> Presented:
    checks.expect(f"{path}.kind", credential.kind in _KINDS, "must be a kind of credential")
    fits = 1 <= len(credential.value) <= MAX_CREDENTIAL_OCTETS
    checks.expect(f"{path}.value", fits, f"must be 1–{MAX_CREDENTIAL_OCTETS} octets")
    tenant = checks.tenant(f"{path}.config_tenant_id", credential.config_tenant_id)
    imported = credential.kind == principal_pb2.CREDENTIAL_KIND_IMPORTED_KEY
    is_api_key = credential.kind == principal_pb2.CREDENTIAL_KIND_API_KEY
    return Presented(credential.value, is_api_key, tenant if imported else None)


def _duration(time: timedelta) -> Duration:
    message = Duration()
    message.FromTimedelta(time)
    return message


def _acknowledging(request: pb.AckInvalidationsRequest) -> Acknowledgement:
    checks = FieldChecks()
    worker = _worker(checks, request.instance)
    checks.at_most("revision", request.revision, MAX_REVISION)
    fits = request.max_stale.nanos == 0 and 0 <= request.max_stale.seconds <= MAX_STALE_SECONDS
    checks.expect("max_stale", fits, f"must be 0–{MAX_STALE_SECONDS} whole seconds")
    checks.done()
    return Acknowledgement(worker, request.revision, timedelta(seconds=request.max_stale.seconds))


def _worker(checks: FieldChecks, instance: invalidation_pb2.Instance) -> Worker:
    return Worker(
        checks.gateway_id("instance.gateway_id", instance.gateway_id),
        checks.slot("instance.slot", instance.slot),
        checks.uuid("instance.boot_id", instance.boot_id),
    )
