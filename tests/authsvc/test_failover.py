"""While the store or a replica goes away and comes back no good key is refused: nothing is said of it, or that it is
good."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import cycle
from pathlib import Path
from uuid import uuid4

import grpc
from penstock.auth.v1.api_key_service_pb2 import CreateApiKeyRequest
from penstock.auth.v1.api_key_service_pb2_grpc import ApiKeyServiceStub
from penstock.auth.v1.provisioning_service_pb2 import ProvisionTenantRequest
from penstock.auth.v1.provisioning_service_pb2_grpc import ProvisioningServiceStub

from domain.tenants import DEFAULT_TENANT
from edge.auth.authenticator import Authenticator, AuthUnavailable
from edge.instance import Instance
from edge.principal import Credential, CredentialKind, Principal
from penstockctl.embedded.postgres import run_postgres
from tests.authsvc.replica import make_cluster
from tests.authsvc.test_process import channel, environment, migrate, output_of, started, until_serving
from tests.edge.auth.waiting import until
from tests.support.services import ServiceHost

__all__ = ["environment"]

KEYS = 50


class Asking:
    """Asks about good keys in turn, each from the store, and counts what is said of them."""

    def __init__(self, authenticator: Authenticator, keys: Sequence[str]) -> None:
        self._authenticator = authenticator
        self._keys = [Credential(CredentialKind.API_KEY, key.encode(), DEFAULT_TENANT) for key in keys]
        self.said: Counter[str] = Counter()

    async def run(self) -> None:
        for credential in cycle(self._keys):
            try:
                found = await self._authenticator.authenticate(credential, fresh=True)
            except AuthUnavailable:
                self.said["nothing"] += 1
                await asyncio.sleep(0.005)
            else:
                self.said["good" if isinstance(found, Principal) else "refused"] += 1

    async def until_more(self, what: str, number: int) -> None:
        """Returns when `what` was said so often from now on."""
        before = self.said[what]
        await until(lambda: self.said[what] >= before + number)


@asynccontextmanager
async def asking(opened: grpc.aio.Channel, keys: Sequence[str]) -> AsyncIterator[Asking]:
    """Three who ask at a time."""
    authenticator = Authenticator(opened, Instance("gw", 0, str(uuid4())))
    asked = Asking(authenticator, keys)
    async with asyncio.TaskGroup() as tasks:
        work = [tasks.create_task(authenticator.run()), *(tasks.create_task(asked.run()) for _ in range(3))]
        yield asked
        for task in work:
            task.cancel()


async def test_the_store_goes_away_and_comes_back(service_host: ServiceHost, short_dir: Path, tmp_path: Path) -> None:
    data, sockets = short_dir / "failover", short_dir / "failovers"
    async with run_postgres(data, sockets) as server:
        cluster = await make_cluster(service_host, server.admin_url, tmp_path)
        served = cluster.replica()
        replica = await served.__aenter__()
        tenant = await replica.tenant()
        keys = [(await replica.create_key(tenant.id)).secret for _ in range(KEYS)]
        context = asking(await replica.hosted.channel("edge"), keys)
        asked = await context.__aenter__()
        await asked.until_more("good", KEYS)
    try:
        await asked.until_more("nothing", 20)
        async with run_postgres(data, sockets):
            await asked.until_more("good", 2 * KEYS)
            await context.__aexit__(None, None, None)
            assert (await replica.authenticate(keys[0])).HasField("principal")
    finally:
        await served.__aexit__(None, None, None)
    assert not asked.said["refused"]


async def test_a_replica_is_killed_and_another_takes_its_place(environment: Mapping[str, str]) -> None:
    await migrate(environment)
    tenant = str(uuid4())
    async with started(environment) as first:
        await until_serving(environment)
        async with channel(environment, "configsvc") as config, channel(environment, "admin") as admin:
            request = ProvisionTenantRequest(tenant_id=tenant, short_id="Tenant01", request_id="r", mint_key=False)
            await ProvisioningServiceStub(config).ProvisionTenant(request)
            manage = ApiKeyServiceStub(admin)
            made = [await manage.CreateApiKey(CreateApiKeyRequest(tenant_id=tenant, name="till")) for _ in range(KEYS)]
        async with channel(environment, "edge") as edge, asking(edge, [each.secret for each in made]) as asked:
            await asked.until_more("good", KEYS)
            first.kill()
            await output_of(first)
            await asked.until_more("nothing", 20)
            async with started(environment):
                await asked.until_more("good", 2 * KEYS)
    assert not asked.said["refused"]
