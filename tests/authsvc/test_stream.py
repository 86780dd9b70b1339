"""Look-ups in batches over one stream."""

import asyncio
from typing import Any, NoReturn

import grpc
import pytest
from penstock.auth.v1 import auth_service_pb2 as pb
from penstock.auth.v1.auth_service_pb2_grpc import AuthServiceStub, add_AuthServiceServicer_to_server
from penstock.auth.v1.principal_pb2 import Credential
from penstock.errors.v1 import error_reason_pb2 as reasons
from prometheus_client import CollectorRegistry

from authsvc.authentication import Authentication
from authsvc.invalidations.signals import Bell
from authsvc.invalidations.tail import Tail
from authsvc.key_uses import KeyUses
from authsvc.lookup import Lookup
from authsvc.memory import Memory
from authsvc.methods import METHODS
from authsvc.peppers import Peppers
from authsvc.rpc.auth_service import MAX_BATCH, MAX_CREDENTIAL_OCTETS, Auth
from domain import api_keys
from svckit.channels import open_channel, open_stream
from svckit.drain import Drain
from svckit.errors import from_rpc_error
from svckit.message_bounds import MessageBounds, bounds_of
from svckit.postgres import AWAY
from svckit.switchboard import Mount
from tests.authsvc.replica import Cluster, presented
from tests.support.services import ServiceHost

DEADLINE_SECONDS = 20.0


def batch(number: int, *keys: str) -> pb.StreamAuthenticateRequest:
    return pb.StreamAuthenticateRequest(batch_id=number, requests=[presented(key) for key in keys])


async def answer_of(call: Any) -> pb.StreamAuthenticateResponse:
    """The next answer of the stream."""
    answer = await call.read()
    assert isinstance(answer, pb.StreamAuthenticateResponse)
    return answer


async def test_a_batch_is_answered_in_order_across_tenants(cluster: Cluster) -> None:
    async with cluster.replica() as replica:
        tenants = [await replica.tenant() for _ in range(3)]
        keys = [tenant.api_key for tenant in tenants]
        async with open_stream(replica.auth.StreamAuthenticate()) as call:
            for number in (7, 8):
                await call.write(batch(number, *keys, "psk_live_nonsense", keys[0]))
            async with asyncio.timeout(DEADLINE_SECONDS):
                answers = [await answer_of(call) for _ in range(2)]
                await call.done_writing()
                assert await call.read() is grpc.aio.EOF
    assert {answer.batch_id for answer in answers} == {7, 8}
    for answer in answers:
        found = [each.principal.tenant_id for each in answer.responses]
        assert found == [tenants[0].id, tenants[1].id, tenants[2].id, "", tenants[0].id]
        assert answer.responses[3].rejection.reason == reasons.ERROR_REASON_KEY_INVALID
        assert not answer.unavailable


async def test_a_batch_of_the_most_and_longest_credentials_fits(cluster: Cluster) -> None:
    longest = b"psk_live_".ljust(MAX_CREDENTIAL_OCTETS, b"x")
    full = pb.StreamAuthenticateRequest(batch_id=1, requests=[presented(longest)] * MAX_BATCH)
    async with cluster.replica() as replica, open_stream(replica.auth.StreamAuthenticate()) as call:
        async with asyncio.timeout(DEADLINE_SECONDS):
            await call.write(full)
            answer = await answer_of(call)
    assert [each.rejection.reason for each in answer.responses] == [reasons.ERROR_REASON_KEY_INVALID] * MAX_BATCH


async def test_a_message_that_no_contract_allows_is_not_even_read(cluster: Cluster) -> None:
    endless = presented(bytes(bounds_of("authsvc").request))
    async with cluster.replica() as replica:
        identity = cluster.host.identities["edge"]
        unbounded = MessageBounds(2 * endless.ByteSize(), 1000)
        async with open_channel(replica.hosted.target, identity, "authsvc", bounds=unbounded) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await AuthServiceStub(channel).Authenticate(endless)
    assert refused.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_the_stream_ends_with_ok_when_the_service_drains(cluster: Cluster) -> None:
    async with cluster.replica() as replica, open_stream(replica.auth.StreamAuthenticate()) as call:
        await call.wait_for_connection()
        replica.hosted.drain.start()
        async with asyncio.timeout(DEADLINE_SECONDS):
            assert await call.read() is grpc.aio.EOF
            assert await call.code() == grpc.StatusCode.OK


@pytest.mark.parametrize(
    ("message", "paths"),
    [
        (pb.StreamAuthenticateRequest(batch_id=1), ["requests"]),
        (batch(1, *["psk_live_nonsense"] * 129), ["requests"]),
        (
            pb.StreamAuthenticateRequest(batch_id=1, requests=[pb.AuthenticateRequest(credential=Credential())]),
            ["requests[0].credential.kind", "requests[0].credential.value", "requests[0].credential.config_tenant_id"],
        ),
        (batch(1, "x" * 8193), ["requests[0].credential.value"]),
    ],
    ids=["empty", "too long", "empty credential", "long credential"],
)
async def test_a_wrong_batch_ends_the_stream_and_names_the_fields(
    cluster: Cluster, message: pb.StreamAuthenticateRequest, paths: list[str]
) -> None:
    async with cluster.replica() as replica, open_stream(replica.auth.StreamAuthenticate()) as call:
        await call.write(message)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call.read()
    assert [field.path for field in from_rpc_error(refused.value).fields] == paths


class _Away:
    """A pool whose server is out of reach."""

    def acquire(self) -> NoReturn:
        raise ConnectionRefusedError


async def test_with_the_store_away_malformed_keys_are_refused_and_others_not_judged(service_host: ServiceHost) -> None:
    drain, pool = Drain(), _Away()
    authentication = Authentication(pool, Lookup(pool, Peppers({1: bytes(32)})), Memory(), CollectorRegistry())
    auth = Auth(pool, authentication, KeyUses(pool), Tail(pool, Bell()), drain)
    hosted = await service_host.serve(
        "authsvc", METHODS, [Mount(add_AuthServiceServicer_to_server, auth)], drain=drain, away=AWAY
    )
    stub = AuthServiceStub(await hosted.channel("edge"))
    well_formed = api_keys.compose(True, "Tenant01", "KeyKey01", bytes(32)).value.decode()
    assert (await stub.Authenticate(presented("psk_live_nonsense"))).rejection.reason
    with pytest.raises(grpc.aio.AioRpcError) as away:
        await stub.Authenticate(presented(well_formed))
    assert away.value.code() == grpc.StatusCode.UNAVAILABLE
    async with open_stream(stub.StreamAuthenticate()) as call, asyncio.timeout(DEADLINE_SECONDS):
        await call.write(batch(1, "psk_live_nonsense"))
        assert not (await answer_of(call)).unavailable
        await call.write(batch(2, "psk_live_nonsense", well_formed))
        answer = await answer_of(call)
    assert answer.unavailable
    assert not answer.responses
