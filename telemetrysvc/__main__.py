"""`python -m telemetrysvc` serves; `python -m telemetrysvc migrate` brings the database to the newest version."""

import sys

from svckit.server import serve_or_migrate
from telemetrysvc.composition import SPEC, migrate
from telemetrysvc.settings import TelemetrySettings

if __name__ == "__main__":
    serve_or_migrate(sys.argv[1:], SPEC, TelemetrySettings, migrate)
