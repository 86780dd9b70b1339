"""authsvc as a process: migrated, started without its store, stopped with open streams, killed and restarted, and
silent about secrets."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import grpc
import orjson
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from penstock.auth.v1 import admin_token_service_pb2 as admin_pb
from penstock.auth.v1 import auth_service_pb2 as pb
from penstock.auth.v1.admin_token_service_pb2_grpc import AdminTokenServiceStub
from penstock.auth.v1.api_key_service_pb2 import (
    CreateApiKeyRequest,
    DisableApiKeyRequest,
    EnableApiKeyRequest,
    ImportApiKeysRequest,
    ImportedKey,
    RotateApiKeyRequest,
)
from penstock.auth.v1.api_key_service_pb2_grpc import ApiKeyServiceStub
from penstock.auth.v1.auth_service_pb2_grpc import AuthServiceStub
from penstock.auth.v1.invalidation_pb2 import Instance
from penstock.auth.v1.principal_pb2 import CREDENTIAL_KIND_IMPORTED_KEY, Credential
from penstock.auth.v1.provisioning_service_pb2 import ProvisionTenantRequest
from penstock.auth.v1.provisioning_service_pb2_grpc import ProvisioningServiceStub

from domain import api_keys
from svckit.channels import open_channel, open_stream
from svckit.encryption import generate_kek
from svckit.identity import ProcessIdentity, generate_identity
from tests.authsvc.replica import presented

ROOT = Path(__file__).parents[2]
DEADLINE_SECONDS = 30.0


@pytest.fixture
def environment(database_url: str, tmp_path: Path, short_dir: Path) -> Mapping[str, str]:
    """The variables of the process, with its files."""
    names = ("authsvc", "edge", "admin", "configsvc")
    trusted = {name: [generate_identity(tmp_path / f"{name}.key", name)] for name in names}
    (tmp_path / "trusted.json").write_bytes(orjson.dumps(trusted))
    generate_kek(tmp_path / "kek")
    return {
        "PENSTOCK_LISTEN": f"unix:{short_dir / uuid4().hex[:8]}.sock",
        "PENSTOCK_DATABASE_URL": database_url,
        "PENSTOCK_KEK_FILE": str(tmp_path / "kek"),
        "PENSTOCK_IDENTITY_KEY_FILE": str(tmp_path / "authsvc.key"),
        "PENSTOCK_TRUSTED_KEYS_FILE": str(tmp_path / "trusted.json"),
        "PENSTOCK_LOG_LEVEL": "debug",
    }


@asynccontextmanager
async def started(environment: Mapping[str, str], *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Runs the process while entered; what is left of it afterwards is killed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "authsvc",
        *arguments,
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": "proto:.", **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def output_of(process: asyncio.subprocess.Process) -> tuple[int | None, str]:
    """Its exit code and all that it wrote, once it has ended."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        output, _ = await process.communicate()
    return process.returncode, output.decode()


async def migrate(environment: Mapping[str, str]) -> None:
    async with started(environment, "migrate") as process:
        code, output = await output_of(process)
    assert code == 0, output


@asynccontextmanager
async def channel(environment: Mapping[str, str], caller: str) -> AsyncIterator[grpc.aio.Channel]:
    identity = ProcessIdentity.load(Path(environment["PENSTOCK_TRUSTED_KEYS_FILE"]).with_name(f"{caller}.key"))
    async with open_channel(environment["PENSTOCK_LISTEN"], identity, "authsvc") as opened:
        yield opened


async def until_serving(environment: Mapping[str, str]) -> list[int]:
    """The statuses up to SERVING."""
    seen: list[int] = []
    async with channel(environment, "edge") as opened, asyncio.timeout(DEADLINE_SECONDS):
        await opened.channel_ready()
        watch = health_pb2_grpc.HealthStub(opened).Watch(health_pb2.HealthCheckRequest())
        async with open_stream(watch):
            async for answer in watch:
                seen.append(answer.status)
                if answer.status == health_pb2.HealthCheckResponse.SERVING:
                    break
    return seen


async def test_replicas_that_start_together_on_an_empty_database_both_serve(environment: Mapping[str, str]) -> None:
    other = {**environment, "PENSTOCK_LISTEN": environment["PENSTOCK_LISTEN"] + "2"}
    async with started(environment) as first, started(other) as second:
        for each in (environment, other):
            await until_serving(each)
        for process in (first, second):
            process.send_signal(signal.SIGTERM)
            code, output = await output_of(process)
            assert code == 0, output


