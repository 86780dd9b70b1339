"""`python -m authsvc` serves; with `migrate` it brings the database to the newest version, with `rewrap` its secrets
under the newest key-encryption key, with `rotate-pepper` new keys under a new pepper."""

import sys
from typing import Final

from authsvc import migrate, rewrap, rotate_pepper
from authsvc.service import service
from authsvc.settings import AuthSettings
from svckit.server import serve_or_migrate
from svckit.teams import team_callers

COMMANDS: Final = {"rewrap": rewrap.run, "rotate-pepper": rotate_pepper.run}

if __name__ == "__main__":
    spec = service(team_callers(AuthSettings))
    serve_or_migrate(sys.argv[1:], spec, AuthSettings, migrate.run, **COMMANDS)
