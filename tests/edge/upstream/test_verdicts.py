"""One process of several asks; what it has found reaches the others, and whoever comes after it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from domain.tenants import DEFAULT_TENANT
from edge.upstream.fleet import TargetKey
from edge.upstream.verdicts import TRUSTED_SECONDS, SharedVerdicts, load_verdicts

A = TargetKey(DEFAULT_TENANT, "s", "a.test", 80, False)
B = TargetKey(DEFAULT_TENANT, "s", "2001:db8::1", 443, True)


def test_one_asks_at_a_time(tmp_path: Path) -> None:
    one, other = SharedVerdicts(tmp_path), SharedVerdicts(tmp_path)
    assert one.claim()
    assert one.claim()
    assert not other.claim()
    one.release()
    assert other.claim()
    other.release()


def test_the_lock_of_a_process_that_was_killed_is_free(tmp_path: Path) -> None:
    claiming = (
        "import sys, signal; from pathlib import Path; from edge.upstream.verdicts import SharedVerdicts;"
        "print(SharedVerdicts(Path(sys.argv[1])).claim() or 0, flush=True); signal.pause()"
    )
    with subprocess.Popen([sys.executable, "-c", claiming, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        ours = SharedVerdicts(tmp_path)
        before = ours.claim()
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not before
    assert ours.claim()
    ours.release()


def test_what_is_written_is_read_once(tmp_path: Path) -> None:
    one, other = SharedVerdicts(tmp_path), SharedVerdicts(tmp_path)
    assert other.read() is None
    one.write({A: (True, ""), B: (False, "503")})
    assert other.read() == {A: (True, ""), B: (False, "503")}
    assert other.read() is None
    one.write({A: (False, "404")})
    os.utime(tmp_path / "health-checks.json", ns=(0, other._read_at + 1_000_000))
    assert other.read() == {A: (False, "404")}


def test_verdicts_of_another_time_are_not_believed(tmp_path: Path) -> None:
    one = SharedVerdicts(tmp_path)
    one.write({A: (False, "503")})
    path = tmp_path / "health-checks.json"
    then = path.stat().st_mtime - TRUSTED_SECONDS - 1
    os.utime(path, (then, then))
    assert one.read() is None


@pytest.mark.parametrize("data", [b"", b"{", b"1", b"[1]", b"[[1]]", b'[["a","b","c","d",1,1,1]]', b'{"a": 1}'])
def test_anything_else_is_no_verdict(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - each tells otherwise
        load_verdicts(data)
    (tmp_path / "health-checks.json").write_bytes(data)
    assert SharedVerdicts(tmp_path).read() is None


def test_where_nothing_can_be_shared_each_asks_for_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_bytes(b"")
    nowhere = SharedVerdicts(tmp_path / "file")
    assert nowhere.claim()
    nowhere.write({A: (True, "")})
    assert nowhere.read() is None
    assert capsys.readouterr().out.count("cannot be shared") == 1
