"""The entry point: `python -m telemetrysvc` serves, `python -m telemetrysvc migrate` brings the database up to date."""

import asyncio
import sys

from svckit import logs
from svckit.server import main
from svckit.settings import SettingsError, load_settings
from telemetrysvc.composition import SPEC, migrate
from telemetrysvc.settings import TelemetrySettings


def _migrate() -> None:
    try:
        settings = load_settings(TelemetrySettings)
    except SettingsError as error:
        sys.exit(f"telemetrysvc migrate: the settings cannot be used:\n{error}")
    logs.configure("telemetrysvc", settings.log_level, settings.log_pretty)
    asyncio.run(migrate(settings))


if __name__ == "__main__":
    match sys.argv[1:]:
        case []:
            main(SPEC, TelemetrySettings)
        case ["migrate"]:
            _migrate()
        case _:
            sys.exit("usage: python -m telemetrysvc [migrate]")
