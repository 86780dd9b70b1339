"""authsvc to be measured: alone on a core, its PostgreSQL and whoever asks on the other one; tenants and their keys."""

import asyncio
import os
import secrets
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import asyncpg
import grpc
import orjson
from penstock.auth.v1 import auth_service_pb2 as pb

from authsvc.migrate import PACKAGE, TENANT_FOLDER, migrate_database
from authsvc.peppers import Peppers, load_peppers
from authsvc.provisioning import Provisioner, Registration
from authsvc.tenant_rows import REGISTRY
from bench.processes import GATEWAY_CORE, running
from domain import api_keys
from domain.tenants import TenantId, schema_name
from penstockctl.embedded.postgres import run_postgres
from svckit.channels import open_channel
from svckit.encryption import Keyring, generate_kek
from svckit.identity import ProcessIdentity, generate_identity
from svckit.migrations import load_migrations

_PROVISIONED_AT_A_TIME = 8


@dataclass(frozen=True, slots=True)
class Key:
    """A key as its tenant made it."""

    tenant: TenantId
    key_id: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Place:
    """A database of authsvc, and what its processes are told."""

    folder: Path
    url: str
    peppers: Peppers

    @contextmanager
    def serving(self) -> "Iterator[Serving]":
        """A replica on the gateway's core, with nothing in its memory."""
        target = f"unix:{self.folder / secrets.token_hex(4)}.sock"
        environment = {
            "PENSTOCK_LISTEN": target,
            "PENSTOCK_DATABASE_URL": self.url,
            "PENSTOCK_KEK_FILE": str(self.folder / "kek"),
            "PENSTOCK_IDENTITY_KEY_FILE": str(self.folder / "authsvc.key"),
            "PENSTOCK_TRUSTED_KEYS_FILE": str(self.folder / "trusted.json"),
            "PENSTOCK_LOG_LEVEL": "warning",
        }
        log = self.folder / "authsvc.log"
        with running([sys.executable, "-m", "authsvc"], GATEWAY_CORE, log, **environment) as process:
            yield Serving(process.pid, target, self.folder)

    async def tenants(self, tenants: int, keys: int) -> list[Key]:
        """Makes so many tenants with so many keys in all, in an order without pattern."""
        made: list[Key] = []
        async with asyncpg.create_pool(self.url, min_size=1, max_size=_PROVISIONED_AT_A_TIME) as pool:
            provisioner = Provisioner(pool, self.peppers, load_migrations(PACKAGE, TENANT_FOLDER))
            slots = asyncio.Semaphore(_PROVISIONED_AT_A_TIME)

            async def make(count: int) -> None:
                short_id = api_keys.new_id(os.urandom(api_keys.ID_RANDOM_BYTES))
                tenant = TenantId(str(uuid4()))
                async with slots:
                    await provisioner.provision(Registration(tenant, short_id, "bench", mint_key=False))
                    async with pool.acquire() as connection, connection.transaction():
                        made.extend(await _insert(connection, self.peppers, tenant, short_id, count))

            async with asyncio.TaskGroup() as tasks:
                for number in range(tenants):
                    tasks.create_task(make(keys // tenants + (number < keys % tenants)))
            await pool.execute("ANALYZE")
        secrets.SystemRandom().shuffle(made)
        return made


@dataclass(frozen=True, slots=True)
class Serving:
    """A replica that serves."""

    pid: int
    target: str
    folder: Path

    @asynccontextmanager
    async def channel(self, caller: str) -> AsyncIterator[grpc.aio.Channel]:
        """A channel as a process of ours has it, once there is an answer on it."""
        identity = ProcessIdentity.load(self.folder / f"{caller}.key")
        async with open_channel(self.target, identity, "authsvc", cap_seconds=60.0) as channel:
            await channel.channel_ready()
            yield channel


@asynccontextmanager
async def place(folder: Path) -> AsyncIterator[Place]:
    """A PostgreSQL on the helpers' core with a migrated database in it. The folder's path is short."""
    trusted = {name: [generate_identity(folder / f"{name}.key", name)] for name in ("edge", "admin", "authsvc")}
    (folder / "trusted.json").write_bytes(orjson.dumps(trusted))
    generate_kek(folder / "kek")
    async with run_postgres(folder / "pg", folder / "pgs") as postgres:
        connection = await asyncpg.connect(postgres.admin_url)
        await connection.execute("CREATE ROLE bench LOGIN CREATEROLE PASSWORD 'bench'")
        await connection.execute("CREATE DATABASE bench OWNER bench")
        await connection.close()
        url = f"postgresql://bench:bench@/bench?{urlsplit(postgres.admin_url).query}"
        async with asyncpg.create_pool(url, min_size=1, max_size=2) as pool:
            await migrate_database(pool)
            peppers = await load_peppers(pool, Keyring.load(folder / "kek"))
        yield Place(folder, url, peppers)


async def until_serving(stub: Any) -> None:
    """Waits for the first answer to a look-up."""
    while True:
        try:
            await stub.Authenticate(asked(b"psk_live_nonsense"), timeout=5)
        except grpc.aio.AioRpcError:
            await asyncio.sleep(0.1)
        else:
            return


def asked(value: bytes) -> pb.AuthenticateRequest:
    """The question about a key."""
    request = pb.AuthenticateRequest()
    request.credential.kind = 1  # type: ignore[assignment]  # an API key
    request.credential.value = value
    request.credential.config_tenant_id = str(UUID(int=7 << 76 | 1 << 63))
    return request


async def _insert(connection: Any, peppers: Peppers, tenant: TenantId, short_id: str, count: int) -> Sequence[Key]:
    """Keys of one consumer, as `key_store` makes them one by one."""
    consumer = uuid4()
    made = []
    for _ in range(count):
        key_id = api_keys.new_id(os.urandom(api_keys.ID_RANDOM_BYTES))
        secret = api_keys.compose(True, short_id, key_id, os.urandom(api_keys.SECRET_RANDOM_BYTES))
        made.append(Key(tenant, key_id, secret.value))
    schema = schema_name(tenant)
    await connection.copy_records_to_table(
        "consumers", schema_name=schema, columns=("consumer_id", "name"), records=[(consumer, "bench")]
    )
    await connection.copy_records_to_table(
        "keys", schema_name=REGISTRY, columns=("key_id", "tenant_id"), records=[(key.key_id, tenant) for key in made]
    )
    digests = [peppers.digest(key.value) for key in made]
    await connection.copy_records_to_table(
        "api_keys",
        schema_name=schema,
        columns=("key_id", "consumer_id", "name", "live", "scopes", "tier", "digest", "pepper_id"),
        records=[
            (key.key_id, consumer, "bench", True, ["orders:read"], "gold", digest.value, digest.pepper_id)
            for key, digest in zip(made, digests, strict=True)
        ],
    )
    return made
