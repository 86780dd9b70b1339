"""Brings every stored secret under the newest key-encryption key: `python -m authsvc rewrap`.

Peppers are all there are. What is done is committed secret by secret, so that a run that broke off is taken up by
the next one; replicas that serve meanwhile are not disturbed, as long as they have the newest key too.
"""

import structlog

from authsvc import peppers
from authsvc.settings import AuthSettings
from svckit.encryption import Keyring
from svckit.postgres import open_pool

log = structlog.get_logger()


async def run(settings: AuthSettings) -> None:
    """Opens the database and re-wraps; EncryptionError when a secret's key is not in the file."""
    keyring = Keyring.load(settings.kek_file)
    url = settings.database_url.get_secret_value()
    async with open_pool(url, application="authsvc-rewrap", max_size=1) as pool, pool.acquire() as connection:
        rewrapped, kept = await peppers.rewrap(connection, keyring)
    log.info("secrets are under the newest key", kek=keyring.newest, rewrapped=rewrapped, kept=kept)
