"""`python -m authsvc` serves; `python -m authsvc migrate` brings the database to the newest version."""

import sys

from authsvc import migrate
from authsvc.service import SPEC
from authsvc.settings import AuthSettings
from svckit.server import serve_or_migrate

if __name__ == "__main__":
    serve_or_migrate(sys.argv[1:], SPEC, AuthSettings, migrate.run)
