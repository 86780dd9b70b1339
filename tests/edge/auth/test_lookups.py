"""The stream of look-ups and the watch against an authsvc that misbehaves on purpose."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from penstock.auth.v1 import auth_service_pb2 as pb
from penstock.auth.v1 import invalidation_pb2, principal_pb2
from penstock.auth.v1.auth_service_pb2_grpc import AuthServiceServicer, add_AuthServiceServicer_to_server

from domain import api_keys
from domain.tenants import DEFAULT_TENANT
from edge.auth.authenticator import Authenticator, AuthUnavailable
from edge.auth.lookups import fitting
from edge.instance import Instance
from edge.principal import Credential, CredentialKind, Principal
from svckit.channels import open_channel
from svckit.interceptors.shape import Context
from svckit.switchboard import Mount
from tests.edge.auth.waiting import until
from tests.support.services import ServiceHost

METHODS = {
    f"/penstock.auth.v1.AuthService/{name}": frozenset({"edge"})
    for name in ("Authenticate", "StreamAuthenticate", "WatchInvalidations", "AckInvalidations", "ReportKeyUses")
}
Answers = Callable[[pb.StreamAuthenticateRequest], pb.StreamAuthenticateResponse | None]


def proven(batch: pb.StreamAuthenticateRequest) -> pb.StreamAuthenticateResponse:
    """Proves whatever is asked."""
    principal = principal_pb2.Principal(kind=principal_pb2.PRINCIPAL_KIND_CONSUMER, id="c", tenant_id=DEFAULT_TENANT)
    answers = [pb.AuthenticateResponse(principal=principal) for _ in batch.requests]
    return pb.StreamAuthenticateResponse(batch_id=batch.batch_id, responses=answers)


class Scripted(AuthServiceServicer):
    """Answers batches by the functions in `script`, the last one for ever; None is silence, an exception a break."""

    def __init__(self, script: Sequence[Answers], watches: Sequence[Sequence[int]] = ((),)) -> None:
        self.script = list(script)
        self.watches = list(watches)
        self.batches: list[int] = []
        self.resumed: list[int | None] = []
        self.acknowledged: list[int] = []
        self.uses: list[tuple[str, float]] = []
        self.head = 0
        self.streams = 0
        self.hold = asyncio.Event()
        self.hold.set()

    async def StreamAuthenticate(self, requests: AsyncIterator[Any], context: Context) -> AsyncIterator[Any]:
        self.streams += 1
        await context.send_initial_metadata(())
        async for batch in requests:
            self.batches.append(len(batch.requests))
            await self.hold.wait()
            answer = (self.script.pop(0) if len(self.script) > 1 else self.script[0])(batch)
            if answer is not None:
                yield answer

    async def Authenticate(self, _request: Any, _context: Context) -> Any:
        raise NotImplementedError("a worker asks over its stream")

    async def WatchInvalidations(self, request: Any, _context: Context) -> AsyncIterator[Any]:
        self.resumed.append(request.resume_from if request.HasField("resume_from") else None)
        revisions = self.watches.pop(0) if len(self.watches) > 1 else self.watches[0]
        yield pb.WatchInvalidationsResponse(sync_complete=pb.SyncComplete(revision=request.resume_from))
        for revision in revisions:
            event = invalidation_pb2.Invalidation(
                revision=revision, scope=invalidation_pb2.INVALIDATION_SCOPE_API_KEY, subject=f"key{revision}"
            )
            yield pb.WatchInvalidationsResponse(invalidation=event)
        await asyncio.Event().wait()

    async def AckInvalidations(self, request: Any, _context: Context) -> Any:
        self.acknowledged.append(request.revision)
        response = pb.AckInvalidationsResponse(head_revision=self.head)
        response.lease.seconds = 30
        return response

    async def ReportKeyUses(self, request: Any, _context: Context) -> Any:
        self.uses += [(use.key_id, use.last_use_time.ToMicroseconds() / 1e6) for use in request.uses]
        return pb.ReportKeyUsesResponse()


@asynccontextmanager
async def running(
    host: ServiceHost, service: Scripted, timeout_seconds: float = 5.0, renew_seconds: float = 10.0
) -> AsyncIterator[Authenticator]:
    hosted = await host.serve("authsvc", METHODS, [Mount(add_AuthServiceServicer_to_server, service)])
    async with open_channel(hosted.target, host.identities["edge"], "authsvc") as channel:
        authenticator = Authenticator(
            channel, Instance("gw", 0, "boot"), timeout_seconds=timeout_seconds, renew_seconds=renew_seconds
        )
        async with asyncio.TaskGroup() as tasks:
            work = tasks.create_task(authenticator.run())
            yield authenticator
            work.cancel()


def key(number: int) -> Credential:
    value = api_keys.compose(True, "Tenant01", f"Key{number:05}", bytes(32)).value
    return Credential(CredentialKind.API_KEY, value, DEFAULT_TENANT)


async def test_questions_gather_while_messages_are_under_way(service_host: ServiceHost) -> None:
    service = Scripted([proven])
    async with running(service_host, service) as authenticator:
        assert isinstance(await authenticator.authenticate(key(0)), Principal)
        service.hold.clear()
        async with asyncio.TaskGroup() as tasks:
            asked = [tasks.create_task(authenticator.authenticate(key(number))) for number in range(1, 301)]
            await until(lambda: len(service.batches) == 2)
            service.hold.set()
        assert all(isinstance(task.result(), Principal) for task in asked)
    assert sum(service.batches) == 301
    assert max(service.batches) == 128
    assert len(service.batches) == 4


def _unavailable(batch: pb.StreamAuthenticateRequest) -> pb.StreamAuthenticateResponse:
    return pb.StreamAuthenticateResponse(batch_id=batch.batch_id, unavailable=True)


def _short(batch: pb.StreamAuthenticateRequest) -> pb.StreamAuthenticateResponse:
    return pb.StreamAuthenticateResponse(batch_id=batch.batch_id)


@pytest.mark.parametrize("answer", [_unavailable, _short], ids=["unavailable", "fewer answers than questions"])
async def test_an_answer_that_says_nothing_is_no_refusal(service_host: ServiceHost, answer: Answers) -> None:
    async with running(service_host, Scripted([answer, proven])) as authenticator:
        with pytest.raises(AuthUnavailable):
            await authenticator.authenticate(key(1))
        assert isinstance(await authenticator.authenticate(key(1)), Principal)


async def test_a_silent_stream_is_given_up_and_another_one_tried(service_host: ServiceHost) -> None:
    service = Scripted([lambda _batch: None, proven])
    async with running(service_host, service, timeout_seconds=0.2) as authenticator:
        with pytest.raises(AuthUnavailable):
            await authenticator.authenticate(key(1))
        await until(lambda: service.streams == 2)
        assert isinstance(await authenticator.authenticate(key(1)), Principal)


@pytest.mark.parametrize(
    ("size", "took", "fits"),
    [(128, 0.26, 64), (4, 0.9, 4), (5, 0.9, 4), (32, 0.1, 32), (32, 0.06, 64), (128, 0.01, 128)],
    ids=["late", "late, the smallest", "late, nearly the smallest", "in time", "soon", "soon, the largest"],
)
def test_messages_carry_what_is_answered_in_good_time(size: int, took: float, fits: int) -> None:
    assert fitting(size, took, patience=1.0) == fits


async def test_a_message_that_was_not_answered_in_time_is_followed_by_smaller_ones(service_host: ServiceHost) -> None:
    service = Scripted([lambda _batch: None, proven])
    async with running(service_host, service, timeout_seconds=0.3) as authenticator:
        for _ in range(2):
            async with asyncio.TaskGroup() as tasks:
                for number in range(128):
                    tasks.create_task(_told(authenticator, key(number)))
            await until(lambda: service.streams == 2)
    assert (service.batches[0], max(service.batches[1:])) == (128, 64)


async def _told(authenticator: Authenticator, credential: Credential) -> None:
    with suppress(AuthUnavailable):
        await authenticator.authenticate(credential)


def _broken(_batch: pb.StreamAuthenticateRequest) -> pb.StreamAuthenticateResponse:
    raise ConnectionResetError


def _of_another_batch(batch: pb.StreamAuthenticateRequest) -> pb.StreamAuthenticateResponse:
    return pb.StreamAuthenticateResponse(batch_id=batch.batch_id + 1)


@pytest.mark.parametrize("answer", [_broken, _of_another_batch], ids=["breaks off", "answers something else"])
async def test_what_a_broken_stream_left_unanswered_is_asked_again(service_host: ServiceHost, answer: Answers) -> None:
    service = Scripted([answer, proven])
    async with running(service_host, service) as authenticator:
        assert isinstance(await authenticator.authenticate(key(1)), Principal)
    assert service.streams == 2
    assert service.batches == [1, 1]


async def test_a_caller_that_gives_up_does_not_disturb_the_others(service_host: ServiceHost) -> None:
    service = Scripted([proven])
    service.hold.clear()
    async with running(service_host, service) as authenticator, asyncio.TaskGroup() as tasks:
        patient, hasty = (tasks.create_task(authenticator.authenticate(key(1))) for _ in range(2))
        await until(lambda: service.batches == [1])
        hasty.cancel()
        service.hold.set()
        assert isinstance(await patient, Principal)
    assert service.batches == [1]


async def test_a_missing_event_makes_the_watch_begin_anew(service_host: ServiceHost) -> None:
    service = Scripted([proven], watches=[(1, 2, 4), ()])
    async with running(service_host, service):
        await until(lambda: len(service.resumed) == 2)
    assert service.resumed == [None, None]
    assert 4 not in service.acknowledged


async def test_a_watch_that_is_silent_about_what_has_happened_begins_anew(service_host: ServiceHost) -> None:
    service = Scripted([proven], watches=[(), (1,)])
    service.head = 1
    async with running(service_host, service, renew_seconds=0.05):
        await until(lambda: 1 in service.acknowledged)
    assert service.resumed == [None, 0]


async def test_acknowledgements_follow_what_is_in_force(service_host: ServiceHost) -> None:
    service = Scripted([proven], watches=[range(1, 51)])
    async with running(service_host, service) as authenticator:
        await until(lambda: 50 in service.acknowledged)
        assert authenticator.lease_state == "held"
    assert service.acknowledged == sorted(service.acknowledged)
    assert len(service.acknowledged) <= 51


async def test_a_key_that_was_let_in_from_the_cache_is_told_with_its_time(service_host: ServiceHost) -> None:
    def named(batch: pb.StreamAuthenticateRequest) -> pb.StreamAuthenticateResponse:
        answer = proven(batch)
        answer.responses[0].principal.credential_id = "Key00001"
        return answer

    service, later = Scripted([named]), time.time() + 60
    async with running(service_host, service) as authenticator:
        await until(lambda: authenticator.lease_state == "held")
        assert isinstance(await authenticator.authenticate(key(1)), Principal)
        assert authenticator.cached(key(1), later)
        await authenticator.leave()
    ((key_id, at),) = service.uses
    assert key_id == "Key00001"
    assert abs(at - later) < 0.001
