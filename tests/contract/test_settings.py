"""No setting without effect: what a process is told is read by its package, or by what every process shares."""

import re
from pathlib import Path

import pytest

from authsvc.settings import AuthSettings
from configsvc.settings import ConfigSettings
from edge.admin.settings import AdminSettings
from edge.settings import EdgeSettings
from ratelimitsvc.settings import RateLimitSettings
from svckit.settings import RimSettings
from telemetrysvc.settings import TelemetrySettings

ROOT = Path(__file__).parents[2]
# What reads the settings of each process: its package, and around it the rim, or the server with the rim.
READERS: dict[str, tuple[type[RimSettings], tuple[str, ...]]] = {
    "authsvc": (AuthSettings, ("authsvc", "svckit/rim.py", "svckit/server.py", "svckit/teams.py")),
    "ratelimitsvc": (RateLimitSettings, ("ratelimitsvc", "svckit/rim.py", "svckit/server.py", "svckit/teams.py")),
    "configsvc": (ConfigSettings, ("configsvc", "svckit/rim.py", "svckit/server.py")),
    "telemetrysvc": (TelemetrySettings, ("telemetrysvc", "svckit/rim.py", "svckit/server.py")),
    "edge": (EdgeSettings, ("edge/__main__.py", "edge/worker.py", "edge/environment.py", "svckit/rim.py")),
    "admin": (AdminSettings, ("edge/admin", "svckit/rim.py")),
}


def read_in(places: tuple[str, ...]) -> set[str]:
    """The names that are read of `settings` in these files and folders."""
    paths = [ROOT / place for place in places]
    files = [file for path in paths for file in (path.rglob("*.py") if path.is_dir() else [path])]
    return {name for file in files for name in re.findall(r"[Ss]ettings\)?\.(\w+)", file.read_text())}


@pytest.mark.parametrize("process", READERS)
def test_every_setting_is_read(process: str) -> None:
    settings, places = READERS[process]
    assert set(settings.model_fields) - read_in(places) == set()
