"""The records in the bytes of a segment: all that were written, and after damage all that it did not hit."""

import struct
import zlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.telemetry.scan import (
    HEAD,
    HEADER_BYTES,
    MAGIC,
    RECORD_BYTES,
    SEQUENCE,
    Found,
    Header,
    aligned,
    find_records,
    pack_header,
    read_header,
)

HEADER = Header(salt=0x5A17, first=100)
# Records begin at a multiple of 8, a little behind the header's fields.
FRONT = pack_header(HEADER).ljust(HEADER_BYTES, b"\0")
U32, U64 = st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1)


def record(payload: bytes, sequence: int, salt: int = HEADER.salt) -> bytes:
    """One record as the format says, up to the place of the next."""
    body = SEQUENCE.pack(sequence) + payload
    octets = HEAD.pack(len(payload), zlib.crc32(body, salt)) + body
    return octets.ljust(aligned(len(octets)), b"\0")


def segment(payloads: Sequence[bytes], first: int = HEADER.first, unused: int = 0) -> bytes:
    written = b"".join(record(payload, first + index) for index, payload in enumerate(payloads))
    return FRONT + written + bytes(unused)


def payloads_in(data: bytes, **bounds: int) -> list[bytes]:
    return [found.payload for found in find_records(data, HEADER, **bounds)]


class TestHeader:
    @given(st.builds(Header, U32, U64))
    def test_what_is_written_is_read(self, header: Header) -> None:
        packed = pack_header(header)
        assert len(packed) <= HEADER_BYTES
        assert read_header(packed.ljust(HEADER_BYTES, b"x")) == header

    @given(st.integers(0, len(pack_header(HEADER)) - 1), st.integers(1, 255))
    def test_a_changed_octet_makes_it_none(self, place: int, change: int) -> None:
        packed = bytearray(FRONT)
        packed[place] ^= change
        assert read_header(bytes(packed)) is None

    @given(st.integers(0, HEADER_BYTES - 1))
    def test_a_part_of_it_is_none(self, length: int) -> None:
        assert read_header(FRONT[:length]) is None

    @pytest.mark.parametrize(
        ("magic", "version"), [(b"PSKSPOOX", 1), (MAGIC, 2), (MAGIC, 0)], ids=["foreign", "newer", "older"]
    )
    def test_a_sound_header_of_another_kind_is_none(self, magic: bytes, version: int) -> None:
        fields = struct.pack("<8sIIQ", magic, version, HEADER.salt, HEADER.first)
        packed = fields + struct.pack("<I", zlib.crc32(fields))
        assert read_header(packed.ljust(HEADER_BYTES, b"\0")) is None


@pytest.mark.parametrize(("position", "place"), [(0, 0), (1, 8), (7, 8), (8, 8), (9, 16)])
def test_records_begin_at_multiples_of_eight(position: int, place: int) -> None:
    assert aligned(position) == place


class TestSound:
    def test_a_record_tells_its_sequence_its_payload_and_where_the_next_begins(self) -> None:
        data = segment([b"abc", b"d"])
        assert list(find_records(data, HEADER)) == [Found(100, b"abc", 56), Found(101, b"d", 80)]

    @given(st.lists(st.binary(min_size=1, max_size=40), max_size=8), st.integers(0, 200))
    def test_all_that_was_written_is_found_and_the_unused_rest_is_nothing(
        self, payloads: list[bytes], unused: int
    ) -> None:
        data = segment(payloads, unused=unused)
        found = list(find_records(data, HEADER))
        assert [each.payload for each in found] == payloads
        assert [each.sequence for each in found] == list(range(100, 100 + len(payloads)))

    @given(st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=8), st.data())
    def test_a_scan_may_go_on_where_another_stopped(self, payloads: list[bytes], data: st.DataObject) -> None:
        octets = segment(payloads, unused=64)
        found = list(find_records(octets, HEADER))
        stopped = data.draw(st.sampled_from(found))
        rest = list(find_records(octets, HEADER, start=stopped.end, after=stopped.sequence))
        assert rest == found[found.index(stopped) + 1 :]

    def test_records_up_to_the_given_sequence_are_passed_over(self) -> None:
        assert payloads_in(segment([b"a", b"b", b"c"]), after=101) == [b"c"]
        assert payloads_in(segment([b"a", b"b", b"c"]), after=102) == []

    def test_nothing_is_read_beyond_the_end(self) -> None:
        data = segment([b"a", b"b"])
        assert payloads_in(data, stop=len(data)) == [b"a", b"b"]
        assert payloads_in(data, stop=len(data) - 8) == [b"a"]
        assert payloads_in(data, stop=HEADER_BYTES) == []

    def test_a_record_may_end_with_the_segment_unaligned(self) -> None:
        data = segment([b"a", b"bc"])
        assert payloads_in(data[: -(-len(b"bc") % 8)]) == [b"a", b"bc"]

    def test_a_record_of_another_segment_is_none(self) -> None:
        """A reused file may still hold what an older segment left behind."""
        left = record(b"stale", 101, salt=HEADER.salt + 1)
        assert payloads_in(segment([b"fresh"]) + left) == [b"fresh"]

    def test_a_sequence_that_does_not_go_on_is_none(self) -> None:
        data = segment([b"a", b"b"]) + record(b"again", 100) + record(b"c", 102)
        assert payloads_in(data) == [b"a", b"b", b"c"]

    @pytest.mark.parametrize(
        ("sequence", "found"), [(106, [b"a", b"far"]), (107, [b"a", b"b"])], ids=["the last that could be", "beyond"]
    )
    def test_a_sequence_beyond_what_fits_into_the_segment_is_none(self, sequence: int, found: list[bytes]) -> None:
        """104 octets hold no more than 6 records, so that a wild one cannot hide all that follow."""
        data = segment([b"a"]) + record(b"far", sequence) + record(b"b", 101)
        assert len(data) == 104
        assert payloads_in(data) == found

    def test_an_empty_payload_is_no_record(self) -> None:
        assert payloads_in(segment([b"a"]) + record(b"", 101) + record(b"b", 102)) == [b"a", b"b"]


