"""What a PostgreSQL data directory remembers of its making, and whether this start may use it."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from penstockctl.faults import OperatorError
from penstockctl.private_files import write_private_text
from penstockctl.user_mode import UserMode

_NAME = "made-by.json"


@dataclass(frozen=True, slots=True)
class Provenance:
    """`uid` is the effective user id of the command that made the data."""

    user_mode: UserMode
    uid: int
    postgres_major: int


def read_provenance(data: Path) -> Provenance | None:
    """The record inside the PostgreSQL data in `data`, or None when nothing was made yet.

    OperatorError: there are data without a record, the record is damaged, or the data are not what it says.
    """
    if not data.exists():
        return None
    # Earlier releases kept the record beside the data.
    record = next((path for path in (data / _NAME, data.parent / _NAME) if path.exists()), None)
    if record is None:
        raise OperatorError(
            f"The PostgreSQL data in {data} have no record of their making ({_NAME}), so they are not touched:"
            " restore it from a backup, move the data away, or use another --data-dir."
        )
    made = _parse(record)
    if (major := _version_of(data)) != str(made.postgres_major):
        raise OperatorError(
            f"The PostgreSQL data in {data} are of version {major}, but {record} says {made.postgres_major}:"
            " restore both from one backup, or use another --data-dir."
        )
    return made


def write_provenance(data: Path, provenance: Provenance) -> Path:
    """Put the record inside the PostgreSQL data in `data`; its path."""
    path = data / _NAME
    write_private_text(path, json.dumps(asdict(provenance)) + "\n")
    return path


def _parse(path: Path) -> Provenance:
    try:
        record = json.loads(path.read_bytes())
        return Provenance(
            user_mode=UserMode(record["user_mode"]),
            uid=int(record["uid"]),
            postgres_major=int(record["postgres_major"]),
        )
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError, OSError):
        raise OperatorError(
            f"The record {path} is damaged: restore it from a backup, or use another --data-dir."
        ) from None


def _version_of(data: Path) -> str:
    """What PostgreSQL wrote about its data; "unknown" when that is missing."""
    path = data / "PG_VERSION"
    return path.read_text(errors="replace").strip() if path.exists() else "unknown"


def explain_mismatch(made: Provenance, now: Provenance) -> str | None:
    """Why data made under `made` cannot be used as `now`, as the rest of a sentence; None: they fit."""
    if made.postgres_major != now.postgres_major:
        return (
            f"was made by PostgreSQL {made.postgres_major}, but PostgreSQL {now.postgres_major} is here:"
            " use another --data-dir, or move the data with pg_dump"
        )
    if (made.user_mode, made.uid) != (now.user_mode, now.uid):
        return (
            f"was made by {_describe(made)} and cannot be used by {_describe(now)}:"
            " start as that user, or use another --data-dir"
        )
    return None


def _describe(provenance: Provenance) -> str:
    names = {
        UserMode.PLAIN: f"user id {provenance.uid}",
        UserMode.USERNS: "root (in a user namespace)",
        UserMode.NOBODY: "root (as the account nobody)",
    }
    return names[provenance.user_mode]
