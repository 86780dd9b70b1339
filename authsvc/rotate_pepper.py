"""Makes a new pepper: `python -m authsvc rotate-pepper`.

Replicas that serve meanwhile are not disturbed. Keys made from then on are hashed under it; older ones verify under
theirs, and are hashed anew when they are next looked up.
"""

import structlog

from authsvc import tenant_rows
from authsvc.peppers import add_pepper
from authsvc.settings import AuthSettings
from svckit.encryption import Keyring
from svckit.postgres import open_pool

log = structlog.get_logger()


async def run(settings: AuthSettings) -> None:
    """Opens the database and adds a pepper; says how many keys are still under older ones."""
    keyring = Keyring.load(settings.kek_file)
    url = settings.database_url.get_secret_value()
    async with open_pool(url, application="authsvc-rotate-pepper", max_size=1) as pool, pool.acquire() as connection:
        pepper_id = await add_pepper(connection, keyring)
        older = 0
        for schema in await tenant_rows.provisioned(connection):
            query = f"SELECT count(*) FROM \"{schema}\".api_keys WHERE pepper_id < $1 AND state <> 'revoked'"  # noqa: S608 - a validated name
            older += await connection.fetchval(query, pepper_id)
    log.info("there is a new pepper", pepper_id=pepper_id, keys_under_older=older)
