"""API keys: create, import, read, rotate, disable, enable, revoke."""

from typing import Annotated

from fastapi import Path, Query, Response, status
from google.protobuf.duration_pb2 import Duration
from penstock.auth.v1 import api_key_service_pb2 as pb2

from edge.admin.admission import Called, Entered, Noted
from edge.admin.models.keys import Import, Imported, Key, KeyFilters, KeyGiven, KeyMade, Rotation, Withdrawn
from edge.admin.models.shapes import Page

KeyId = Annotated[str, Path(pattern=r"^[0-9A-Za-z]{1,64}$", description="The key's id.")]


async def create_key(given: KeyGiven, tenant: Entered, services: Called, act: Noted) -> KeyMade:
    """Create a key, and the consumer with its first one."""
    answer = await services.keys.CreateApiKey(given.message(tenant.id))
    act.facts["key_id"] = answer.key.id
    return KeyMade(key=Key.of(answer.key), api_key=answer.secret)


async def import_keys(given: Import, tenant: Entered, services: Called, act: Noted) -> Imported:
    """Import keys of another gateway by their SHA-256, all or none. A hash that is there stays as it is."""
    answer = await services.keys.ImportApiKeys(given.message(tenant.id))
    act.facts["created"] = answer.created
    return Imported(items=[Key.of(each) for each in answer.keys], created=answer.created)


async def list_keys(tenant: Entered, services: Called, filters: Annotated[KeyFilters, Query()]) -> Page[Key]:
    """List keys, newest first."""
    answer = await services.keys.ListApiKeys(
        pb2.ListApiKeysRequest(
            tenant_id=tenant.id,
            consumer=filters.consumer,
            page_size=filters.limit,
            page_token=filters.cursor,
            labels=filters.labels,
        )
    )
    return Page(items=[Key.of(each) for each in answer.keys], next_cursor=answer.next_page_token or None)


async def get_key(tenant: Entered, key_id: KeyId, services: Called) -> Key:
    """Get one key."""
    answer = await services.keys.GetApiKey(pb2.GetApiKeyRequest(tenant_id=tenant.id, key_id=key_id))
    return Key.of(answer.key)


async def revoke_key(tenant: Entered, key_id: KeyId, services: Called, response: Response) -> Withdrawn:
    """End a key for ever. 200 when that is in force at every edge; 202 while some are pending."""
    answer = await services.keys.RevokeApiKey(pb2.RevokeApiKeyRequest(tenant_id=tenant.id, key_id=key_id))
    return _withdrawn(answer, response)


async def disable_key(tenant: Entered, key_id: KeyId, services: Called, response: Response) -> Withdrawn:
    """Switch a key off until it is enabled. 200 when that is in force at every edge; 202 while some are pending."""
    answer = await services.keys.DisableApiKey(pb2.DisableApiKeyRequest(tenant_id=tenant.id, key_id=key_id))
    return _withdrawn(answer, response)


async def enable_key(tenant: Entered, key_id: KeyId, services: Called) -> Key:
    """Switch a disabled key on again."""
    answer = await services.keys.EnableApiKey(pb2.EnableApiKeyRequest(tenant_id=tenant.id, key_id=key_id))
    return Key.of(answer.key)


async def rotate_key(
    tenant: Entered, key_id: KeyId, services: Called, act: Noted, rotation: Rotation | None = None
) -> KeyMade:
    """Replace a key by a new one of the same consumer."""
    grace = Duration(seconds=rotation.grace_seconds if rotation else 0)
    answer = await services.keys.RotateApiKey(pb2.RotateApiKeyRequest(tenant_id=tenant.id, key_id=key_id, grace=grace))
    act.facts["key_id"] = answer.key.id
    return KeyMade(key=Key.of(answer.key), api_key=answer.secret)


def _withdrawn(answer: pb2.RevokeApiKeyResponse | pb2.DisableApiKeyResponse, response: Response) -> Withdrawn:
    if not answer.in_force:
        response.status_code = status.HTTP_202_ACCEPTED
    return Withdrawn.of(answer)
