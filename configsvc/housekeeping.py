"""What is done now and then besides serving. Any replica may do it, several at once do no harm."""

import asyncio
from typing import Final

import asyncpg
import structlog

from configsvc.gateway_store import GatewayStore
from configsvc.registration import Registrar
from configsvc.revisions import LOST

EVERY_SECONDS: Final = 60.0
log = structlog.get_logger()


async def keep_house(registrar: Registrar, gateways: GatewayStore) -> None:
    """Begins at once and never ends; what the database refuses is tried again in the next round."""
    while True:
        try:
            await gateways.forget_unseen()
            await registrar.remove_abandoned()
        except (*LOST, asyncpg.PostgresError) as error:
            log.warning("housekeeping was cut short", error=repr(error))
        await asyncio.sleep(EVERY_SECONDS)
