"""The life of an API key: created, used, rotated, revoked, never told apart from a key that never was."""

from datetime import UTC, datetime, timedelta

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from penstock.auth.v1 import api_key_pb2
from penstock.auth.v1 import api_key_service_pb2 as pb
from penstock.auth.v1.auth_service_pb2 import (
    AuthenticateRequest,
    StreamAuthenticateRequest,
    StreamAuthenticateResponse,
)
from penstock.auth.v1.principal_pb2 import CREDENTIAL_KIND_TOKEN, PRINCIPAL_KIND_CONSUMER, Credential
from penstock.errors.v1 import error_reason_pb2 as reasons

from domain import api_keys
from domain.tenants import DEFAULT_TENANT
from svckit.channels import open_stream
from svckit.errors import BY_NAME, from_rpc_error
from tests.authsvc.replica import Cluster, Replica, Tenant, presented

KEY_INVALID = reasons.ERROR_REASON_KEY_INVALID


async def test_a_created_key_proves_its_consumer(cluster: Cluster) -> None:
    async with cluster.replica() as replica:
        tenant = await replica.tenant()
        created = await replica.create_key(
            tenant.id, "robot", consumer="acme", scopes=["sales.read", "sales.write"], tier="gold"
        )
        principal = (await replica.authenticate(created.secret)).principal
    assert principal.kind == PRINCIPAL_KIND_CONSUMER
    assert principal.tenant_id == tenant.id
    assert principal.id == created.key.consumer_id
    assert (principal.name, principal.tier, principal.credential_id) == ("acme", "gold", created.key.id)
    assert list(principal.scopes) == ["sales.read", "sales.write"]
    assert created.key.display == f"psk_live_{tenant.short_id}{created.key.id}_…"
    assert created.key.state == api_key_pb2.API_KEY_STATE_ACTIVE


async def test_keys_of_one_consumer_share_its_id(cluster: Cluster) -> None:
    async with cluster.replica() as replica:
        tenant = await replica.tenant()
        first = await replica.create_key(tenant.id, "one", consumer="acme")
        second = await replica.create_key(tenant.id, "two", consumer="acme", test=True)
    assert first.key.consumer_id == second.key.consumer_id
    assert first.key.id != second.key.id
    assert second.secret.startswith("psk_test_")


async def _forgeries(replica: Replica, tenant: Tenant) -> dict[str, bytes]:
    """Keys that must not be told apart."""
    other = await replica.tenant()
    revoked = await replica.create_key(tenant.id, "revoked")
    await replica.keys.RevokeApiKey(pb.RevokeApiKeyRequest(tenant_id=tenant.id, key_id=revoked.key.id))
    wrong_secret = api_keys.compose(True, tenant.short_id, tenant.key_id, b"\x07" * 32).value
    foreign = api_keys.compose(True, other.short_id, tenant.key_id, b"\x07" * 32).value
    wrong_kind = api_keys.compose(False, tenant.short_id, tenant.key_id, b"\x07" * 32).value
    return {
        "unknown key": api_keys.compose(True, tenant.short_id, "AbsentId", b"\x07" * 32).value,
        "unknown tenant": api_keys.compose(True, "AbsentId", "AbsentId", b"\x07" * 32).value,
        "wrong secret": wrong_secret,
        "another tenant's short id": foreign,
        "test instead of live": wrong_kind,
        "revoked": revoked.secret.encode(),
        "tampered": tenant.api_key[:-1].encode() + (b"0" if tenant.api_key[-1] != "0" else b"1"),
        "malformed": b"psk_live_nonsense",
    }


async def test_keys_that_prove_nobody_are_not_told_apart(cluster: Cluster) -> None:
    async with cluster.replica() as replica:
        tenant = await replica.tenant()
        forged = await _forgeries(replica, tenant)
        answers = {name: await replica.authenticate(key) for name, key in forged.items()}
        assert (await replica.authenticate(tenant.api_key)).HasField("principal")
    assert {name: answer.rejection.reason for name, answer in answers.items()} == dict.fromkeys(forged, KEY_INVALID)


async def test_in_one_batch_each_key_is_judged_by_its_own_row(cluster: Cluster) -> None:
    async with cluster.replica() as replica:
        tenant = await replica.tenant()
        second = await replica.create_key(tenant.id)
        forged = list((await _forgeries(replica, tenant)).values())
        keys = [second.secret.encode(), *forged, tenant.api_key.encode(), *forged]
        async with open_stream(replica.auth.StreamAuthenticate()) as call:
            await call.write(StreamAuthenticateRequest(batch_id=1, requests=map(presented, keys)))
            answer = await call.read()
    assert isinstance(answer, StreamAuthenticateResponse)
    proven = [each.principal.credential_id for each in answer.responses]
    nobody = [""] * len(forged)
    assert proven == [second.key.id, *nobody, tenant.key_id, *nobody]


async def test_a_token_is_not_valid_yet(cluster: Cluster) -> None:
    credential = Credential(kind=CREDENTIAL_KIND_TOKEN, value=b"a.b.c", config_tenant_id=DEFAULT_TENANT)
    async with cluster.replica() as replica:
        answer = await replica.auth.Authenticate(AuthenticateRequest(credential=credential))
    assert answer.rejection.reason == reasons.ERROR_REASON_TOKEN_INVALID


