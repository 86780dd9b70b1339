"""What is remembered of the making of data, and who may use them."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from penstockctl.embedded.provenance import Provenance, explain_mismatch, read_provenance, write_provenance
from penstockctl.faults import OperatorError
from penstockctl.user_mode import UserMode

MADE = Provenance(UserMode.USERNS, 0, 18)
RECORD: dict[str, Any] = {"user_mode": "userns", "uid": 0, "postgres_major": 18}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The folder of data that PostgreSQL 18 has made, still without a record."""
    folder = tmp_path / "pg" / "data"
    folder.mkdir(parents=True)
    (folder / "PG_VERSION").write_text("18\n")
    return folder


def refusal(data: Path) -> str:
    with pytest.raises(OperatorError) as refused:
        read_provenance(data)
    return str(refused.value)


def test_where_nothing_was_made_there_is_nothing_to_remember(tmp_path: Path) -> None:
    assert read_provenance(tmp_path / "data") is None


@pytest.mark.parametrize("mode", UserMode, ids=lambda mode: mode.value)
def test_what_is_written_is_what_is_read(data: Path, mode: UserMode) -> None:
    made = Provenance(mode, 1000, 18)
    path = write_provenance(data, made)
    assert path.parent == data
    assert read_provenance(data) == made


def test_a_record_is_for_its_owners_eyes_and_ends_its_line(data: Path) -> None:
    path = write_provenance(data, MADE)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text().endswith("}\n")


def test_a_record_inside_the_data_is_believed_before_one_beside_them(data: Path) -> None:
    path = write_provenance(data, MADE)
    beside = data.parent / path.name
    beside.write_text(json.dumps(RECORD | {"uid": 4711}))
    assert read_provenance(data) == MADE
    path.unlink()
    assert read_provenance(data) == Provenance(UserMode.USERNS, 4711, 18)


def test_data_without_a_record_are_not_touched(data: Path) -> None:
    told = refusal(data)
    assert told.startswith(f"The PostgreSQL data in {data} have no record of their making (made-by.json)")
    assert "--data-dir" in told


BROKEN = {
    "empty": b"",
    "cut off": b'{"user_mode": "userns"',
    "no JSON": b"made by root",
    "no text": b"\xff\xfe\x00",
    "NULs, as after a power cut": b"\0" * 64,
    "null": b"null",
    "a list": b"[]",
    "a number": b"18",
    "nothing in it": b"{}",
    "no user mode": json.dumps({"uid": 0, "postgres_major": 18}).encode(),
    "another user mode": json.dumps(RECORD | {"user_mode": "root"}).encode(),
    "a uid that is none": json.dumps(RECORD | {"uid": "root"}).encode(),
    "a null version": json.dumps(RECORD | {"postgres_major": None}).encode(),
    "a uid without end": b'{"user_mode": "userns", "uid": Infinity, "postgres_major": 18}',
    "lists without end": b"[" * 200_000,
    "a version without end": b'{"user_mode": "userns", "uid": 0, "postgres_major": ' + b"9" * 5000 + b"}",
}


@pytest.mark.parametrize("octets", BROKEN.values(), ids=BROKEN.keys())
def test_an_empty_or_broken_record_is_one_sentence(data: Path, octets: bytes) -> None:
    path = write_provenance(data, MADE)
    path.write_bytes(octets)
    assert refusal(data) == f"The record {path} is damaged: restore it from a backup, or use another --data-dir."


@pytest.mark.parametrize(
    ("written", "said"),
    [
        pytest.param("17\n", "17", id="another version"),
        pytest.param("\udcff", "\ufffd", id="no text"),
        pytest.param("9.6\n", "9.6", id="one of two numbers"),
        pytest.param(None, "unknown", id="none"),
    ],
)
def test_data_that_are_not_what_their_record_says_are_refused(data: Path, written: str | None, said: str) -> None:
    path = write_provenance(data, MADE)
    (data / "PG_VERSION").unlink() if written is None else (data / "PG_VERSION").write_text(
        written, errors="surrogateescape"
    )
    assert refusal(data) == (
        f"The PostgreSQL data in {data} are of version {said}, but {path} says 18:"
        " restore both from one backup, or use another --data-dir."
    )


@pytest.mark.parametrize(
    ("now", "why"),
    [
        pytest.param(MADE, None, id="as it was made"),
        pytest.param(
            Provenance(UserMode.USERNS, 0, 17),
            "was made by PostgreSQL 18, but PostgreSQL 17 is here:"
            " use another --data-dir, or move the data with pg_dump",
            id="by an older PostgreSQL",
        ),
        pytest.param(
            Provenance(UserMode.PLAIN, 1000, 19),
            "was made by PostgreSQL 18, but PostgreSQL 19 is here:"
            " use another --data-dir, or move the data with pg_dump",
            id="by another PostgreSQL and another user: the version comes first",
        ),
        pytest.param(
            Provenance(UserMode.NOBODY, 0, 18),
            "was made by root (in a user namespace) and cannot be used by root (as the account nobody):"
            " start as that user, or use another --data-dir",
            id="by root in another mode",
        ),
        pytest.param(
            Provenance(UserMode.PLAIN, 1000, 18),
            "was made by root (in a user namespace) and cannot be used by user id 1000:"
            " start as that user, or use another --data-dir",
            id="by an ordinary user",
        ),
    ],
)
def test_data_are_used_only_as_they_were_made(now: Provenance, why: str | None) -> None:
    assert explain_mismatch(MADE, now) == why


def test_ordinary_users_are_told_apart() -> None:
    made, now = Provenance(UserMode.PLAIN, 1000, 18), Provenance(UserMode.PLAIN, 1001, 18)
    assert (explain_mismatch(made, now) or "").startswith("was made by user id 1000 and cannot be used by user id 1001")
