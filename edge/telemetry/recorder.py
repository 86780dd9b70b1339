"""The note of a request, and the loops that bring it to telemetrysvc. A note never waits and never raises.

One recorder per worker: its own spool, and those of dead processes of this gateway that it finds.
"""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Final

import grpc
import structlog
from penstock.telemetry.v1.record_pb2 import HealthSnapshot

from edge.telemetry.exporter import BATCH_RECORDS, Exporter
from edge.telemetry.framing import frame_health, frame_request
from edge.telemetry.slots import Slot, claim_orphans, claim_slot
from edge.telemetry.spool import Spool, Tally

# What a power cut can cost; a kill costs nothing.
SYNC_SECONDS: Final = 1.0
ADOPT_SECONDS: Final = 30.0
log = structlog.get_logger()


class Recorder:
    """`root` holds the spools of the gateway `gateway_id`; `channel` leads to telemetrysvc."""

    def __init__(
        self,
        root: Path,
        slot: int,
        gateway_id: str,
        channel: grpc.aio.Channel,
        pause_scale: float = 1.0,
    ) -> None:
        """OSError when the folder cannot be written."""
        self._root: Final = root
        self._gateway_id: Final = gateway_id
        self._channel: Final = channel
        self._pause_scale: Final = pause_scale
        self._slot: Final = claim_slot(root, slot)
        self._spool: Final = Spool(self._slot.folder)
        self._exporter: Final = self._exporter_of(self._slot, self._spool)
        self._dropped_of_others: Counter[str] = Counter()

    def note(self, record: bytes) -> None:
        """Notes one answered request by its serialised RequestRecord."""
        self._append(frame_request(record))

    def note_health(self, snapshot: HealthSnapshot) -> None:
        """Notes one check of an upstream."""
        self._append(frame_health(snapshot))

    def _append(self, frame: bytes) -> None:
        spool = self._spool
        spool.append(frame)
        if spool.last_sequence - spool.read_sequence >= BATCH_RECORDS:
            self._exporter.wake()

    async def run(self) -> None:
        """Ships, syncs and adopts until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._exporter.run())
            tasks.create_task(_maintain(self._spool))
            tasks.create_task(self._adopt())

    async def flush(self, seconds: float) -> bool:
        """Ships what is spooled, while `run` runs, for `seconds` at most; False when some is left on disk."""
        return await self._exporter.flush(seconds)

    def close(self) -> None:
        """Lets go of the files; to be called when `run` has ended."""
        self._spool.close()
        self._slot.release()

    def tally(self) -> Tally:
        """Where all records ever noted in this slot are."""
        return self._spool.tally()

    @property
    def place(self) -> str:
        """The name of the spool that this process alone holds: the slot's, or another while the slot's is taken."""
        return self._slot.name

    @property
    def answered(self) -> int:
        """Records noted."""
        return self.tally().answered

    @property
    def spooled(self) -> int:
        """Records that wait for the collector."""
        return self._spool.pending

    @property
    def collector_away(self) -> bool:
        """Whether the last attempt to ship failed: records are spooled meanwhile."""
        return self._exporter.away

    @property
    def shipped(self) -> int:
        """Records that the collector has committed."""
        return self.tally().shipped

    @property
    def dropped(self) -> dict[str, int]:
        """Records that this process has lost or found lost, by reason, in its own spool and in those it adopted."""
        of_others = self._dropped_of_others
        return {reason: count + of_others[reason] for reason, count in self._spool.newly_dropped().items()}

    def _exporter_of(self, slot: Slot, spool: Spool) -> Exporter:
        return Exporter(spool, f"{self._gateway_id}/{slot.name}", self._channel, self._pause_scale)

    async def _adopt(self) -> None:
        while True:
            try:
                for slot in claim_orphans(self._root):
                    log.info("telemetry of a dead process is adopted", slot=slot.name)
                    await self._ship_all(slot)
            except OSError as error:
                log.warning("telemetry of a dead process cannot be adopted now", error=repr(error))
            await asyncio.sleep(ADOPT_SECONDS)

    async def _ship_all(self, slot: Slot) -> None:
        try:
            spool = Spool(slot.folder)
            try:
                exporter = self._exporter_of(slot, spool)
                async with asyncio.TaskGroup() as tasks:
                    shipping = tasks.create_task(exporter.run())
                    while not await exporter.flush(ADOPT_SECONDS):
                        pass
                    shipping.cancel()
                await spool.maintain()
            finally:
                self._dropped_of_others.update(spool.newly_dropped())
                spool.close()
        finally:
            slot.release()


async def _maintain(spool: Spool) -> None:
    while True:
        await asyncio.sleep(SYNC_SECONDS)
        await spool.maintain()
