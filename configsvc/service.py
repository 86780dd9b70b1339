"""The composition root of configsvc: what it is made of, and in which order it comes up."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack

import asyncpg
from penstock.config.v1 import config_service_pb2_grpc, gateway_service_pb2_grpc, tenant_service_pb2_grpc

from configsvc.board import Board
from configsvc.gateway_store import GatewayStore
from configsvc.housekeeping import keep_house
from configsvc.registration import Registrar
from configsvc.rpc.config_service import ConfigServicer
from configsvc.rpc.gateway_service import GatewayServicer
from configsvc.rpc.methods import METHODS
from configsvc.rpc.tenant_service import TenantServicer
from configsvc.schema import migrate_shared, migrate_tenants
from configsvc.settings import ConfigSettings
from configsvc.tenant_store import TenantStore
from configsvc.version_store import VersionStore
from svckit.channels import open_channel
from svckit.postgres import open_pool
from svckit.server import Runtime, ServiceSpec
from svckit.switchboard import Mount

NAME = "configsvc"


async def start(stack: AsyncExitStack, runtime: Runtime[ConfigSettings]) -> Sequence[Mount]:
    """Needs its database and nothing else: the services that provision tenants may come later."""
    settings = runtime.settings
    pool = await stack.enter_async_context(open_pool(settings.database_url.get_secret_value(), application=NAME))
    await migrate_shared(pool)
    await migrate_tenants(pool)
    auth = await stack.enter_async_context(open_channel(settings.auth_address, runtime.identity, "authsvc"))
    telemetry = await stack.enter_async_context(
        open_channel(settings.telemetry_address, runtime.identity, "telemetrysvc")
    )
    tenants, versions, gateways, board = TenantStore(pool), VersionStore(pool), GatewayStore(pool), Board(pool)
    registrar = Registrar(pool, tenants, gateways, auth, telemetry)
    documents = ThreadPoolExecutor(1, thread_name_prefix="documents")
    stack.callback(documents.shutdown, wait=False, cancel_futures=True)
    await registrar.make_default()
    await board.load()
    runtime.tasks.create_task(board.run())
    runtime.tasks.create_task(registrar.provision_default())
    runtime.tasks.create_task(keep_house(registrar, gateways))
    return (
        Mount(
            config_service_pb2_grpc.add_ConfigServiceServicer_to_server,
            ConfigServicer(versions, gateways, board, runtime.drain, documents),
        ),
        Mount(tenant_service_pb2_grpc.add_TenantServiceServicer_to_server, TenantServicer(tenants, registrar)),
        Mount(gateway_service_pb2_grpc.add_GatewayServiceServicer_to_server, GatewayServicer(gateways, board)),
    )


SPEC = ServiceSpec(name=NAME, methods=METHODS, start=start, away=(asyncpg.LockNotAvailableError,))
