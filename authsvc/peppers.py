"""The secrets under which credentials are hashed: without one, a stolen database cannot forge or test a key.

Peppers are stored encrypted under the key-encryption key. The newest hashes; every digest names its pepper, so
older ones go on verifying.
"""

import hmac
import os
from dataclasses import dataclass, field
from typing import Any, Final

from authsvc.tenant_rows import REGISTRY
from svckit.encryption import Keyring

PEPPER_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Digest:
    """What is stored of a credential."""

    value: bytes = field(repr=False)
    pepper_id: int


class Peppers:
    """The peppers of a cluster by id."""

    def __init__(self, secrets: dict[int, bytes]) -> None:
        self._secrets = secrets
        self._newest = max(secrets)
        # Compared with when there is nothing to compare with, so that every refusal costs the same.
        self._nobody = Digest(os.urandom(32), self._newest)

    def digest(self, credential: bytes) -> Digest:
        """The digest of a credential under the newest pepper."""
        return Digest(_hmac(self._secrets[self._newest], credential), self._newest)

    def matches(self, credential: bytes, stored: Digest | None) -> bool:
        """Whether `stored` is the digest of `credential`; takes the same time for None, whose answer is False."""
        against = stored or self._nobody
        secret = self._secrets.get(against.pepper_id, self._secrets[self._newest])
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
    rows = await connection.fetch(f"SELECT pepper_id, ciphertext FROM {REGISTRY}.peppers")  # noqa: S608
    return Peppers(
        {row["pepper_id"]: keyring.decrypt(row["ciphertext"], _associated(row["pepper_id"])) for row in rows}
    )


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


def _associated(pepper_id: int) -> bytes:
    return b"authsvc pepper %d" % pepper_id


def _hmac(pepper: bytes, credential: bytes) -> bytes:
    return hmac.digest(pepper, credential, "sha256")
