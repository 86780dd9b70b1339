"""One slot's records on disk, in order: append, read in batches, settle what the collector has, drop when full.

Every record noted has one end: shipped, refused by the collector, or dropped for a reason that is counted.
Appending is memory only; `maintain` does what the disk must wait for. Never raises for damage.
"""

import asyncio
import os
from collections import deque
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import structlog

from edge.telemetry.ledger import ANSWERED, NO_SPACE, OVERSIZE, SENT, Ledger, Settled
from edge.telemetry.reconcile import Span, reconcile
from edge.telemetry.scan import HEADER_BYTES, RECORD_BYTES
from edge.telemetry.segment import SPARE_SUFFIX, SUFFIX, Segment, Spare, recover_segment

SEGMENT_BYTES: Final = 4 * 1024 * 1024
TOTAL_BYTES: Final = 256 * 1024 * 1024
# Far above what the bounds of a record's fields allow; a batch of the largest still fits a gRPC message.
RECORD_LIMIT_BYTES: Final = 32 * 1024
FRESH_RECORDS: Final = 2_000
"""Kept in memory besides: two batches of a collector that is behind, some 500 KB."""
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Batch:
    """`frames` of records after the batch before, up to the sequence `last`."""

    last: int
    frames: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Tally:
    """Where the records of a spool are: `answered` is the sum of the others."""

    answered: int
    shipped: int
    spooled: int
    refused: int
    full: int
    no_space: int
    oversize: int
    damaged: int

    @property
    def dropped(self) -> dict[str, int]:
        """Records that are gone, by reason."""
        return {
            "full": self.full,
            "no_space": self.no_space,
            "oversize": self.oversize,
            "damaged": self.damaged,
            "refused": self.refused,
        }


