"""The keys of a tenant's consumers: create, import, show, rotate, disable, enable,
revoke."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, TypeAlias

import structlog
from penstock.auth.v1 import api_key_service_pb2 as pb
from penstock.auth.v1.api_key_service_pb2_grpc import ApiKeyServiceServicer
from penstock.errors.v1 import error_reason_pb2 as reasons

from authsvc import key_store
from authsvc.fields import MAX_IMPORT, FieldChecks
from authsvc.imports import Foreign, take_over
from authsvc.invalidations.force import Force, in_force
from authsvc.invalidations.signals import Bell
from authsvc.key_records import KeyRecord, KeyWish, end_of_grace, successor
from authsvc.peppers import Peppers
from authsvc.rpc import messages, page_tokens
from domain.key_lives import KeyChange, KeyState, changed
from domain.tenants import TenantId
from svckit.errors import Fault, FieldFault
from svckit.interceptors.shape import Context

log = structlog.get_logger()


class ApiKeys(ApiKeyServiceServicer):
    """Serves penstock.auth.v1.ApiKeyService."""

    def __init__(
        self,
        pool: Any,
        peppers: Peppers,
        acknowledged: Bell,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._pool = pool
        self._peppers = peppers
        self._acknowledged = acknowledged
        self._clock = clock

    async def CreateApiKey(self, request: pb.CreateApiKeyRequest, _context: Context) -> pb.CreateApiKeyResponse:
        checks = FieldChecks(self._clock)
        tenant = checks.tenant("tenant_id", request.tenant_id)
        wish = _wish(checks, "", request, live=not request.test)
        checks.done()
        async with self._transaction(tenant) as (connection, short_id):
            record, secret = await key_store.insert(connection, tenant, short_id, wish, self._peppers)
        log.info("api key created", tenant_id=tenant, key_id=record.key_id)
        return pb.CreateApiKeyResponse(key=messages.api_key(record, self._clock()), secret=secret.value.decode())

    async def ImportApiKeys(self, request: pb.ImportApiKeysRequest, _context: Context) -> pb.ImportApiKeysResponse:
        checks = FieldChecks(self._clock)
        tenant = checks.tenant("tenant_id", request.tenant_id)
        checks.expect("keys", 1 <= len(request.keys) <= MAX_IMPORT, f"must be 1–{MAX_IMPORT}")
        given = request.keys[:MAX_IMPORT]
        hashes = checks.hashes("keys", [each.sha256 for each in given])
        wishes = [_wish(checks, f"keys[{index}].", each) for index, each in enumerate(given)]
        checks.done()
        keys = [Foreign(sha256, wish) for sha256, wish in zip(hashes, wishes, strict=True)]
        async with self._transaction(tenant) as (connection, short_id):
            records, created = await take_over(connection, tenant, short_id, keys, self._peppers)
        log.info("api keys imported", tenant_id=tenant, keys=len(keys), created=created)
        now = self._clock()
        return pb.ImportApiKeysResponse(keys=[messages.api_key(record, now) for record in records], created=created)

    async def GetApiKey(self, request: pb.GetApiKeyRequest, _context: Context) -> pb.GetApiKeyResponse:
        tenant, key_id = _named(request)
        async with self._transaction(tenant) as (connection, short_id):
            record = _found(await key_store.find(connection, tenant, short_id, key_id))
        return pb.GetApiKeyResponse(key=messages.api_key(record, self._clock()))

    async def ListApiKeys(self, request: pb.ListApiKeysRequest, _context: Context) -> pb.ListApiKeysResponse:
        checks = FieldChecks(self._clock)
        tenant = checks.tenant("tenant_id", request.tenant_id)
        consumer = checks.name("consumer", request.consumer) if request.consumer else ""
        labels = checks.labels("labels", request.labels)
        limit = checks.page_size("page_size", request.page_size)
        before = page_tokens.read(request.page_token) if request.page_token else None
        checks.expect("page_token", not request.page_token or before is not None, "is not a page token")
        checks.done()
        async with self._transaction(tenant) as (connection, short_id):
            found = await key_store.page(
                connection, tenant, short_id, consumer=consumer, labels=labels, before=before, limit=limit + 1
            )
        now, kept = self._clock(), found[:limit]
        following = page_tokens.spell((kept[-1].created_at, kept[-1].key_id)) if len(found) > limit else ""
        return pb.ListApiKeysResponse(
            keys=[messages.api_key(record, now) for record in kept], next_page_token=following
        )

    async def RotateApiKey(self, request: pb.RotateApiKeyRequest, _context: Context) -> pb.RotateApiKeyResponse:
        checks = FieldChecks(self._clock)
        tenant = checks.tenant("tenant_id", request.tenant_id)
        key_id = checks.key_id("key_id", request.key_id)
        grace = checks.grace("grace", request.grace)
        checks.done()
        async with self._transaction(tenant) as (connection, short_id):
            old = _found(await key_store.find(connection, tenant, short_id, key_id, lock=True))
            now = self._clock()
            _after(old, KeyChange.ROTATE, now)
            record, secret = await key_store.insert(connection, tenant, short_id, successor(old), self._peppers)
            await key_store.shorten(connection, old, end_of_grace(old, now, grace))
        log.info("api key rotated", tenant_id=tenant, key_id=record.key_id, old_key_id=key_id)
        return pb.RotateApiKeyResponse(key=messages.api_key(record, self._clock()), secret=secret.value.decode())

    async def RevokeApiKey(self, request: pb.RevokeApiKeyRequest, _context: Context) -> pb.RevokeApiKeyResponse:
        record = await self._changed(request, KeyChange.REVOKE)
        revision, force = await self._in_force(record.revoke_revision, record.revoked_at)
        log.info("api key revoked", tenant_id=record.tenant_id, key_id=record.key_id, pending=len(force.pending))
        return pb.RevokeApiKeyResponse(
            key=messages.api_key(record, self._clock()), revision=revision, **messages.in_force(force)
        )

    async def DisableApiKey(self, request: pb.DisableApiKeyRequest, _context: Context) -> pb.DisableApiKeyResponse:
        record = await self._changed(request, KeyChange.DISABLE)
        revision, force = await self._in_force(record.disable_revision, record.disabled_at)
        log.info("api key disabled", tenant_id=record.tenant_id, key_id=record.key_id, pending=len(force.pending))
        return pb.DisableApiKeyResponse(
            key=messages.api_key(record, self._clock()), revision=revision, **messages.in_force(force)
        )

    async def EnableApiKey(self, request: pb.EnableApiKeyRequest, _context: Context) -> pb.EnableApiKeyResponse:
        record = await self._changed(request, KeyChange.ENABLE)
        log.info("api key enabled", tenant_id=record.tenant_id, key_id=record.key_id)
        return pb.EnableApiKeyResponse(key=messages.api_key(record, self._clock()))

    async def _changed(self, request: "_Named", change: KeyChange) -> KeyRecord:
        """The key after the change; BAD_REQUEST when its state does not allow it."""
        tenant, key_id = _named(request)
        async with self._transaction(tenant) as (connection, short_id):
            record = _found(await key_store.find(connection, tenant, short_id, key_id, lock=True))
            return await key_store.put(connection, record, _after(record, change, self._clock()))

    async def _in_force(self, revision: int | None, committed: datetime | None) -> tuple[int, Force]:
        """How far a change has come that was made now or before, with its revision."""
        assert revision is not None  # noqa: S101 - noted with the state
        assert committed is not None  # noqa: S101
        return revision, await in_force(self._pool, self._acknowledged, revision, committed)

    @asynccontextmanager
    async def _transaction(self, tenant: TenantId) -> AsyncIterator[tuple[Any, str]]:
        """A transaction and the tenant's short id; NOT_FOUND for a tenant that has no place here."""
        async with self._pool.acquire() as connection, connection.transaction():
            short_id = await key_store.short_id_of(connection, tenant)
            if short_id is None:
                raise Fault(reasons.ERROR_REASON_NOT_FOUND, "The tenant does not exist.")
            yield connection, short_id