async def test_revoking_without_any_edge_is_in_force_at_once(cluster: Cluster) -> None:
    async with cluster.replica() as replica:
        tenant = await replica.tenant()
        request = pb.RevokeApiKeyRequest(tenant_id=tenant.id, key_id=tenant.key_id)
        answer = await replica.keys.RevokeApiKey(request)
        again = await replica.keys.RevokeApiKey(request)
        refused = await replica.authenticate(tenant.api_key)
    assert answer.in_force
    assert not answer.pending
    assert answer.revision > 0
    assert answer.key.state == api_key_pb2.API_KEY_STATE_REVOKED
    assert (again.revision, again.key) == (answer.revision, answer.key)
    assert refused.rejection.reason == KEY_INVALID
    assert refused.revision >= answer.revision


async def test_a_rotated_key_is_replaced_by_one_of_the_same_consumer(cluster: Cluster) -> None:
    async with cluster.replica() as replica:
        tenant = await replica.tenant()
        old = await replica.create_key(tenant.id, "robot", consumer="acme", scopes=["a"], tier="gold")
        new = await replica.keys.RotateApiKey(
            pb.RotateApiKeyRequest(tenant_id=tenant.id, key_id=old.key.id, grace=Duration(seconds=60))
        )
        both = [(await replica.authenticate(secret)).principal for secret in (old.secret, new.secret)]
        newest = await replica.keys.RotateApiKey(pb.RotateApiKeyRequest(tenant_id=tenant.id, key_id=new.key.id))
        ended = await replica.authenticate(new.secret)
        following = await replica.authenticate(newest.secret)
    assert {principal.id for principal in both} == {old.key.consumer_id}
    assert both[0].HasField("expire_time")
    assert not both[1].HasField("expire_time")
    assert (new.key.scopes, new.key.tier, new.key.name) == (old.key.scopes, "gold", "robot")
    assert ended.rejection.reason == KEY_INVALID
    assert following.HasField("principal")


async def test_grace_never_outlives_the_old_key(cluster: Cluster) -> None:
    end = Timestamp()
    end.FromDatetime(datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1))
    async with cluster.replica() as replica:
        tenant = await replica.tenant()
        old = await replica.create_key(tenant.id, "robot", expire_time=end)
        request = pb.RotateApiKeyRequest(tenant_id=tenant.id, key_id=old.key.id, grace=Duration(seconds=7 * 86400))
        new = await replica.keys.RotateApiKey(request)
        kept = await replica.keys.GetApiKey(pb.GetApiKeyRequest(tenant_id=tenant.id, key_id=old.key.id))
    assert kept.key.expire_time == end
    assert new.key.expire_time == end


async def test_an_ended_key_cannot_be_rotated(cluster: Cluster) -> None:
    async with cluster.replica() as replica:
        tenant = await replica.tenant()
        await replica.keys.RevokeApiKey(pb.RevokeApiKeyRequest(tenant_id=tenant.id, key_id=tenant.key_id))
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await replica.keys.RotateApiKey(pb.RotateApiKeyRequest(tenant_id=tenant.id, key_id=tenant.key_id))
    assert [field.path for field in from_rpc_error(refused.value).fields] == ["key_id"]


async def test_lists_come_newest_first_in_pages_without_a_gap(cluster: Cluster) -> None:
    async with cluster.replica() as replica:
        tenant = await replica.tenant()
        made = [(await replica.create_key(tenant.id, f"key {n}", consumer=f"c{n % 2}")).key.id for n in range(5)]
        seen: list[str] = []
        token = ""
        while True:
            page = await replica.keys.ListApiKeys(
                pb.ListApiKeysRequest(tenant_id=tenant.id, page_size=2, page_token=token)
            )
            seen += [key.id for key in page.keys]
            token = page.next_page_token
            if not token:
                break
        odd = await replica.keys.ListApiKeys(pb.ListApiKeysRequest(tenant_id=tenant.id, consumer="c1"))
    assert seen == [*reversed(made), tenant.key_id]
    assert [key.id for key in odd.keys] == [made[3], made[1]]


@pytest.mark.parametrize("rpc", ["GetApiKey", "RevokeApiKey", "RotateApiKey"])
async def test_another_tenants_key_does_not_exist(cluster: Cluster, rpc: str) -> None:
    async with cluster.replica() as replica:
        tenant, other = await replica.tenant(), await replica.tenant()
        request = getattr(pb, f"{rpc}Request")(tenant_id=other.id, key_id=tenant.key_id)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await getattr(replica.keys, rpc)(request)
        assert (await replica.authenticate(tenant.api_key)).HasField("principal")
    assert from_rpc_error(refused.value).reason == BY_NAME["NOT_FOUND"]


async def test_every_wrong_field_is_named_at_once(cluster: Cluster) -> None:
    past = Timestamp(seconds=1)
    async with cluster.replica() as replica:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await replica.create_key(
                DEFAULT_TENANT.upper()[:-1], "", consumer="a\nb", scopes=["ok", "not ok"], tier="é", expire_time=past
            )
    fault = from_rpc_error(refused.value)
    assert fault.reason == BY_NAME["BAD_REQUEST"]
    paths = [field.path for field in fault.fields]
    assert paths == ["tenant_id", "name", "consumer", "scopes[1]", "tier", "expire_time"]