class Spool:
    """The spool in one folder, which must be held by this process (`slots`)."""

    def __init__(self, folder: Path, segment_bytes: int = SEGMENT_BYTES, total_bytes: int = TOTAL_BYTES) -> None:
        """Opens what is there. OSError only when the folder cannot be written at all."""
        self._folder: Final = folder
        self._segment_bytes: Final = segment_bytes
        self._total_bytes: Final = total_bytes
        self._record_limit: Final = min(RECORD_LIMIT_BYTES, segment_bytes - HEADER_BYTES - RECORD_BYTES)
        self._ledger: Final = Ledger(folder / "ledger")
        self._counters: Final = self._ledger.counters
        self._segments: Final = deque(_recovered(folder))
        spans = [Span(segment.first, segment.last) for segment in self._segments]
        standing = reconcile(self._ledger.read_counters(), self._ledger.settled, spans, total_bytes // RECORD_BYTES)
        self._ledger.write_counters(standing.counters)
        self._settled = standing.settled
        self._ledger.settle(standing.settled)
        self.last_sequence: int = standing.last
        self.pending: int = sum(_count_after(segment, standing.settled.floor) for segment in self._segments)
        self.read_sequence: int = standing.settled.floor
        self._reading: Segment | None = None
        self._place = HEADER_BYTES
        self._fresh: list[tuple[bytes, Segment, int]] = []
        """Records that need not be read from the disk, those before `_fresh_end` without a gap: frame, segment, and the
        place there where the next one begins."""
        self._fresh_end: int = standing.last + 1
        self._active: Segment | None = None
        self._spare: Spare | None = None
        self._disk_refuses = False
        self._synced_sequence = standing.last
        self._unsynced: list[Segment] = []
        # but for what is found lost now: nobody has told of that
        self._known_dropped: Final = replace(self.tally(), damaged=standing.settled.damaged).dropped

    def append(self, frame: bytes) -> None:
        """Notes one record; counted, whatever becomes of it."""
        counters = self._counters
        counters[ANSWERED] += 1
        if len(frame) > self._record_limit:
            counters[OVERSIZE] += 1
            return
        sequence = self.last_sequence + 1
        active = self._active
        if active is None or not active.append(sequence, frame):
            active = self._begin_segment(sequence)
            if active is None or not active.append(sequence, frame):
                counters[NO_SPACE] += 1
                return
        self.last_sequence = sequence
        self.pending += 1
        if sequence == self._fresh_end and len(self._fresh) < FRESH_RECORDS:
            self._fresh.append((frame, active, active.end))
            self._fresh_end = sequence + 1

    def _begin_segment(self, first: int) -> Segment | None:
        if self._disk_refuses or not self._make_room():
            return None
        try:
            spare = self._spare or Spare(self._folder, self._segment_bytes)
            self._spare = None
            self._active = spare.begin(first)
        except OSError as error:
            log.warning("the telemetry spool cannot grow", error=repr(error))
            self._disk_refuses = True  # not tried again by a request, but by the next `maintain`
            return None
        self._segments.append(self._active)
        self._unsynced.append(self._active)
        return self._active

    def _make_room(self) -> bool:
        """Drops the oldest segments of which nothing was ever sent: what was sent may be stored already."""
        while sum(segment.size for segment in self._segments) + self._segment_bytes > self._total_bytes:
            victim = next((each for each in self._segments if each.first > self._counters[SENT]), None)
            if victim is None:
                return False
            self._drop(victim)
        return True

    def _drop(self, victim: Segment) -> None:
        # Deleted before it is counted: a kill in between makes it count as damage, never as stored and dropped.
        victim.remove()
        settled, count = self._settled, victim.count
        self._write(replace(settled, full=settled.full + count, full_ahead=settled.full_ahead + count))
        self.pending -= count
        self._fresh, self._fresh_end = [], 0  # not again until everything has been read
        if victim is self._active:
            self._active = None
        if victim is self._reading:
            self._reading = None
        self._segments.remove(victim)
        if victim in self._unsynced:
            self._unsynced.remove(victim)

    def read(self, most: int, most_bytes: int) -> Batch | None:
        """The next records after `read_sequence`, at most `most` and about `most_bytes`; None when there are none."""
        last = self.read_sequence
        if self._fresh and self._fresh_end - len(self._fresh) == last + 1:
            frames = self._read_fresh(most, most_bytes)
            last += len(frames)
        else:
            frames, last = self._read_segments(most, most_bytes)
        if not frames:
            return None
        self.read_sequence = last
        if last == self.last_sequence:
            self._fresh, self._fresh_end = [], last + 1
        self._counters[SENT] = max(last, self._counters[SENT])
        return Batch(last, tuple(frames))

    def _read_fresh(self, most: int, most_bytes: int) -> list[bytes]:
        frames: list[bytes] = []
        size = 0
        for frame, segment, place in self._fresh[:most]:
            frames.append(frame)
            self._reading, self._place = segment, place
            size += len(frame)
            if size >= most_bytes:
                break
        del self._fresh[: len(frames)]
        return frames

    def _read_segments(self, most: int, most_bytes: int) -> tuple[list[bytes], int]:
        frames: list[bytes] = []
        size, last = 0, self.read_sequence
        while len(frames) < most and size < most_bytes and (segment := self._segment_to_read(last)) is not None:
            for found in segment.records(self._place, last):
                frames.append(found.payload)
                size, last, self._place = size + len(found.payload), found.sequence, found.end
                if len(frames) >= most or size >= most_bytes:
                    break
            else:
                self._place = max(self._place, segment.end)
        return frames, last

    def _segment_to_read(self, last: int) -> Segment | None:
        reading = self._reading
        if reading is not None and self._place < reading.end:
            return reading
        passed = last if reading is None else max(last, reading.last)
        following = next((each for each in self._segments if each.last > passed), None)
        if following is not None:
            self._reading, self._place = following, HEADER_BYTES
        return following

    def rewind(self) -> None:
        """Reads again from the first record that is not settled."""
        self.read_sequence = self._settled.floor
        self._reading, self._place = None, HEADER_BYTES

    def settle(self, batch: Batch, refused: int) -> None:
        """The collector has the batch, but for `refused` records that it does not want. Batches settle in order."""
        settled, count = self._settled, len(batch.frames)
        missing = batch.last - settled.floor - count
        ahead = min(missing, settled.full_ahead)
        self._write(
            Settled(
                floor=batch.last,
                full=settled.full,
                full_ahead=settled.full_ahead - ahead,
                damaged=settled.damaged + missing - ahead,
                refused=settled.refused + min(refused, count),
            )
        )
        # What was damaged after it was counted will never be read: nothing is pending once all is settled.
        self.pending = self.pending - count if batch.last < self.last_sequence else 0

    def _write(self, settled: Settled) -> None:
        self._settled = settled
        self._ledger.settle(settled)

    def tally(self) -> Tally:
        """Where the records are now."""
        settled, counters = self._settled, self._ledger.read_counters()
        lost = self.last_sequence - settled.floor - self.pending - settled.full_ahead
        return Tally(
            answered=counters.answered,
            shipped=settled.shipped,
            spooled=self.pending,
            refused=settled.refused,
            full=settled.full,
            no_space=counters.no_space,
            oversize=counters.oversize,
            damaged=settled.damaged + lost,
        )

    def newly_dropped(self) -> dict[str, int]:
        """Records lost since the spool was opened, by reason, with those that were found lost then."""
        return {reason: count - self._known_dropped[reason] for reason, count in self.tally().dropped.items()}

    async def maintain(self) -> None:
        """Has the disk take what is new, deletes what is settled and allocates the next segment."""
        self._disk_refuses = False
        done = self._take_settled()
        unsynced = self._unsynced if self.last_sequence > self._synced_sequence else []
        self._unsynced = [] if self._active is None else [self._active]
        synced = self.last_sequence
        wants_spare = self._spare is None and self._active is not None
        spare = await asyncio.to_thread(self._maintain_disk, unsynced, done, wants_spare)
        self._synced_sequence = synced
        self._spare = spare or self._spare

    def _take_settled(self) -> list[Segment]:
        done = []
        while self._segments and self._segments[0].last <= self._settled.floor:
            if self._segments[0] is self._active:
                break
            done.append(self._segments.popleft())
        if self._reading in done:
            self._reading, self._place = None, HEADER_BYTES
        return done

    def _maintain_disk(self, unsynced: list[Segment], done: list[Segment], wants_spare: bool) -> Spare | None:
        try:
            for segment in unsynced:
                segment.sync()
            if done:
                self._ledger.sync()  # before the files go: the other way round, a power cut would look like damage
            for segment in done:
                segment.remove()
            return Spare(self._folder, self._segment_bytes) if wants_spare else None
        except OSError as error:
            log.warning("the telemetry spool's disk refuses", error=repr(error))
            return None

    def close(self) -> None:
        """Unmaps everything; the records stay for whoever opens the folder next."""
        if self._spare is not None:
            self._spare.discard()
        for segment in self._segments:
            segment.close()
        self._ledger.close()


def _recovered(folder: Path) -> list[Segment]:
    for left in folder.glob(f"*{SPARE_SUFFIX}"):
        left.unlink(missing_ok=True)
    segments: list[Segment] = []
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        try:
            segment = recover_segment(path)
            # Not longer in order: a copy of another segment, or a header that was made up.
            if segment is None or (segments and segment.first <= segments[-1].last):
                log.warning("a segment of the telemetry spool is lost", path=str(path))
                os.unlink(path)
                continue
        except OSError as error:
            log.warning("a segment of the telemetry spool cannot be read", path=str(path), error=repr(error))
            continue
        segments.append(segment)
    return segments


def _count_after(segment: Segment, floor: int) -> int:
    """The undamaged records above the floor."""
    if segment.first > floor:
        return segment.count
    if segment.last <= floor:
        return 0
    return sum(1 for _ in segment.records(HEADER_BYTES, floor))
