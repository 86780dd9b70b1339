"""The warm copy on disk: whole and ours, or as if it were not there."""

from pathlib import Path

import pytest

from domain.tenants import DEFAULT_TENANT
from edge.config.ledger import Copy
from edge.config.seal import Seal
from edge.config.warm_copy import WarmCopy
from edge.config.warm_disk import WarmDisk

from .documents import ACME, BETA, snapshot, tombstone

SEAL = Seal(b"k" * 32)


def copy(tenant: object, revision: int) -> Copy:
    event = snapshot(tenant, revision)  # type: ignore[arg-type]
    return Copy(tenant, revision, event.SerializeToString())  # type: ignore[arg-type]


DEFAULT, BURIED = copy(DEFAULT_TENANT, 3), Copy(BETA, 4, tombstone(BETA, 4).SerializeToString())


def disk(folder: Path, scope: str = "default", seal: Seal = SEAL) -> WarmDisk:
    return WarmDisk(folder, scope, seal)


def test_what_was_saved_is_loaded_tombstones_too(tmp_path: Path) -> None:
    assert disk(tmp_path).load() is None
    assert disk(tmp_path).save(4, [DEFAULT, BURIED])
    assert disk(tmp_path).load() == WarmCopy(4, (DEFAULT, BURIED))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.bin", "config.lock"]


def test_a_copy_of_another_cluster_or_scope_is_not_taken(tmp_path: Path) -> None:
    disk(tmp_path).save(4, [DEFAULT])
    assert disk(tmp_path, seal=Seal(b"x" * 32)).load() is None
    assert disk(tmp_path, scope=ACME).load() is None


def test_a_copy_with_any_byte_changed_or_missing_is_not_taken(tmp_path: Path) -> None:
    disk(tmp_path).save(4, [DEFAULT, BURIED])
    path = tmp_path / "config.bin"
    content = path.read_bytes()
    for at in range(len(content)):
        path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        assert disk(tmp_path).load() is None
    for length in range(len(content)):
        path.write_bytes(content[:length])
        assert disk(tmp_path).load() is None


def test_one_worker_of_a_host_writes_until_it_is_gone(tmp_path: Path) -> None:
    first, second = disk(tmp_path), disk(tmp_path)
    assert first.save(3, [DEFAULT])
    assert not second.save(9, [copy(DEFAULT_TENANT, 9)])
    first.close()
    assert second.save(9, [copy(DEFAULT_TENANT, 9)])
    assert disk(tmp_path).load() == WarmCopy(9, (copy(DEFAULT_TENANT, 9),))


def test_a_writer_that_is_behind_its_predecessor_leaves_the_newer_copy(tmp_path: Path) -> None:
    first, second = disk(tmp_path), disk(tmp_path)
    first.save(9, [copy(DEFAULT_TENANT, 9), copy(ACME, 8)])
    first.close()
    second.save(7, [copy(DEFAULT_TENANT, 7), copy(ACME, 8)])
    loaded = disk(tmp_path).load()
    assert loaded is not None
    assert loaded.head == 9
    second.save(10, [copy(DEFAULT_TENANT, 10), copy(ACME, 8)])
    loaded = disk(tmp_path).load()
    assert loaded is not None
    assert loaded.head == 10


def test_a_directory_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        disk(tmp_path / "missing").save(1, [DEFAULT])