PAYLOADS = [f"payload {number} ".encode() * (1 + number % 4) for number in range(12)]


class TestDamage:
    @given(st.sets(st.integers(0, len(PAYLOADS) - 1), min_size=1, max_size=6), st.data())
    def test_changed_octets_cost_the_records_that_they_hit_and_no_other(
        self, hit: set[int], data: st.DataObject
    ) -> None:
        places = [found.end for found in find_records(segment(PAYLOADS), HEADER)]
        starts = [HEADER_BYTES, *places]
        octets = bytearray(segment(PAYLOADS, unused=80))
        for index in hit:
            length = RECORD_BYTES + len(PAYLOADS[index])
            place = starts[index] + data.draw(st.integers(0, length - 1))
            octets[place] ^= data.draw(st.integers(1, 255))
        expected = [payload for index, payload in enumerate(PAYLOADS) if index not in hit]
        assert payloads_in(bytes(octets)) == expected

    @given(st.integers(HEADER_BYTES, len(segment(PAYLOADS))))
    def test_a_cut_costs_the_records_behind_it(self, length: int) -> None:
        octets = segment(PAYLOADS)
        whole = [found.payload for found in find_records(octets, HEADER) if found.end <= length]
        found = payloads_in(octets[:length])
        assert found[: len(whole)] == whole
        assert found in (whole, PAYLOADS[: len(whole) + 1])  # the padding of the last one may be cut off

    @pytest.mark.parametrize("length", [1, 255, 256, 65536], ids="record of {}".format)
    @pytest.mark.parametrize(
        "zeros", [*range(0, 64, 8), *range(65536 - 64, 65536 + 64, 8), 200_000], ids="hole of {}".format
    )
    def test_a_hole_of_zeros_is_passed_whatever_its_length(self, zeros: int, length: int) -> None:
        """It is passed in blocks of 64 KiB: a record may begin at the end of one, or its length with zeros."""
        payload = b"x" * length
        octets = b"".join((segment([b"a"]), bytes(zeros), record(payload, 101), record(b"c", 102)))
        assert payloads_in(octets) == [b"a", payload, b"c"]

    @given(st.binary(max_size=400), st.integers(0, len(PAYLOADS)))
    def test_rubbish_between_records_is_passed_over(self, rubbish: bytes, before: int) -> None:
        parts = [record(payload, 100 + index) for index, payload in enumerate(PAYLOADS)]
        rubbish = rubbish.ljust(aligned(len(rubbish)), b"\xff")
        octets = b"".join((FRONT, *parts[:before], rubbish, *parts[before:]))
        assert payloads_in(octets) == PAYLOADS

    @given(st.binary(max_size=600))
    def test_rubbish_alone_holds_no_record(self, rubbish: bytes) -> None:
        assert payloads_in(FRONT + rubbish) == []

    def test_a_payload_cannot_pose_as_a_record(self) -> None:
        """It would have to know the salt."""
        forged = record(b"forged", 102, salt=0)
        octets = bytearray(segment([b"a", b"12345678" + forged, b"c"]))
        octets[HEADER_BYTES + len(record(b"a", 100))] ^= 1  # the length of the second
        assert payloads_in(bytes(octets)) == [b"a", b"c"]
