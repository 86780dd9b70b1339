"""What a PostgreSQL data directory remembers of its making, and whether this start may use it."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from penstockctl.user_mode import UserMode


@dataclass(frozen=True, slots=True)
class Provenance:
    """`uid` is the effective user id of the command that made the data."""

    user_mode: UserMode
    uid: int
    postgres_major: int


def read_provenance(path: Path) -> Provenance | None:
    """The record in `path`, or None when nothing was made yet. ValueError: the record is damaged."""
    if not path.exists():
        return None
    record = json.loads(path.read_bytes())
    return Provenance(
        user_mode=UserMode(record["user_mode"]),
        uid=int(record["uid"]),
        postgres_major=int(record["postgres_major"]),
    )


def write_provenance(path: Path, provenance: Provenance) -> None:
    path.write_text(json.dumps(asdict(provenance)) + "\n")


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
