"""API keys in their tenant's schema. Functions take a connection inside a transaction of the service's role.

A key is registered outside the schema (id → tenant) in the same transaction. What ends or shortens a key appends
its invalidation there too.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import orjson

from authsvc.invalidations.log import Scope, append
from authsvc.key_records import KeyRecord, KeyWish, Labels, record_of
from authsvc.peppers import Digest, Peppers
from authsvc.tenant_rows import REGISTRY, as_tenant
from domain import api_keys
from domain.api_keys import ParsedKey
from domain.key_lives import KeyState
from domain.tenants import TenantId
from svckit.ids import uuid7

Random = Callable[[int], bytes]
_PUT: Final = """
UPDATE {schema}.api_keys SET state = $2,
    disabled_at = CASE $2 WHEN 'disabled' THEN $3 WHEN 'active' THEN NULL ELSE disabled_at END,
    disable_revision = CASE $2 WHEN 'disabled' THEN $4 WHEN 'active' THEN NULL ELSE disable_revision END,
    revoked_at = CASE $2 WHEN 'revoked' THEN $3 ELSE revoked_at END,
    revoke_revision = CASE $2 WHEN 'revoked' THEN $4 ELSE revoke_revision END
WHERE key_id = $1
"""
_COLUMNS: Final = """k.key_id, k.name, k.consumer_id, c.name AS consumer, k.live, k.scopes, k.tier, k.digest,
    k.pepper_id, k.state, k.created_at, k.expires_at, k.revoked_at, k.revoke_revision,
    k.disabled_at, k.disable_revision, k.labels, k.imported"""
_WITH_USE: Final = """SELECT {columns}, u.used_at AS last_used_at
    FROM {schema}.api_keys k JOIN {schema}.consumers c USING (consumer_id) LEFT JOIN {schema}.key_uses u USING (key_id)
"""
# For look-ups: it need not be known when the key was used before.
_WITHOUT_USE: Final = """SELECT {columns}, NULL::timestamptz AS last_used_at
    FROM {schema}.api_keys k JOIN {schema}.consumers c USING (consumer_id)
"""


async def short_id_of(connection: Any, tenant: TenantId) -> str | None:
    """The tenant's short id, or None for a tenant that has no place here."""
    query = f"SELECT short_id FROM {REGISTRY}.tenants WHERE tenant_id = $1"  # noqa: S608 - a constant name
    found: str | None = await connection.fetchval(query, tenant)
    return found


async def insert(
    connection: Any,
    tenant: TenantId,
    short_id: str,
    wish: KeyWish,
    peppers: Peppers,
    random: Random = secrets.token_bytes,
) -> tuple[KeyRecord, ParsedKey]:
    """Makes a key, and its consumer when there is none of that name; returns it with its secret."""
    key_id = await _register(connection, tenant, random)
    secret = api_keys.compose(wish.live, short_id, key_id, random(api_keys.SECRET_RANDOM_BYTES))
    record = await _insert(connection, tenant, short_id, key_id, wish, peppers.digest(secret.value))
    return record, secret


async def insert_imported(
    connection: Any,
    tenant: TenantId,
    short_id: str,
    wish: KeyWish,
    sha256: bytes,
    peppers: Peppers,
    random: Random = secrets.token_bytes,
) -> KeyRecord:
    """Makes a key that another gateway has issued, known by the SHA-256 of it alone."""
    key_id = await _register(connection, tenant, random)
    return await _insert(connection, tenant, short_id, key_id, wish, peppers.digest(sha256), imported=True)


async def find_imported(
    connection: Any, tenant: TenantId, short_id: str, digests: Sequence[bytes]
) -> Mapping[bytes, KeyRecord]:
    """The tenant's imported keys that have one of these digests, by it."""
    async with as_tenant(connection, tenant) as schema:
        select = _WITHOUT_USE.format(columns=_COLUMNS, schema=schema)
        query = f"{select} WHERE k.imported AND k.digest = ANY($1) UNION ALL ({select} LIMIT 1)"
        rows = await connection.fetch(query, digests)
    # When there is none of them, another is read in its place: that takes no less time.
    wanted = set(digests)
    read = [row for row in rows if row["digest"] in wanted] or rows
    records = {row["digest"]: record_of(tenant, short_id, row) for row in read}
    return {digest: record for digest, record in records.items() if digest in wanted}


