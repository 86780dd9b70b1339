"""`python -m configsvc` serves; `python -m configsvc migrate` brings every schema to the newest version and ends."""

import gc
import sys

from configsvc.schema import migrate_shared, migrate_tenants
from configsvc.service import SPEC
from configsvc.settings import ConfigSettings
from svckit.postgres import open_pool
from svckit.server import serve_or_migrate


async def migrate(settings: ConfigSettings) -> None:
    """Waits for the database, then migrates what is behind."""
    async with open_pool(settings.database_url.get_secret_value(), application="configsvc migrate") as pool:
        await migrate_shared(pool)
        await migrate_tenants(pool)


if __name__ == "__main__":
    # A document of 20,000 routes is half a million objects at once: examining it took 5.7 s with the default
    # thresholds, 4 s of that in the collector, and 2.7 s with these.
    gc.freeze()
    gc.set_threshold(100_000, 50, 1_000)
    serve_or_migrate(sys.argv[1:], SPEC, ConfigSettings, migrate)
