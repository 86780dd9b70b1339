"""Keys of other gateways, of which only the SHA-256 is known: taken over, and found again when they are presented.

Each lives in its tenant's schema like any key, under the HMAC of that hash, so that a stolen database has no hash to
try guesses on. Nothing in such a key says whose it is: it is looked for in the config tenant of the request alone.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final, TypeAlias

from authsvc import key_store
from authsvc.invalidations.log import Scope, append
from authsvc.key_records import KeyRecord, KeyWish
from authsvc.peppers import Peppers
from authsvc.tenant_rows import NOT_THERE, REGISTRY, tenant_of
from domain.tenants import TenantId

Placed: TypeAlias = tuple[TenantId, bytes]
"""A presented key with the tenant in which it is looked for."""
_PLAN: Final = f"""
SELECT h.revision, p.newest, t.tenant_id, t.short_id
FROM {REGISTRY}.head h, (SELECT max(pepper_id) AS newest FROM {REGISTRY}.peppers) p
LEFT JOIN {REGISTRY}.tenants t ON t.tenant_id = ANY($1)
"""  # noqa: S608 - constant names
_ONE_AT_A_TIME: Final = f"SELECT 1 FROM {REGISTRY}.tenants WHERE tenant_id = $1 FOR UPDATE"  # noqa: S608


@dataclass(frozen=True, slots=True)
class Foreign:
    """A key to take over: its SHA-256, and what it shall be here."""

    sha256: bytes = field(repr=False)
    wish: KeyWish


async def take_over(
    connection: Any, tenant: TenantId, short_id: str, keys: Sequence[Foreign], peppers: Peppers
) -> tuple[list[KeyRecord], int]:
    """The keys in their order, and how many are new; in a transaction. One that is there already stays as it is."""
    await connection.execute(_ONE_AT_A_TIME, tenant)
    await peppers.learn(connection)  # one that is there may be under any
    known = await _known(connection, tenant, short_id, [each.sha256 for each in keys], peppers)
    records, created = [], 0
    for each in keys:
        record = known.get(each.sha256)
        if record is None:
            record = await key_store.insert_imported(connection, tenant, short_id, each.wish, each.sha256, peppers)
            created += 1
        records.append(record)
    if created:
        # Edges may remember that one of the keys proved nobody; any event has them ask again.
        await append(connection, Scope.API_KEY, records[0].key_id, tenant)
    return records, created


async def find(
    connection: Any, presented: Collection[Placed], peppers: Peppers
) -> tuple[int, Mapping[Placed, KeyRecord]]:
    """Those of the presented keys that were imported, with the newest revision before they were read."""
    wanted: defaultdict[TenantId, dict[bytes, bytes]] = defaultdict(dict)
    for tenant, value in presented:
        wanted[tenant][sha256(value).digest()] = value
    rows = await connection.fetch(_PLAN, list(wanted))
    if not peppers.know([rows[0]["newest"]]):
        await peppers.learn(connection)
    found: dict[Placed, KeyRecord] = {}
    for row in rows:
        if row["tenant_id"] is None:
            continue
        tenant = tenant_of(row["tenant_id"])
        try:
            async with connection.transaction(readonly=True):
                known = await _known(connection, tenant, row["short_id"], list(wanted[tenant]), peppers)
        except NOT_THERE:
            continue  # purged since the registry was read
        found |= {(tenant, wanted[tenant][hashed]): record for hashed, record in known.items()}
    return rows[0]["revision"], found


async def _known(
    connection: Any, tenant: TenantId, short_id: str, hashes: Sequence[bytes], peppers: Peppers
) -> Mapping[bytes, KeyRecord]:
    """The tenant's imported keys by their SHA-256."""
    digests = {digest: hashed for hashed in hashes for digest in peppers.digests(hashed)}
    records = await key_store.find_imported(connection, tenant, short_id, list(digests))
    return {digests[digest]: record for digest, record in records.items()}