async def test_without_its_store_it_is_up_and_not_serving(environment: Mapping[str, str]) -> None:
    async with started({**environment, "PENSTOCK_DATABASE_URL": "postgresql://u:p@/d?host=/nowhere"}) as process:
        async with channel(environment, "edge") as opened, asyncio.timeout(DEADLINE_SECONDS):
            await opened.channel_ready()
            status = await health_pb2_grpc.HealthStub(opened).Check(health_pb2.HealthCheckRequest())
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await AuthServiceStub(opened).Authenticate(presented("psk_live_nonsense"))
        process.send_signal(signal.SIGTERM)
        code, output = await output_of(process)
    assert status.status == health_pb2.HealthCheckResponse.NOT_SERVING
    assert refused.value.code() == grpc.StatusCode.UNAVAILABLE
    assert code == 0, output


async def test_it_stops_on_sigterm_with_streams_open_and_no_secret_is_in_its_log(
    environment: Mapping[str, str],
) -> None:
    await migrate(environment)
    tenant = str(uuid4())
    secrets: list[str] = []
    async with started(environment) as process:
        await until_serving(environment)
        async with (
            channel(environment, "edge") as edge,
            channel(environment, "admin") as admin,
            channel(environment, "configsvc") as config,
            asyncio.timeout(DEADLINE_SECONDS),
        ):
            request = ProvisionTenantRequest(tenant_id=tenant, short_id="Tenant01", request_id="r", mint_key=True)
            first = await ProvisioningServiceStub(config).ProvisionTenant(request)
            keys = ApiKeyServiceStub(admin)
            created = await keys.CreateApiKey(CreateApiKeyRequest(tenant_id=tenant, name="robot"))
            rotated = await keys.RotateApiKey(RotateApiKeyRequest(tenant_id=tenant, key_id=created.key.id))
            token = await AdminTokenServiceStub(admin).CreateAdminToken(
                admin_pb.CreateAdminTokenRequest(name="ops", role=admin_pb.ADMIN_ROLE_OPERATOR)
            )
            unknown = api_keys.compose(True, "Tenant01", "AbsentId", b"canary" + bytes(26)).value.decode()
            named = {"tenant_id": tenant, "key_id": rotated.key.id}
            await keys.DisableApiKey(DisableApiKeyRequest(**named))
            await keys.EnableApiKey(EnableApiKeyRequest(**named))
            await keys.ImportApiKeys(
                ImportApiKeysRequest(tenant_id=tenant, keys=[ImportedKey(sha256=b"canary" + bytes(26), name="old")])
            )
            secrets += [first.api_key, created.secret, rotated.secret, token.secret, unknown, "psk_live_canary"]
            auth = AuthServiceStub(edge)
            for secret in secrets:
                await auth.Authenticate(presented(secret))
            elsewhere = Credential(
                kind=CREDENTIAL_KIND_IMPORTED_KEY, value=b"canary-of-elsewhere", config_tenant_id=tenant
            )
            await auth.Authenticate(pb.AuthenticateRequest(credential=elsewhere))
            with pytest.raises(grpc.aio.AioRpcError):
                await auth.Authenticate(presented("psk_live_canary" * 1000))
            with pytest.raises(grpc.aio.AioRpcError):
                await keys.ImportApiKeys(
                    ImportApiKeysRequest(tenant_id=tenant, keys=[ImportedKey(sha256=b"canary", name="old")])
                )
            watch = auth.WatchInvalidations(
                pb.WatchInvalidationsRequest(instance=Instance(gateway_id="gw", boot_id=str(uuid4())))
            )
            async with open_stream(watch), open_stream(auth.StreamAuthenticate()) as stream:
                await watch.read()
                await stream.wait_for_connection()
                process.send_signal(signal.SIGTERM)
                assert await watch.read() is grpc.aio.EOF
                assert await stream.read() is grpc.aio.EOF
        code, output = await output_of(process)
    assert code == 0, output
    assert created.key.id in output
    for secret in (first.api_key, created.secret, rotated.secret, token.secret, unknown):
        assert secret.split("_")[-2] not in output
    assert "canary" not in output
    assert b"canary".hex() not in output


