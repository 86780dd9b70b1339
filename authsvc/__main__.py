"""`python -m authsvc` serves; with `migrate` it brings the database to the newest version, with `rewrap` its secrets
under the newest key-encryption key."""

import sys

from authsvc import migrate, rewrap
from authsvc.service import SPEC
from authsvc.settings import AuthSettings
from svckit.server import serve_or_migrate

if __name__ == "__main__":
    serve_or_migrate(sys.argv[1:], SPEC, AuthSettings, migrate.run, rewrap=rewrap.run)
