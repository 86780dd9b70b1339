"""One gateway's watch: what it lacks, then SYNC_COMPLETE, then changes, until it leaves or the process drains."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Final

from penstock.config.v1 import config_service_pb2 as pb

from configsvc.board import Board
from domain.tenants import TenantId
from svckit.drain import Drain

HEARTBEAT_SECONDS: Final = 15.0


async def changes(
    board: Board,
    scope: TenantId | None,
    resume_from: int,
    drain: Drain,
    idle: Callable[[], Awaitable[None]],
) -> AsyncIterator[pb.WatchConfigResponse]:
    """The events of a watch that has everything up to `resume_from`; `idle` is awaited now and then without one.

    Reads the board anew for each event, so a gateway that reads slowly gets the newest state of a tenant, once.
    """
    sent, head = resume_from, board.head
    # Tombstones first: what ended must not serve while the rest arrives.
    missed = board.beyond(sent, scope)
    for revision, event in sorted(missed, key=lambda entry: not entry[1].HasField("tombstone")):
        sent = max(sent, revision)
        yield event
    sent = max(sent, head)
    yield pb.WatchConfigResponse(sync_complete=pb.SyncComplete(revision=head))
    while not drain.started:
        changed = board.changed
        newer = board.beyond(sent, scope)
        if not newer:
            with suppress(TimeoutError):
                async with asyncio.timeout(HEARTBEAT_SECONDS):
                    await drain.unless_started(changed.wait())
                    continue
            await idle()
            continue
        sent, event = newer[0]
        yield event
