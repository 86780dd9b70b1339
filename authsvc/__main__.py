"""`python -m authsvc` serves; with `migrate` it brings the database to the newest version, with `rewrap` its secrets
under the newest key-encryption key."""

import sys

from authsvc import migrate, rewrap
from authsvc.service import service
from authsvc.settings import AuthSettings
from svckit.server import serve_or_migrate
from svckit.teams import team_callers

if __name__ == "__main__":
    spec = service(team_callers(AuthSettings))
    serve_or_migrate(sys.argv[1:], spec, AuthSettings, migrate.run, rewrap=rewrap.run)
