"""Puts authsvc together: what it opens, which loops it runs, what it mounts."""

import asyncio
import random
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any, Final

import asyncpg
import structlog
from penstock.auth.v1.admin_token_service_pb2_grpc import add_AdminTokenServiceServicer_to_server
from penstock.auth.v1.api_key_service_pb2_grpc import add_ApiKeyServiceServicer_to_server
from penstock.auth.v1.auth_service_pb2_grpc import add_AuthServiceServicer_to_server
from penstock.auth.v1.provisioning_service_pb2_grpc import add_ProvisioningServiceServicer_to_server
from penstock.auth.v1.token_service_pb2_grpc import TokenServiceServicer, add_TokenServiceServicer_to_server
from penstock.auth.v1.user_service_pb2_grpc import UserServiceServicer, add_UserServiceServicer_to_server

from authsvc.admin_tokens import AdminTokens
from authsvc.authentication import Authentication
from authsvc.authorization.feed import TenantFeed
from authsvc.authorization.servicer import AuthorizationServicer, add_authorization, listen_for_envoy
from authsvc.invalidations import leases
from authsvc.invalidations import log as events
from authsvc.invalidations.signals import Signals
from authsvc.invalidations.tail import Tail
from authsvc.key_uses import KeyUses
from authsvc.lookup import Lookup
from authsvc.memory import Memory
from authsvc.methods import method_table
from authsvc.migrate import PACKAGE, TENANT_FOLDER, migrate_database
from authsvc.peppers import Peppers, load_peppers
from authsvc.provisioning import Provisioner
from authsvc.rehashing import Rehashing
from authsvc.rpc.admin_token_service import AdminTokenRpc
from authsvc.rpc.api_key_service import ApiKeys
from authsvc.rpc.auth_service import Auth
from authsvc.rpc.provisioning_service import Provisioning
from authsvc.settings import AuthSettings
from svckit.channels import open_channel
from svckit.encryption import EncryptionError, Keyring
from svckit.guests import stop_on_drain
from svckit.migrations import load_migrations
from svckit.postgres import AWAY, open_pool
from svckit.server import Runtime, ServiceSpec
from svckit.switchboard import Mount

NAME: Final = "authsvc"
_UPKEEP_SECONDS: Final = 60.0
# A lock that is not had in time passes like an outage: the caller may try again.
_AWAY: Final = (*AWAY, asyncpg.LockNotAvailableError)
log = structlog.get_logger()


def service(team_callers: Sequence[str] = ()) -> ServiceSpec[AuthSettings]:
    """The service, to be run by svckit."""
    return ServiceSpec(NAME, method_table(team_callers), start, away=_AWAY)


async def start(stack: AsyncExitStack, runtime: Runtime[AuthSettings]) -> Sequence[Mount]:
    """Opens and migrates the store, starts the loops and returns the services."""
    settings = runtime.settings
    keyring = Keyring.load(settings.kek_file)
    pool = await stack.enter_async_context(
        open_pool(
            settings.database_url.get_secret_value(),
            application=NAME,
            max_size=settings.database_connections,
        )
    )
    await migrate_database(pool)
    async with pool.acquire() as connection:
        peppers = await load_peppers(connection, keyring)
    signals = Signals()
    tail = Tail(pool, signals.appended)
    await tail.load()
    runtime.tasks.create_task(signals.run(pool))
    runtime.tasks.create_task(tail.run())
    runtime.tasks.create_task(_upkeep(pool, peppers))
    uses, rehashing = KeyUses(pool), Rehashing(pool, peppers)
    stack.push_async_callback(uses.close)
    runtime.tasks.create_task(uses.run())
    runtime.tasks.create_task(rehashing.run())
    lookup = Lookup(pool, peppers, proven=rehashing.proven)
    memory = Memory(settings.remembered_keys)
    authentication = Authentication(pool, lookup, memory, runtime.registry, used=uses.note)
    auth = Auth(pool, authentication, uses, tail, runtime.drain)
    authorization = await _authorization(stack, runtime, authentication)
    provisioner = Provisioner(pool, peppers, load_migrations(PACKAGE, TENANT_FOLDER))
    return (
        Mount(add_AuthServiceServicer_to_server, auth),
        Mount(add_authorization, authorization),
        Mount(add_ApiKeyServiceServicer_to_server, ApiKeys(pool, peppers, signals.acknowledged)),
        Mount(add_AdminTokenServiceServicer_to_server, AdminTokenRpc(AdminTokens(pool, peppers))),
        Mount(add_ProvisioningServiceServicer_to_server, Provisioning(provisioner)),
        # The generated defaults, abstract to the type checker only: every rpc answers UNIMPLEMENTED.
        Mount(add_UserServiceServicer_to_server, UserServiceServicer()),  # type: ignore[abstract]
        Mount(add_TokenServiceServicer_to_server, TokenServiceServicer()),  # type: ignore[abstract]
    )


async def _authorization(
    stack: AsyncExitStack, runtime: Runtime[AuthSettings], authentication: Authentication
) -> AuthorizationServicer:
    """Judges requests for the management process, and for Envoys where they may ask. Does not wait for configsvc."""
    settings = runtime.settings
    channel = await stack.enter_async_context(open_channel(settings.config_address, runtime.identity, "configsvc"))
    feed = TenantFeed(channel, unit=random.SystemRandom().random)
    runtime.tasks.create_task(feed.run())
    servicer = AuthorizationServicer(authentication, feed.known, runtime.registry)
    if settings.envoy_auth_listen:
        feed.want()
        addresses, token = settings.envoy_auth_listen, settings.envoy_token
        server, bound = await listen_for_envoy(stack, servicer, addresses, token, runtime.metrics)
        log.info("listening for Envoy", addresses=bound)
        stop_on_drain(runtime, server)
    return servicer


async def _upkeep(pool: Any, peppers: Peppers) -> None:
    """Forgets what nobody needs any more, and learns under what to hash, once a minute."""
    while True:
        try:
            async with pool.acquire() as connection:
                await events.prune(connection)
                await leases.prune(connection)
                await peppers.learn(connection)
        except AWAY as error:
            log.warning("upkeep put off", error=repr(error))
        except EncryptionError as error:  # keys are hashed under the peppers that are known
            log.error("the newest pepper cannot be read", error=str(error))
        await asyncio.sleep(_UPKEEP_SECONDS)
