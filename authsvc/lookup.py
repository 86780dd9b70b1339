"""Looks batches of credentials up in the store.

One query to the registry for the whole batch, then one per tenant schema. Every refused key costs the same work:
a key that nobody has is looked for in some tenant's schema and its digest is computed all the same.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final, TypeAlias

from penstock.errors.v1 import error_reason_pb2 as reasons

from authsvc import imports, key_store
from authsvc.key_records import KeyRecord
from authsvc.peppers import Peppers
from authsvc.tenant_rows import NOT_THERE, REGISTRY, tenant_of
from domain import api_keys
from domain.api_keys import ParsedKey
from domain.key_lives import KeyState
from domain.tenants import TenantId


@dataclass(frozen=True, slots=True)
class Presented:
    """A credential as it was presented: an API key; with `imported_in` one of another gateway, which that tenant may
    have imported; else a token."""

    value: bytes = field(repr=False)
    is_api_key: bool
    imported_in: TenantId | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """A credential that proves nobody; `reason` is one of penstock.errors.v1.ErrorReason."""

    reason: int


@dataclass(frozen=True, slots=True)
class Found:
    """What a batch came to, one outcome a credential, and the revision that the look-up has seen."""

    revision: int
    outcomes: tuple[KeyRecord | Refused, ...]


@dataclass(frozen=True, slots=True)
class _Plan:
    """Where to look for each key; `decoy` is a tenant to search in for keys that nobody has."""

    revision: int
    decoy: tuple[TenantId, str] | None
    owners: Mapping[str, tuple[TenantId, str]]


_Owner: TypeAlias = tuple[TenantId, str]
_PLAN: Final = f"""
SELECT h.revision, k.key_id, t.tenant_id, t.short_id, d.tenant_id AS decoy_id, d.short_id AS decoy_short_id
FROM {REGISTRY}.head h
LEFT JOIN (SELECT tenant_id, short_id FROM {REGISTRY}.tenants ORDER BY tenant_id LIMIT 1) d ON true
LEFT JOIN ({REGISTRY}.keys k JOIN {REGISTRY}.tenants t USING (tenant_id)) ON k.key_id = ANY($1)
"""  # noqa: S608 - constant names
_KEY_INVALID: Final = Refused(reasons.ERROR_REASON_KEY_INVALID)
_TOKEN_INVALID: Final = Refused(reasons.ERROR_REASON_TOKEN_INVALID)


class Lookup:
    """Looks credentials up; knows no cache, so that an answer is as fresh as the store."""

    def __init__(
        self,
        pool: Any,
        peppers: Peppers,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        *,
        proven: Callable[[KeyRecord, bytes], None] = lambda _record, _credential: None,
    ) -> None:
        """`proven` hears of each key with the credential that has proven it."""
        self._pool = pool
        self._peppers = peppers
        self._clock = clock
        self._proven = proven

    async def authenticate(self, batch: Sequence[Presented]) -> Found:
        """Who each credential proves. Malformed ones are refused without I/O; raises what the store raises."""
        keys = [api_keys.parse(each.value) if each.is_api_key else None for each in batch]
        well_formed = [key for key in keys if key is not None]
        revision, records = await self._records(well_formed) if well_formed else (0, {})
        placed = {
            (each.imported_in, each.value)
            for each in batch
            if each.imported_in is not None and api_keys.may_be_imported(each.value)
        }
        seen, imported = await self._imported(placed) if placed else (revision, {})

        def outcome(each: Presented, key: ParsedKey | None) -> KeyRecord | Refused:
            if key is not None:
                return self._judged(key, records.get(key.key_id))
            if each.imported_in is not None:
                return self._judged_imported(each.value, imported.get((each.imported_in, each.value)))
            return _KEY_INVALID if each.is_api_key else _TOKEN_INVALID

        outcomes = map(outcome, batch, keys)
        return Found(min(revision, seen) if well_formed else seen, tuple(outcomes))

    async def _records(self, keys: Sequence[ParsedKey]) -> tuple[int, Mapping[str, KeyRecord]]:
        """The stored records of `keys` by id, with the newest revision before they were read."""
        async with self._pool.acquire() as connection:
            plan = _plan(await connection.fetch(_PLAN, [key.key_id for key in keys]))
            records: dict[str, KeyRecord] = {}
            for owner, key_ids in _by_owner(keys, plan).items():
                for record in await _read(connection, owner, key_ids):
                    records[record.key_id] = record
            if not self._peppers.know(record.digest.pepper_id for record in records.values()):
                await self._peppers.learn(connection)  # another replica has hashed under a newer one
        return plan.revision, records

    async def _imported(self, placed: Collection[imports.Placed]) -> tuple[int, Mapping[imports.Placed, KeyRecord]]:
        async with self._pool.acquire() as connection:
            return await imports.find(connection, placed, self._peppers)

    def _judged_imported(self, value: bytes, record: KeyRecord | None) -> KeyRecord | Refused:
        if record is not None and record.state(self._clock()) is KeyState.ACTIVE:
            self._proven(record, sha256(value).digest())
            return record
        return _KEY_INVALID

    def _judged(self, key: ParsedKey, record: KeyRecord | None) -> KeyRecord | Refused:
        proven = self._peppers.matches(key.value, None if record is None else record.digest)
        if proven and record is not None and record.state(self._clock()) is KeyState.ACTIVE:
            self._proven(record, key.value)
            return record
        return _KEY_INVALID


def _plan(rows: Sequence[Mapping[str, Any]]) -> _Plan:
    first = rows[0]
    decoy = None if first["decoy_id"] is None else (tenant_of(first["decoy_id"]), first["decoy_short_id"])
    found = (row for row in rows if row["key_id"] is not None)
    return _Plan(
        first["revision"], decoy, {row["key_id"]: (tenant_of(row["tenant_id"]), row["short_id"]) for row in found}
    )


def _by_owner(keys: Sequence[ParsedKey], plan: _Plan) -> Mapping[_Owner, list[str]]:
    """The key ids to look for in each tenant's schema."""
    grouped: defaultdict[_Owner, list[str]] = defaultdict(list)
    for key in keys:
        owner = plan.owners.get(key.key_id)
        if owner is None or owner[1] != key.tenant_short_id:
            owner = plan.decoy
        if owner is not None:
            grouped[owner].append(key.key_id)
    return grouped


async def _read(connection: Any, owner: _Owner, key_ids: Sequence[str]) -> list[KeyRecord]:
    try:
        async with connection.transaction(readonly=True):
            return await key_store.find_many(connection, owner[0], owner[1], key_ids)
    except NOT_THERE:
        return []  # purged since the registry was read
