"""Tokens of the management API, hashed like API keys. They never authenticate at the data plane."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from authsvc.peppers import Digest, Peppers
from authsvc.tenant_rows import REGISTRY, tenant_of
from domain import api_keys
from domain.api_keys import ParsedAdminToken
from domain.tenants import TenantId


@dataclass(frozen=True, slots=True)
class TokenWish:
    """What a new token shall be; `role` is one of penstock.auth.v1.AdminRole, `tenant` None for operators."""

    name: str
    role: int
    tenant: TenantId | None
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """A stored token."""

    token_id: str
    wish: TokenWish
    created_at: datetime


_COLUMNS: Final = "token_id, name, role, tenant_id, created_at, expires_at, revoked_at, digest, pepper_id"
_INSERT: Final = f"""
INSERT INTO {REGISTRY}.admin_tokens (token_id, name, role, tenant_id, digest, pepper_id, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING {_COLUMNS}
"""  # noqa: S608 - constant names
_SELECT: Final = f"SELECT {_COLUMNS} FROM {REGISTRY}.admin_tokens WHERE token_id = $1"  # noqa: S608
_REVOKE: Final = f"""
UPDATE {REGISTRY}.admin_tokens SET revoked_at = COALESCE(revoked_at, now()) WHERE token_id = $1 RETURNING 1
"""  # noqa: S608


class AdminTokens:
    """The tokens in the registry."""

    def __init__(self, pool: Any, peppers: Peppers, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._pool = pool
        self._peppers = peppers
        self._clock = clock

    async def create(self, wish: TokenWish) -> tuple[TokenRecord, ParsedAdminToken]:
        """Makes a token; returns it with its secret. Two ids out of 62⁸ do not meet: the key constraint says so."""
        token_id = api_keys.new_id(secrets.token_bytes(api_keys.ID_RANDOM_BYTES))
        secret = api_keys.compose_admin_token(token_id, secrets.token_bytes(api_keys.SECRET_RANDOM_BYTES))
        digest = self._peppers.digest(secret.value)
        async with self._pool.acquire() as connection:
            row = await connection.fetchrow(
                _INSERT,
                token_id,
                wish.name,
                wish.role,
                wish.tenant,
                digest.value,
                digest.pepper_id,
                wish.expires_at,
            )
        return _record(row), secret

    async def authenticate(self, value: bytes) -> TokenRecord | None:
        """Whose token this is. None for a malformed one, at once: anybody can tell those; and for an unknown, wrong,
        expired or revoked one, which cost the same."""
        parsed = api_keys.parse_admin_token(value)
        if parsed is None:
            return None
        async with self._pool.acquire() as connection:
            row = await connection.fetchrow(_SELECT, parsed.token_id)
            if row is not None and not self._peppers.know([row["pepper_id"]]):
                await self._peppers.learn(connection)
        stored = None if row is None else Digest(row["digest"], row["pepper_id"])
        proven = self._peppers.matches(parsed.value, stored)
        return _record(row) if proven and self._runs(row) else None

    async def revoke(self, token_id: str) -> bool:
        """Ends a token for ever; False when there is none. Ending it again changes nothing."""
        async with self._pool.acquire() as connection:
            return await connection.fetchval(_REVOKE, token_id) is not None

    def _runs(self, row: Any) -> bool:
        expires_at = row["expires_at"]
        return row["revoked_at"] is None and (expires_at is None or self._clock() < expires_at)


def _record(row: Any) -> TokenRecord:
    tenant = None if row["tenant_id"] is None else tenant_of(row["tenant_id"])
    wish = TokenWish(row["name"], row["role"], tenant, row["expires_at"])
    return TokenRecord(row["token_id"], wish, row["created_at"])
