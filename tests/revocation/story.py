"""What befalls the edges while keys are revoked."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from tests.revocation.history import Report, Revocation, violations
from tests.revocation.world import Terms, World, world

SPARE_KEYS = 60
"""Those that show an edge to be back, those that are revoked while others are still asked about, and good ones."""
LAST_KEYS = 8


@dataclass(frozen=True, slots=True)
class Told:
    """What came of it: what was said while two edges were cut off, and while one heard nothing; what edges did."""

    cut_off: list[Revocation]
    half_open: list[Revocation]
    reports: list[Report]
    wrong: list[str]


async def calm(database_url: str, folder: Path, terms: Terms, keys: int) -> Told:
    """Keys are revoked while every edge is well."""
    async with world(database_url, folder, terms, keys + SPARE_KEYS) as put_up:
        await put_up.insist(await put_up.revoke(keys))
        return await _end(put_up, [], [])


async def whole(database_url: str, folder: Path, terms: Terms, keys: int) -> Told:
    """First all is well; then one edge is stopped and one partitioned; then one can say but hear nothing."""
    async with world(database_url, folder, terms, 3 * keys + SPARE_KEYS) as put_up:
        await put_up.insist(await put_up.revoke(keys))
        stopped, partitioned = put_up.edges["edge-2"], put_up.edges["edge-3"]
        stopped.stop()
        partitioned.relay.fall_silent()
        cut_off = await put_up.revoke(keys)
        await put_up.insist(cut_off)
        stopped.go_on()
        partitioned.relay.speak()
        await put_up.all_follow()
        partitioned.relay.fall_silent(half=True)
        half_open = await put_up.revoke(keys)
        await put_up.insist(half_open)
        partitioned.relay.speak()
        await put_up.all_follow()
        return await _end(put_up, cut_off, half_open)


async def _end(put_up: World, cut_off: list[Revocation], half_open: list[Revocation]) -> Told:
    for _ in range(LAST_KEYS):
        await put_up.insist(await put_up.revoke(1))
    reports = await asyncio.gather(*(each.report() for each in put_up.edges.values()))
    return Told(cut_off, half_open, reports, list(violations(put_up.revocations, reports)))
