"""Looks batches of credentials up in the store.

One query to the registry for the whole batch, then one per tenant schema. Every refused key costs the same work: a
key that nobody has is looked for in the schema of the tenant that it names, or in some other when there is none; a row
is read in place of its own, and its digest is computed all the same. `python -m bench.refusals` measures it.
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


_Owner: TypeAlias = tuple[TenantId, str]


@dataclass(frozen=True, slots=True)
class _Plan:
    """Where to look: `owners` by key id, `named` the tenants by their short ids, some tenant among them if any."""

    revision: int
    owners: Mapping[str, _Owner]
    named: Mapping[str, _Owner]


@dataclass(slots=True)
class _Share:
    """What to look for in one tenant's schema; `strangers` are those of the ids that it cannot have."""

    key_ids: list[str] = field(default_factory=list)
    strangers: int = 0


_PLAN: Final = f"""
SELECT h.revision, k.key_id, t.tenant_id, t.short_id
FROM {REGISTRY}.head h LEFT JOIN ({REGISTRY}.keys k JOIN {REGISTRY}.tenants t USING (tenant_id)) ON k.key_id = ANY($1)
UNION ALL SELECT NULL, NULL, tenant_id, short_id FROM {REGISTRY}.tenants WHERE short_id = ANY($2)
UNION ALL (SELECT NULL, NULL, tenant_id, short_id FROM {REGISTRY}.tenants ORDER BY tenant_id LIMIT 1)
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
            plan = _plan(await connection.fetch(_PLAN, *_asked(keys)))
            records: dict[str, KeyRecord] = {}
            for owner, share in _shares(keys, plan).items():
                for record in await _read(connection, owner, share):
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


def _asked(keys: Sequence[ParsedKey]) -> tuple[list[str], list[str]]:
    """The key ids and the tenants' short ids, each once."""
    return [key.key_id for key in keys], list({key.tenant_short_id for key in keys})


def _plan(rows: Sequence[Mapping[str, Any]]) -> _Plan:
    revision, owners, named = 0, dict[str, _Owner](), dict[str, _Owner]()
    for row in rows:
        owner = None if row["tenant_id"] is None else (tenant_of(row["tenant_id"]), row["short_id"])
        if row["revision"] is not None:
            revision = row["revision"]
            if owner is not None:
                owners[row["key_id"]] = owner
        elif owner is not None:
            named[owner[1]] = owner
    return _Plan(revision, owners, named)


def _shares(keys: Sequence[ParsedKey], plan: _Plan) -> Mapping[_Owner, _Share]:
    """What to look for in each tenant's schema."""
    shares: defaultdict[_Owner, _Share] = defaultdict(_Share)
    for key in keys:
        owner = plan.owners.get(key.key_id)
        stranger = owner is None or owner[1] != key.tenant_short_id
        if stranger:
            owner = plan.named.get(key.tenant_short_id) or next(iter(plan.named.values()), None)
        if owner is not None:
            shares[owner].key_ids.append(key.key_id)
            shares[owner].strangers += stranger
    return shares


async def _read(connection: Any, owner: _Owner, share: _Share) -> list[KeyRecord]:
    try:
        async with connection.transaction(readonly=True):
            return await key_store.find_many(
                connection, owner[0], owner[1], share.key_ids, in_place_of_others=share.strangers
            )
    except NOT_THERE:
        return []  # purged since the registry was read
