"""The secrets under which credentials are hashed: without one, a stolen database cannot forge or test a key.

Peppers are stored encrypted under the key-encryption key. The newest hashes; every digest names its pepper, so
older ones go on verifying. A new one may be made at any time, by whatever process: who finds it in a row learns it.
"""

import hmac
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from authsvc.tenant_rows import REGISTRY
from svckit.encryption import Keyring
from svckit.postgres import alone

PEPPER_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Digest:
    """What is stored of a credential."""

    value: bytes = field(repr=False)
    pepper_id: int


class Peppers:
    """The peppers of a cluster by id, as far as this process knows them; with `keyring` it learns of more."""

    def __init__(self, secrets: Mapping[int, bytes], keyring: Keyring | None = None) -> None:
        self._secrets = secrets
        self._keyring = keyring
        # Compared with when there is nothing to compare with, so that every refusal costs the same.
        self._nobody = Digest(os.urandom(32), self.newest)

    @property
    def newest(self) -> int:
        """The id of the pepper that hashes."""
        return max(self._secrets)

    def know(self, pepper_ids: Iterable[int]) -> bool:
        """Whether all these are known."""
        return all(each in self._secrets for each in pepper_ids)

    async def learn(self, connection: Any) -> None:
        """Reads those that there are now; EncryptionError for one whose key-encryption key is not here."""
        if self._keyring is not None:
            self._secrets = await _stored(connection, self._keyring)

    def digest(self, credential: bytes) -> Digest:
        """The digest of a credential under the newest pepper."""
        newest = self.newest
        return Digest(_hmac(self._secrets[newest], credential), newest)

    def digests(self, credential: bytes) -> list[bytes]:
        """The values of the credential's digests under each of the peppers."""
        return [_hmac(secret, credential) for secret in self._secrets.values()]

    def matches(self, credential: bytes, stored: Digest | None) -> bool:
        """Whether `stored` is the digest of `credential`; takes the same time for None, whose answer is False."""
        against = stored or self._nobody
        secret = self._secrets.get(against.pepper_id, self._secrets[self.newest])
        equal = hmac.compare_digest(_hmac(secret, credential), against.value)
        return equal and stored is not None and stored.pepper_id in self._secrets


async def load_peppers(connection: Any, keyring: Keyring) -> Peppers:
    """Reads the peppers and makes the first one; replicas that start together agree on it.

    EncryptionError when they were made under a key-encryption key that is not here.
    """
    await connection.execute(
        f"INSERT INTO {REGISTRY}.peppers (pepper_id, ciphertext) VALUES (1, $1) ON CONFLICT DO NOTHING",  # noqa: S608
        keyring.encrypt(os.urandom(PEPPER_BYTES), _associated(1)),
    )
    return Peppers(await _stored(connection, keyring), keyring)


async def add_pepper(connection: Any, keyring: Keyring) -> int:
    """Makes a pepper, which is then the newest; its id. Each of two that are made at the same time is made."""
    async with alone(connection, "authsvc:peppers"), connection.transaction():
        newest = await connection.fetchval(f"SELECT COALESCE(max(pepper_id), 0) FROM {REGISTRY}.peppers")  # noqa: S608
        pepper_id = int(newest) + 1
        await connection.execute(
            f"INSERT INTO {REGISTRY}.peppers (pepper_id, ciphertext) VALUES ($1, $2)",  # noqa: S608
            pepper_id,
            keyring.encrypt(os.urandom(PEPPER_BYTES), _associated(pepper_id)),
        )
    return pepper_id


async def rewrap(connection: Any, keyring: Keyring) -> tuple[int, int]:
    """Has every pepper under the newest key-encryption key, one transaction each; how many it changed and kept.

    EncryptionError when one needs a key that is not here; those before it are done.
    """
    rewrapped = kept = 0
    for row in await connection.fetch(f"SELECT pepper_id, ciphertext FROM {REGISTRY}.peppers ORDER BY pepper_id"):  # noqa: S608
        ciphertext = keyring.rewrap(row["ciphertext"], _associated(row["pepper_id"]))
        if ciphertext == row["ciphertext"]:
            kept += 1
            continue
        await connection.execute(
            f"UPDATE {REGISTRY}.peppers SET ciphertext = $2 WHERE pepper_id = $1",  # noqa: S608
            row["pepper_id"],
            ciphertext,
        )
        rewrapped += 1
    return rewrapped, kept


async def _stored(connection: Any, keyring: Keyring) -> Mapping[int, bytes]:
    rows = await connection.fetch(f"SELECT pepper_id, ciphertext FROM {REGISTRY}.peppers")  # noqa: S608
    return {row["pepper_id"]: keyring.decrypt(row["ciphertext"], _associated(row["pepper_id"])) for row in rows}


def _associated(pepper_id: int) -> bytes:
    return b"authsvc pepper %d" % pepper_id


def _hmac(pepper: bytes, credential: bytes) -> bytes:
    return hmac.digest(pepper, credential, "sha256")
