"""`python -m authsvc` serves; `python -m authsvc migrate` brings the database to the newest version."""

import asyncio
import sys
from typing import Final

from authsvc import migrate
from authsvc.service import NAME, SPEC
from authsvc.settings import AuthSettings
from svckit import logs, server
from svckit.settings import SettingsError, load_settings

_USAGE: Final = "usage: python -m authsvc [migrate]"


def main(arguments: list[str]) -> None:
    """Exits 2 when arguments or settings are at fault."""
    if arguments == []:
        server.main(SPEC, AuthSettings)
    elif arguments == ["migrate"]:
        _migrate()
    else:
        sys.exit(_fault(_USAGE))


def _migrate() -> None:
    try:
        settings = load_settings(AuthSettings)
    except SettingsError as error:
        sys.exit(_fault(f"{NAME}: the settings cannot be used:\n{error}"))
    logs.configure(NAME, settings.log_level, settings.log_pretty)
    asyncio.run(migrate.run(settings))


def _fault(message: str) -> int:
    print(message, file=sys.stderr)
    return 2


if __name__ == "__main__":
    main(sys.argv[1:])
