"""Keys in the store live by the table of `domain.key_lives`, whatever is done to them in whatever order."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias
from uuid import uuid4

import asyncpg
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from penstock.auth.v1 import api_key_pb2
from penstock.auth.v1 import api_key_service_pb2 as pb

from authsvc.invalidations import log as events
from authsvc.invalidations.signals import Bell
from authsvc.key_records import KeyRecord
from authsvc.lookup import Lookup, Presented
from authsvc.migrate import PACKAGE, TENANT_FOLDER, migrate_database
from authsvc.peppers import Peppers
from authsvc.provisioning import Provisioner, Registration
from authsvc.rpc.api_key_service import ApiKeys
from domain.key_lives import KeyChange, KeyState, changed, state_at
from domain.tenants import TenantId
from svckit.errors import Fault
from svckit.migrations import load_migrations

BEGINNING: Final = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
HOUR: Final = timedelta(hours=1)
NO_CONTEXT: Final[Any] = None
Step: TypeAlias = tuple[KeyChange, timedelta]
"""A change with the grace of a rotation; with EXPIRE the time passes."""
STEPS = st.tuples(st.sampled_from(KeyChange), st.integers(0, 5).map(lambda hours: hours * HOUR))
STATES: Final = {
    api_key_pb2.API_KEY_STATE_ACTIVE: KeyState.ACTIVE,
    api_key_pb2.API_KEY_STATE_DISABLED: KeyState.DISABLED,
    api_key_pb2.API_KEY_STATE_EXPIRED: KeyState.EXPIRED,
    api_key_pb2.API_KEY_STATE_REVOKED: KeyState.REVOKED,
}


class Store:
    """The service's own rooms over a real database, by a clock that the test sets."""

    def __init__(self, pool: Any, tenant: TenantId, peppers: Peppers) -> None:
        self.now = BEGINNING
        self.pool, self.tenant = pool, tenant
        self.keys = ApiKeys(pool, peppers, Bell(), lambda: self.now)
        self.lookup = Lookup(pool, peppers, lambda: self.now)

    async def authenticates(self, secret: str) -> bool:
        """Whether the key proves anybody."""
        found = await self.lookup.authenticate([Presented(secret.encode(), is_api_key=True)])
        return isinstance(found.outcomes[0], KeyRecord)

    async def state(self, key_id: str) -> KeyState:
        """What the service says of the key."""
        answer = await self.keys.GetApiKey(pb.GetApiKeyRequest(tenant_id=self.tenant, key_id=key_id), NO_CONTEXT)
        return STATES[answer.key.state]

    async def refuses(self, key_id: str, change: KeyChange, grace: timedelta) -> bool:
        """Has the change made; whether it could not be."""
        named = {"tenant_id": self.tenant, "key_id": key_id}
        try:
            match change:
                case KeyChange.ROTATE:
                    seconds = Duration(seconds=int(grace.total_seconds()))
                    await self.keys.RotateApiKey(pb.RotateApiKeyRequest(**named, grace=seconds), NO_CONTEXT)
                case KeyChange.DISABLE:
                    await self.keys.DisableApiKey(pb.DisableApiKeyRequest(**named), NO_CONTEXT)
                case KeyChange.ENABLE:
                    await self.keys.EnableApiKey(pb.EnableApiKeyRequest(**named), NO_CONTEXT)
                case KeyChange.REVOKE:
                    await self.keys.RevokeApiKey(pb.RevokeApiKeyRequest(**named), NO_CONTEXT)
        except Fault as fault:
            return [each.path for each in fault.fields] == ["key_id"]
        return False

    async def head(self) -> int:
        """The newest revision of the log."""
        async with self.pool.acquire() as connection:
            return (await events.extent(connection)).head


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    """A migrated database with one tenant."""
    async with asyncpg.create_pool(database_url, min_size=1, max_size=2) as pool:
        await migrate_database(pool)
        tenant, peppers = TenantId(str(uuid4())), Peppers({1: b"1" * 32})
        provisioner = Provisioner(pool, peppers, load_migrations(PACKAGE, TENANT_FOLDER))
        await provisioner.provision(Registration(tenant, "Tenant01", "r", mint_key=False))
        yield Store(pool, tenant, peppers)


@dataclass
class Modelled:
    """A key as the table has it."""

    stored: KeyState = KeyState.ACTIVE
    expires_at: datetime | None = None

    def undergo(self, change: KeyChange, grace: timedelta, now: datetime) -> bool:
        """Makes the change, but for the clock's; whether it can happen."""
        if change is KeyChange.EXPIRE:
            return True
        following = changed(state_at(self.stored, self.expires_at, now), change)
        if following is None:
            return False
        self.stored = following
        if change is KeyChange.ROTATE:
            self.expires_at = min(filter(None, (now + grace, self.expires_at)))
        return True


# Each example has a key of its own; nothing of one reaches the next.
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, max_size=12), lives=st.none() | st.integers(1, 9))
async def test_the_store_and_the_table_agree(store: Store, steps: list[Step], lives: int | None) -> None:
    store.now = BEGINNING
    model = Modelled(expires_at=None if lives is None else BEGINNING + lives * HOUR)
    request = pb.CreateApiKeyRequest(tenant_id=store.tenant, name="robot", expire_time=stamp(model.expires_at))
    created = await store.keys.CreateApiKey(request, NO_CONTEXT)

    for change, span in steps:
        head, stored = await store.head(), model.stored
        possible = model.undergo(change, span, store.now)
        if change is KeyChange.EXPIRE:
            store.now += span
        else:
            assert await store.refuses(created.key.id, change, span) != possible
        state = state_at(model.stored, model.expires_at, store.now)
        assert await store.state(created.key.id) is state
        assert await store.authenticates(created.secret) == (state is KeyState.ACTIVE)
        # Whoever remembers the key hears of every change, but for the clock's: they have clocks themselves.
        told = model.stored is not stored or (possible and change is KeyChange.ROTATE)
        assert (await store.head() > head) == told


def stamp(moment: datetime | None) -> Timestamp | None:
    return None if moment is None else Timestamp(seconds=int(moment.timestamp()))