async def test_keys_outlive_a_kill(environment: Mapping[str, str]) -> None:
    await migrate(environment)
    async with started(environment) as process:
        await until_serving(environment)
        async with channel(environment, "configsvc") as config:
            request = ProvisionTenantRequest(tenant_id=str(uuid4()), short_id="Tenant01", request_id="r", mint_key=True)
            first = await ProvisioningServiceStub(config).ProvisionTenant(request)
        process.kill()
        await output_of(process)
    async with started(environment):
        await until_serving(environment)
        async with channel(environment, "edge") as edge:
            answer = await AuthServiceStub(edge).Authenticate(presented(first.api_key))
    assert answer.principal.tenant_id == request.tenant_id


def with_newer_kek(file: Path) -> Path:
    """Adds a key to the file; a file with that key alone."""
    newer = file.with_name("newer")
    generate_kek(newer, "k2")
    file.write_text(file.read_text() + newer.read_text())
    return newer


async def test_keys_outlive_the_key_encryption_key(environment: Mapping[str, str]) -> None:
    await migrate(environment)
    async with started(environment) as process:
        await until_serving(environment)
        async with channel(environment, "configsvc") as config:
            request = ProvisionTenantRequest(tenant_id=str(uuid4()), short_id="Tenant01", request_id="r", mint_key=True)
            first = await ProvisioningServiceStub(config).ProvisionTenant(request)
        process.terminate()
        await output_of(process)
    newer = with_newer_kek(Path(environment["PENSTOCK_KEK_FILE"]))
    async with started(environment, "rewrap") as process:
        code, output = await output_of(process)
    told = orjson.loads(output.splitlines()[-1])
    assert (code, told["kek"], told["rewrapped"], told["kept"]) == (0, "k2", 1, 0)
    async with started({**environment, "PENSTOCK_KEK_FILE": str(newer)}):
        await until_serving(environment)
        async with channel(environment, "edge") as edge:
            answer = await AuthServiceStub(edge).Authenticate(presented(first.api_key))
    assert answer.principal.tenant_id == request.tenant_id


async def test_a_pepper_is_rotated_under_a_service_that_goes_on(environment: Mapping[str, str]) -> None:
    await migrate(environment)
    tenant = str(uuid4())
    async with started(environment):
        await until_serving(environment)
        async with channel(environment, "configsvc") as config, channel(environment, "edge") as edge:
            request = ProvisionTenantRequest(tenant_id=tenant, short_id="Tenant01", request_id="r", mint_key=True)
            first = await ProvisioningServiceStub(config).ProvisionTenant(request)
            async with started(environment, "rotate-pepper") as process:
                code, output = await output_of(process)
            told = orjson.loads(output.splitlines()[-1])
            answer = await AuthServiceStub(edge).Authenticate(presented(first.api_key))
    assert (code, told["pepper_id"], told["keys_under_older"]) == (0, 2, 1)
    assert answer.principal.tenant_id == tenant


async def test_a_secret_whose_key_is_not_there_is_told_in_a_sentence(environment: Mapping[str, str]) -> None:
    await migrate(environment)
    async with started(environment) as process:
        await until_serving(environment)
        process.terminate()
        await output_of(process)
    another = Path(environment["PENSTOCK_KEK_FILE"]).with_name("another")
    generate_kek(another, "k2")
    for arguments in ((), ("rewrap",)):
        async with started({**environment, "PENSTOCK_KEK_FILE": str(another)}, *arguments) as process:
            code, output = await output_of(process)
        assert (code, output.splitlines()[-1]) == (2, "authsvc: no key-encryption key 'k1' here")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"PENSTOCK_DATABASE_URL": ""}, "authsvc: the settings cannot be used:\nPENSTOCK_DATABASE_URL is empty\n"),
        ({"PENSTOCK_KEK_FILE": "/nowhere/kek"}, "authsvc: /nowhere/kek cannot be read: No such file or directory\n"),
    ],
    ids=["no database", "no key-encryption key"],
)
async def test_it_says_what_it_is_missing(environment: Mapping[str, str], change: dict[str, str], told: str) -> None:
    async with started({**environment, **change}) as process:
        code, output = await output_of(process)
    assert code == 2
    assert output.endswith(told)
    assert "Traceback" not in output


async def test_an_unknown_command_is_answered_with_the_usage(environment: Mapping[str, str]) -> None:
    async with started(environment, "dance") as process:
        assert await output_of(process) == (2, "usage: python -m authsvc [migrate | rewrap | rotate-pepper]\n")
