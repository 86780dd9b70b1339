"""Keys of another gateway: known by their hash alone, good in the tenant that imported them and nowhere else."""

from hashlib import sha256
from typing import Any

import asyncpg
import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from penstock.auth.v1 import api_key_pb2
from penstock.auth.v1 import api_key_service_pb2 as pb
from penstock.auth.v1 import auth_service_pb2 as auth
from penstock.auth.v1.principal_pb2 import CREDENTIAL_KIND_IMPORTED_KEY, Credential
from penstock.errors.v1 import error_reason_pb2 as reasons

from authsvc.invalidations import log as events
from authsvc.peppers import add_pepper
from domain.tenants import schema_name
from svckit.channels import open_stream
from svckit.encryption import Keyring
from svckit.errors import from_rpc_error
from tests.authsvc.replica import Cluster, Replica, presented

KEY, OTHER, UNKNOWN = b"key-of-another-gateway", b"sk-0123456789abcdef", b"nobody-ever-imported-this"
REFUSED = reasons.ERROR_REASON_KEY_INVALID


def hashed(key: bytes) -> bytes:
    return sha256(key).digest()


def imported(key: bytes, tenant: str) -> auth.AuthenticateRequest:
    """The request that asks about a key of another form."""
    return auth.AuthenticateRequest(
        credential=Credential(kind=CREDENTIAL_KIND_IMPORTED_KEY, value=key, config_tenant_id=tenant)
    )


async def take_over(replica: Replica, tenant: str, *keys: bytes, **fields: Any) -> pb.ImportApiKeysResponse:
    given = [pb.ImportedKey(sha256=hashed(key), name="till", **fields) for key in keys]
    return await replica.keys.ImportApiKeys(pb.ImportApiKeysRequest(tenant_id=tenant, keys=given))


async def test_an_imported_key_proves_its_consumer(cluster: Cluster) -> None:
    async with cluster.replica() as replica:
        tenant = await replica.tenant()
        answer = await take_over(
            replica, tenant.id, KEY, consumer="shop", scopes=["sales.read"], tier="gold", labels={"from": "old"}
        )
        principal = (await replica.auth.Authenticate(imported(KEY, tenant.id))).principal
        unknown = await replica.auth.Authenticate(imported(UNKNOWN, tenant.id))
        (key,) = answer.keys
        listed = (await replica.keys.ListApiKeys(pb.ListApiKeysRequest(tenant_id=tenant.id, consumer="shop"))).keys
    assert (principal.name, principal.tier, list(principal.scopes)) == ("shop", "gold", ["sales.read"])
    assert (principal.id, principal.credential_id, principal.tenant_id) == (key.consumer_id, key.id, tenant.id)
    assert (key.imported, key.display, dict(key.labels)) == (True, f"imported {key.id}", {"from": "old"})
    assert list(listed) == [key]
    assert unknown.rejection.reason == REFUSED


async def test_it_is_a_key_of_its_tenant_alone_and_of_its_own_form_alone(cluster: Cluster) -> None:
    async with cluster.replica() as replica:
        tenant, other = await replica.tenant(), await replica.tenant()
        await take_over(replica, tenant.id, KEY)
        absent = "0f8fad5b-d9cb-469f-a165-70867728950e"
        answers = [
            await replica.auth.Authenticate(request)
            for request in (
                imported(KEY, other.id),
                imported(KEY, absent),
                imported(hashed(KEY).hex().encode(), tenant.id),
                imported(tenant.api_key.encode(), tenant.id),
                presented(KEY, tenant.id),
            )
        ]
        assert (await replica.authenticate(tenant.api_key)).HasField("principal")
    assert {answer.rejection.reason for answer in answers} == {REFUSED}


async def test_the_same_key_may_be_imported_by_two_tenants(cluster: Cluster) -> None:
    async with cluster.replica() as replica:
        first, second = await replica.tenant(), await replica.tenant()
        for tenant in (first, second):
            await take_over(replica, tenant.id, KEY)
        batch = [imported(KEY, tenant.id) for tenant in (first, second)]
        async with open_stream(replica.auth.StreamAuthenticate()) as call:
            own = [presented(first.api_key), imported(UNKNOWN, first.id)]
            await call.write(auth.StreamAuthenticateRequest(batch_id=1, requests=[*batch, *own]))
            answer = await call.read()
    assert isinstance(answer, auth.StreamAuthenticateResponse)
    owners = [each.principal.tenant_id for each in answer.responses]
    assert owners == [first.id, second.id, first.id, ""]