async def _insert(
    connection: Any,
    tenant: TenantId,
    short_id: str,
    key_id: str,
    wish: KeyWish,
    digest: Digest,
    *,
    imported: bool = False,
) -> KeyRecord:
    async with as_tenant(connection, tenant) as schema:
        consumer_id = await connection.fetchval(
            f"INSERT INTO {schema}.consumers (consumer_id, name) VALUES ($1, $2) "  # noqa: S608 - a validated name
            "ON CONFLICT (name) DO UPDATE SET name = EXCLUDED.name RETURNING consumer_id",
            uuid7(),
            wish.consumer,
        )
        await connection.execute(
            f"INSERT INTO {schema}.api_keys"  # noqa: S608
            " (key_id, consumer_id, name, live, scopes, tier, digest, pepper_id, expires_at, labels, imported)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
            key_id,
            consumer_id,
            wish.name,
            wish.live,
            list(wish.scopes),
            wish.tier,
            digest.value,
            digest.pepper_id,
            wish.expires_at,
            _json(wish.labels),
            imported,
        )
        record = await _one(connection, schema, tenant, short_id, key_id)
    assert record is not None  # noqa: S101 - inserted above
    return record


async def find(
    connection: Any, tenant: TenantId, short_id: str, key_id: str, *, lock: bool = False
) -> KeyRecord | None:
    """One key of the tenant, or None; `lock` keeps it from changing until the transaction ends."""
    async with as_tenant(connection, tenant) as schema:
        return await _one(connection, schema, tenant, short_id, key_id, "FOR UPDATE OF k" if lock else "")


async def find_many(
    connection: Any, tenant: TenantId, short_id: str, key_ids: Sequence[str], *, in_place_of_others: int = 0
) -> list[KeyRecord]:
    """Those of `key_ids` that are the tenant's, in one query; with some other keys of the tenant in place of those that
    are not, so that it takes no less time."""
    async with as_tenant(connection, tenant) as schema:
        select = _WITHOUT_USE.format(columns=_COLUMNS, schema=schema)
        query = f"{select} WHERE k.key_id = ANY($1) UNION ALL ({select} LIMIT $2)"
        rows = await connection.fetch(query, key_ids, in_place_of_others)
    return [record_of(tenant, short_id, row) for row in rows]


async def page(
    connection: Any,
    tenant: TenantId,
    short_id: str,
    *,
    consumer: str,
    labels: Labels,
    before: tuple[datetime, str] | None,
    limit: int,
) -> list[KeyRecord]:
    """The newest `limit` keys, only a consumer's when one is named, that have all of `labels` and are older than
    `before` (time, key id)."""
    async with as_tenant(connection, tenant) as schema:
        rows = await connection.fetch(
            _select(schema) + " WHERE ($1 = '' OR c.name = $1)"
            " AND ($2::timestamptz IS NULL OR (k.created_at, k.key_id) < ($2, $3::text))"
            " AND k.labels @> $5"
            " ORDER BY k.created_at DESC, k.key_id DESC LIMIT $4",
            consumer,
            before and before[0],
            before and before[1],
            limit,
            _json(labels),
        )
    return [record_of(tenant, short_id, row) for row in rows]


async def shorten(connection: Any, record: KeyRecord, end: datetime) -> None:
    """Lets the key end at `end`; what edges have cached of it is ended now, so that they learn the new end."""
    await append(connection, Scope.API_KEY, record.key_id, record.tenant_id)
    async with as_tenant(connection, record.tenant_id) as schema:
        query = f"UPDATE {schema}.api_keys SET expires_at = $2 WHERE key_id = $1"  # noqa: S608
        await connection.execute(query, record.key_id, end)


async def put(connection: Any, record: KeyRecord, state: KeyState) -> KeyRecord:
    """Puts the key, which the caller has locked, into the state; changes nothing when it is in it already.

    Edges are told also of a key that authenticates again: they remember for a while that it did not.
    """
    if record.stored_state is state:
        return record
    event = await append(connection, Scope.API_KEY, record.key_id, record.tenant_id)
    async with as_tenant(connection, record.tenant_id) as schema:
        await connection.execute(
            _PUT.format(schema=schema),
            record.key_id,
            state.value,
            event.commit_time,
            event.revision,
        )
        changed = await _one(connection, schema, record.tenant_id, record.short_id, record.key_id)
    assert changed is not None  # noqa: S101 - locked by the caller
    return changed


async def _register(connection: Any, tenant: TenantId, random: Random) -> str:
    """An id that no tenant's key has: ids are drawn until one is new."""
    while True:
        key_id = api_keys.new_id(random(api_keys.ID_RANDOM_BYTES))
        query = f"INSERT INTO {REGISTRY}.keys (key_id, tenant_id) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING 1"  # noqa: S608
        if await connection.fetchval(query, key_id, tenant):
            return key_id


async def _one(
    connection: Any, schema: str, tenant: TenantId, short_id: str, key_id: str, suffix: str = ""
) -> KeyRecord | None:
    row = await connection.fetchrow(f"{_select(schema)} WHERE k.key_id = $1 {suffix}", key_id)
    return None if row is None else record_of(tenant, short_id, row)


def _select(schema: str) -> str:
    return _WITH_USE.format(columns=_COLUMNS, schema=schema)


def _json(labels: Labels) -> str:
    return orjson.dumps(dict(labels)).decode()
