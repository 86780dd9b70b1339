"""A spool opens after any damage, yields no damaged record, keeps the order and counts what is lost."""

from collections.abc import Sequence
from dataclasses import astuple
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from edge.telemetry.scan import HEADER_BYTES
from tests.edge.telemetry.spools import SEGMENT_BYTES, append_all, numbered, open_spool, read_all, settle_all

COUNT = 120
# A place as a fraction of a file's length, and a bit of the octet there.
PLACES = st.floats(0, 1, exclude_max=True)
FLIPS = st.lists(st.tuples(st.integers(0, 9), PLACES, st.integers(0, 7)), min_size=1, max_size=6)


def written(folder: Path) -> list[Path]:
    """A spool of COUNT records, its first ten settled, as a kill leaves it; returns its segments."""
    spool = open_spool(folder)
    append_all(spool, numbered(COUNT))
    batch = spool.read(10, 1 << 20)
    assert batch is not None
    spool.settle(batch, 0)
    spool.close()
    return sorted(folder.glob("*.segment"))


def flip(path: Path, place: float, bit: int) -> None:
    data = bytearray(path.read_bytes())
    if data:
        data[int(place * len(data))] ^= 1 << bit
        path.write_bytes(data)


def assert_sound(folder: Path) -> Sequence[bytes]:
    """Opens the spool and checks what it promises; returns the records that survived."""
    spool = open_spool(folder)
    before = spool.last_sequence
    append_all(spool, numbered(5, 1000))
    found = read_all(spool)
    survivors, fresh = found[:-5], found[-5:]
    assert fresh == numbered(5, 1000)
    assert spool.last_sequence == before + 5

    expected = numbered(COUNT)
    places = [expected.index(frame) for frame in survivors]  # ValueError: a record that was never written
    assert places == sorted(set(places))

    spool.rewind()
    settle_all(spool)
    tally = spool.tally()
    answered, *others = astuple(tally)
    assert answered == sum(others) == COUNT + 5
    assert tally.shipped == len(survivors) + 5 + 10 - len([place for place in places if place < 10])
    assert tally.spooled == 0
    spool.close()
    return survivors


def test_what_is_found_lost_at_the_opening_is_news_once(tmp_path: Path) -> None:
    *_, last = written(tmp_path)
    data = last.read_bytes()
    last.write_bytes(data[: len(data) // 2])

    spool = open_spool(tmp_path)
    lost = COUNT - 10 - len(settle_all(spool))
    append_all(spool, numbered(1))
    settle_all(spool)
    assert lost > 0
    assert spool.newly_dropped()["damaged"] == lost
    spool.close()

    again = open_spool(tmp_path)
    assert again.newly_dropped()["damaged"] == 0
    again.close()


@settings(max_examples=200, deadline=None)
@given(flips=FLIPS)
def test_flipped_bits_cost_the_records_that_they_hit(flips: list[tuple[int, float, int]]) -> None:
    with TemporaryDirectory() as name:
        segments = written(Path(name))
        for index, place, bit in flips:
            flip(segments[index % len(segments)], place, bit)
        survivors = assert_sound(Path(name))
        if all(int(place * SEGMENT_BYTES) >= HEADER_BYTES for _index, place, _bit in flips):
            assert len(survivors) >= COUNT - 10 - len(flips)


@settings(max_examples=100, deadline=None)
@given(index=st.integers(0, 9), place=PLACES)
def test_a_segment_cut_anywhere_loses_its_end_and_nothing_before(index: int, place: float) -> None:
    with TemporaryDirectory() as name:
        segments = written(Path(name))
        victim = segments[index % len(segments)]
        data = victim.read_bytes()
        victim.write_bytes(data[: int(place * len(data))])
        assert_sound(Path(name))


@settings(max_examples=100, deadline=None)
@given(index=st.integers(0, 9), place=PLACES, junk=st.binary(min_size=1, max_size=600))
def test_overwritten_parts_are_passed_over(index: int, place: float, junk: bytes) -> None:
    with TemporaryDirectory() as name:
        segments = written(Path(name))
        victim = segments[index % len(segments)]
        data = bytearray(victim.read_bytes())
        start = int(place * len(data))
        data[start : start + len(junk)] = junk
        victim.write_bytes(data)
        assert_sound(Path(name))


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_a_damaged_ledger_never_prevents_a_start_nor_loses_a_record(data: st.DataObject) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        written(folder)
        ledger = bytearray((folder / "ledger").read_bytes())
        places = st.sampled_from([*range(128), *range(512, 580), *range(1024, 1092)])
        for place in data.draw(st.lists(places, min_size=1, max_size=5)):
            ledger[place] ^= 1 << data.draw(st.integers(0, 7))
        (folder / "ledger").write_bytes(ledger)

        spool = open_spool(folder)
        append_all(spool, numbered(1, 1000))
        assert read_all(spool)[-111:] == [*numbered(COUNT - 10, 10), *numbered(1, 1000)]
        spool.close()


def test_a_folder_full_of_rubbish_opens_empty(tmp_path: Path) -> None:
    (tmp_path / "ledger").write_bytes(b"rubbish")
    (tmp_path / "00000000000000000001.segment").write_bytes(b"")
    (tmp_path / "00000000000000000002.segment").write_bytes(b"PSKSPOOL" + b"\xff" * 5000)
    (tmp_path / "left.spare").write_bytes(b"x")
    spool = open_spool(tmp_path)
    append_all(spool, numbered(3))
    assert read_all(spool) == numbered(3)
    spool.close()


def test_a_payload_cannot_pose_as_a_record_after_damage(tmp_path: Path) -> None:
    donor = tmp_path / "donor"
    donor.mkdir()
    spool = open_spool(donor)
    append_all(spool, numbered(3))
    spool.close()
    foreign = next(donor.glob("*.segment")).read_bytes()[32:100]

    target = tmp_path / "target"
    target.mkdir()
    spool = open_spool(target)
    append_all(spool, [b"first", b"12345678" + foreign, b"last"])
    spool.close()
    flip(next(target.glob("*.segment")), (32 + 16 + 8 + 16) / 4096, 0)  # in the second record's head

    assert read_all(open_spool(target)) == [b"first", b"last"]
