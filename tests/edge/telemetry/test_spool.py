"""Records go in and come out in order, once, and every one of them is accounted for."""

import errno
import os
from dataclasses import astuple
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.telemetry.spool import RECORD_LIMIT_BYTES, Batch, Spool
from tests.edge.telemetry.spools import SEGMENT_BYTES, append_all, numbered, open_spool, read_all, settle_all


def files(folder: Path, pattern: str = "*.segment") -> list[str]:
    return sorted(path.name for path in folder.glob(pattern))


def assert_conserved(spool: Spool) -> None:
    answered, *others = astuple(spool.tally())
    assert answered == sum(others)


def test_records_come_out_in_order_in_batches_of_the_size_asked_for(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    append_all(spool, numbered(250))

    first, second = spool.read(100, 1 << 20), spool.read(100, 1 << 20)

    assert first is not None
    assert second is not None
    assert (first.last, second.last) == (100, 200)
    assert [*first.frames, *second.frames] == numbered(200)
    assert read_all(spool) == numbered(50, 200)
    assert spool.read(100, 1 << 20) is None


def test_a_batch_is_bounded_in_bytes(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    append_all(spool, [b"x" * 400] * 10)
    batch = spool.read(100, 1000)
    assert batch is not None
    assert len(batch.frames) == 3


def test_records_noted_after_everything_was_read_are_read_next(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    for number in range(200):
        append_all(spool, numbered(1, number))
        assert read_all(spool) == numbered(1, number)


def test_what_is_not_settled_is_read_again_after_a_rewind(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    append_all(spool, numbered(100))
    batch = spool.read(30, 1 << 20)
    assert batch is not None
    read_all(spool)
    spool.settle(batch, 0)

    spool.rewind()

    assert read_all(spool) == numbered(70, 30)


def test_what_is_not_settled_is_there_after_a_restart_and_numbering_goes_on(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    append_all(spool, numbered(100))
    batch = spool.read(30, 1 << 20)
    assert batch is not None
    spool.settle(batch, 0)
    spool.close()

    spool = open_spool(tmp_path)
    append_all(spool, numbered(50, 100))

    assert spool.last_sequence == 150
    assert settle_all(spool) == numbered(120, 30)
    assert spool.tally().shipped == spool.tally().answered == 150


async def test_a_segment_is_deleted_when_all_of_it_is_settled_and_not_before(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    append_all(spool, numbered(150))
    segments = files(tmp_path)
    assert len(segments) > 2
    batch = spool.read(spool.last_sequence - 1, 1 << 20)
    assert batch is not None

    await spool.maintain()
    assert files(tmp_path) == segments

    spool.settle(batch, 0)
    await spool.maintain()
    assert files(tmp_path) == segments[-1:]


async def test_the_next_segment_is_allocated_ahead(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    append_all(spool, numbered(1))
    await spool.maintain()
    assert len(files(tmp_path, "*.spare")) == 1

    append_all(spool, numbered(100))
    assert files(tmp_path, "*.spare") == []
    spool.close()


def test_the_oldest_unsent_records_are_dropped_when_the_spool_is_full_and_counted(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, total_bytes=4 * SEGMENT_BYTES)
    append_all(spool, numbered(2000))

    kept = settle_all(spool)

    assert kept == numbered(len(kept), 2000 - len(kept))
    assert spool.tally().full == 2000 - len(kept)
    assert spool.tally().shipped == len(kept)
    assert_conserved(spool)
    assert sum(path.stat().st_size for path in tmp_path.glob("*.segment")) <= 4 * SEGMENT_BYTES


def test_records_that_were_sent_are_not_dropped_because_they_may_be_stored_already(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, total_bytes=4 * SEGMENT_BYTES)
    append_all(spool, numbered(20))
    sent = spool.read(20, 1 << 20)
    assert sent is not None
    append_all(spool, numbered(2000, 20))
    assert spool.tally().full > 0

    spool.settle(sent, 0)
    settle_all(spool)

    tally = spool.tally()
    assert (tally.spooled, tally.damaged) == (0, 0)
    assert tally.shipped + tally.full == 2020
    assert_conserved(spool)


def test_what_was_sent_before_a_restart_is_not_dropped_either(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, total_bytes=4 * SEGMENT_BYTES)
    append_all(spool, numbered(20))
    read_all(spool)
    spool.close()

    spool = open_spool(tmp_path, total_bytes=4 * SEGMENT_BYTES)
    append_all(spool, numbered(2000, 20))

    assert read_all(spool)[:20] == numbered(20)


def test_refused_records_are_counted_and_not_kept(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    append_all(spool, numbered(10))
    batch = spool.read(10, 1 << 20)
    assert batch is not None
    spool.settle(batch, 3)
    assert (spool.tally().shipped, spool.tally().refused, spool.pending) == (7, 3, 0)
    assert_conserved(spool)


def test_a_record_above_the_bound_is_dropped_alone(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    append_all(spool, [b"before", b"x" * (RECORD_LIMIT_BYTES + 1), b"after"])
    assert read_all(spool) == [b"before", b"after"]
    assert spool.tally().oversize == 1
    assert_conserved(spool)


def test_what_a_former_process_dropped_is_not_dropped_again(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    append_all(spool, [b"x" * (RECORD_LIMIT_BYTES + 1), b"kept"])
    assert spool.newly_dropped()["oversize"] == 1
    spool.close()

    spool = Spool(tmp_path)
    assert set(spool.newly_dropped().values()) == {0}
    append_all(spool, [b"x" * (RECORD_LIMIT_BYTES + 1)])
    assert (spool.newly_dropped()["oversize"], spool.tally().oversize) == (1, 2)
    spool.close()


async def test_a_full_disk_costs_counted_records_and_ends_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_descriptor: int, _offset: int, _length: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    spool = open_spool(tmp_path)
    append_all(spool, numbered(5))
    with monkeypatch.context() as patch:
        patch.setattr(os, "posix_fallocate", refuse)
        append_all(spool, numbered(200, 5))
    lost = spool.tally().no_space
    assert lost > 0
    assert_conserved(spool)

    await spool.maintain()
    append_all(spool, numbered(1, 205))

    assert spool.tally().no_space == lost
    assert settle_all(spool)[-1:] == numbered(1, 205)
    assert_conserved(spool)
    spool.close()


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(1, 12)),
        st.tuples(st.just("read"), st.integers(1, 9)),
        st.tuples(st.just("settle"), st.just(0)),
        st.tuples(st.just("rewind"), st.just(0)),
    ),
    max_size=40,
)


@settings(max_examples=300, deadline=None)
@given(steps=STEPS)
def test_memory_and_disk_tell_the_same(steps: list[tuple[str, int]]) -> None:
    """Whatever is read from memory, because it is new, and from the disk, because there was too much of it."""
    with TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr("edge.telemetry.spool.FRESH_RECORDS", 5)
        spool, noted, settled = open_spool(Path(name)), 0, 0
        unsettled: list[Batch] = []
        for step, number in steps:
            match step:
                case "append":
                    append_all(spool, numbered(number, noted))
                    noted += number
                case "read" if (batch := spool.read(number, 1 << 20)) is not None:
                    first = unsettled[-1].last if unsettled else settled
                    assert batch.last == first + len(batch.frames) <= noted
                    assert list(batch.frames) == numbered(len(batch.frames), first)
                    unsettled.append(batch)
                case "settle" if unsettled:
                    batch = unsettled.pop(0)
                    spool.settle(batch, 0)
                    settled = batch.last
                case "rewind":
                    spool.rewind()
                    unsettled.clear()
        assert_conserved(spool)
        spool.rewind()
        assert read_all(spool) == numbered(noted - settled, settled)
        spool.close()