async def test_an_import_may_be_repeated_and_revives_nothing(cluster: Cluster) -> None:
    async with cluster.replica() as replica:
        tenant = await replica.tenant()
        first = await take_over(replica, tenant.id, KEY)
        revoked = pb.RevokeApiKeyRequest(tenant_id=tenant.id, key_id=first.keys[0].id)
        await replica.keys.RevokeApiKey(revoked)
        again = await take_over(replica, tenant.id, OTHER, KEY)
        answers = [await replica.auth.Authenticate(imported(key, tenant.id)) for key in (OTHER, KEY)]
    assert (first.created, again.created) == (1, 1)
    assert (again.keys[1].id, again.keys[1].state) == (first.keys[0].id, api_key_pb2.API_KEY_STATE_REVOKED)
    assert [answer.rejection.reason for answer in answers] == [0, REFUSED]


async def test_it_is_disabled_and_rotated_into_a_key_of_ours(cluster: Cluster) -> None:
    async with cluster.replica() as replica:
        tenant = await replica.tenant()
        (key,) = (await take_over(replica, tenant.id, KEY, consumer="shop")).keys
        named = {"tenant_id": tenant.id, "key_id": key.id}
        await replica.keys.DisableApiKey(pb.DisableApiKeyRequest(**named))
        disabled = await replica.auth.Authenticate(imported(KEY, tenant.id))
        await replica.keys.EnableApiKey(pb.EnableApiKeyRequest(**named))
        rotated = await replica.keys.RotateApiKey(pb.RotateApiKeyRequest(**named, grace=Duration(seconds=60)))
        both = [await replica.auth.Authenticate(imported(KEY, tenant.id)), await replica.authenticate(rotated.secret)]
    assert disabled.rejection.reason == REFUSED
    assert {answer.principal.id for answer in both} == {key.consumer_id}
    assert not rotated.key.imported


async def test_edges_that_remember_a_refusal_hear_of_an_import_and_not_of_its_repetition(cluster: Cluster) -> None:
    async with (
        cluster.replica() as replica,
        asyncpg.create_pool(cluster.url, min_size=1, max_size=1) as pool,
        pool.acquire() as connection,
    ):
        tenant = await replica.tenant()
        heads = [(await events.extent(connection)).head]
        for _ in range(2):
            await take_over(replica, tenant.id, KEY)
            heads.append((await events.extent(connection)).head)
    assert heads[0] < heads[1] == heads[2]


async def test_it_outlives_its_pepper_on_replicas_old_and_new(cluster: Cluster) -> None:
    async with asyncpg.create_pool(cluster.url, min_size=1, max_size=1) as pool, pool.acquire() as connection:
        async with cluster.replica() as older:
            tenant = await older.tenant()
            await take_over(older, tenant.id, KEY)
            await add_pepper(connection, Keyring.load(cluster.kek_file))
            async with cluster.replica() as newer:
                again = await take_over(newer, tenant.id, KEY, OTHER)
                for replica in (older, newer):
                    for key in (KEY, OTHER):
                        answer = await replica.auth.Authenticate(imported(key, tenant.id))
                        assert answer.HasField("principal")
        query = f'SELECT digest FROM "{schema_name(tenant.id)}".api_keys WHERE imported'  # noqa: S608
        stored = {row["digest"] for row in await connection.fetch(query)}
    assert again.created == 1
    assert len(stored) == 2
    assert not stored & {hashed(KEY), hashed(OTHER)}


@pytest.mark.parametrize(
    ("keys", "paths"),
    [
        pytest.param([], ["keys"], id="nothing"),
        pytest.param([pb.ImportedKey(sha256=bytes(32), name=f"{n}") for n in range(101)], ["keys"], id="too many"),
        pytest.param([pb.ImportedKey(name="a")], ["keys[0].sha256"], id="no hash"),
        pytest.param([pb.ImportedKey(sha256=bytes(32))], ["keys[0].name"], id="no name"),
        pytest.param([pb.ImportedKey(sha256=bytes(32), name="a")] * 2, ["keys[1].sha256"], id="a hash twice"),
        pytest.param(
            [
                pb.ImportedKey(
                    sha256=bytes(32),
                    name="a",
                    consumer="\n",
                    scopes=["a b"],
                    tier="a b",
                    labels={"team": ""},
                    expire_time=Timestamp(seconds=1),
                )
            ],
            [
                "keys[0].consumer",
                "keys[0].scopes[0]",
                "keys[0].tier",
                "keys[0].expire_time",
                "keys[0].labels[team]",
            ],
            id="every field",
        ),
    ],
)
async def test_what_is_wrong_with_an_import_is_told_by_its_place(
    cluster: Cluster, keys: list[pb.ImportedKey], paths: list[str]
) -> None:
    async with cluster.replica() as replica:
        tenant = await replica.tenant()
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await replica.keys.ImportApiKeys(pb.ImportApiKeysRequest(tenant_id=tenant.id, keys=keys))
        if len(keys) <= 100:
            listed = await replica.keys.ListApiKeys(pb.ListApiKeysRequest(tenant_id=tenant.id))
            assert [key.id for key in listed.keys] == [tenant.key_id]
    found = [field.path for field in from_rpc_error(refused.value).fields]
    assert found[: len(paths)] == paths