def _wish(
    checks: FieldChecks, path: str, given: pb.CreateApiKeyRequest | pb.ImportedKey, *, live: bool = True
) -> KeyWish:
    """What a key shall be; `path` leads to its fields."""
    name = checks.name(f"{path}name", given.name)
    return KeyWish(
        name=name,
        consumer=checks.name(f"{path}consumer", given.consumer) if given.consumer else name,
        live=live,
        scopes=tuple(checks.scopes(f"{path}scopes", given.scopes)),
        tier=checks.tier(f"{path}tier", given.tier),
        expires_at=checks.future(f"{path}expire_time", given.expire_time if given.HasField("expire_time") else None),
        labels=checks.labels(f"{path}labels", given.labels),
    )


_Named: TypeAlias = pb.GetApiKeyRequest | pb.RevokeApiKeyRequest | pb.DisableApiKeyRequest | pb.EnableApiKeyRequest


def _named(request: _Named) -> tuple[TenantId, str]:
    checks = FieldChecks()
    tenant, key_id = checks.tenant("tenant_id", request.tenant_id), checks.key_id("key_id", request.key_id)
    checks.done()
    return tenant, key_id


def _found(record: KeyRecord | None) -> KeyRecord:
    if record is None:
        raise Fault(reasons.ERROR_REASON_NOT_FOUND, "The key does not exist.")
    return record


def _after(record: KeyRecord, change: KeyChange, now: datetime) -> KeyState:
    """The state that the change leads to; BAD_REQUEST when it cannot happen to the key."""
    state = record.state(now)
    following = changed(state, change)
    if following is None:
        fault = FieldFault("key_id", f"names a key that is {state.value}")
        raise Fault(reasons.ERROR_REASON_BAD_REQUEST, fields=(fault,))
    return following
