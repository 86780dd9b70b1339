"""Encryption of secrets at rest: AES-256-GCM under a data key, which a key-encryption key (KEK) wraps.

Every ciphertext names its KEK, so KEKs can be replaced one by one: re-wrapping changes the wrapped data key and
leaves the payload alone. Layout: `1 | id length | id | wrapped data key (60) | nonce (12) | payload and tag`.
"""

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from svckit.secret_files import SecretFileError, read_secret

_VERSION: Final = 1
_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_WRAPPED_BYTES: Final = _NONCE_BYTES + _KEY_BYTES + 16
_MAX_ID_BYTES: Final = 64


class EncryptionError(Exception):
    """A key file cannot be used, or a ciphertext was not made with these keys and this associated data."""


@dataclass(frozen=True, slots=True)
class Keyring:
    """The KEKs of a process by id; the newest encrypts, all decrypt."""

    newest: str
    keks: Mapping[str, bytes] = field(repr=False)

    @classmethod
    def load(cls, path: Path) -> "Keyring":
        """Reads lines `<id> <base64 of 32 bytes>`, oldest first; EncryptionError when the file is not that,
        or others may read it."""
        try:
            lines = read_secret(path).decode("ascii").splitlines()
        except SecretFileError as error:
            raise EncryptionError(str(error)) from error
        except ValueError as error:
            raise EncryptionError(f"{path} is not text") from error
        keks: dict[str, bytes] = {}
        for number, line in enumerate(lines, 1):
            identifier, _, encoded = line.strip().partition(" ")
            key = _decoded(encoded)
            if key is None or identifier in keks or not 0 < len(identifier) <= _MAX_ID_BYTES:
                raise EncryptionError(f"{path} line {number} is not a new id and the base64 of 32 bytes")
            keks[identifier] = key
        if not keks:
            raise EncryptionError(f"{path} has no key")
        return cls(next(reversed(keks)), keks)

    def encrypt(self, plaintext: bytes, associated: bytes) -> bytes:
        """The ciphertext of `plaintext`; it opens only with the same `associated` data (what it belongs to)."""
        data_key = AESGCM.generate_key(256)
        return self._wrapped(data_key, associated) + _sealed(data_key, plaintext, associated)

    def decrypt(self, ciphertext: bytes, associated: bytes) -> bytes:
        """The plaintext; EncryptionError when the ciphertext is not genuine or its KEK is not here."""
        data_key, payload = self._unwrapped(ciphertext, associated)
        return _opened(data_key, payload, associated)

    def rewrap(self, ciphertext: bytes, associated: bytes) -> bytes:
        """The same secret under the newest KEK; unchanged when it is already."""
        if key_id(ciphertext) == self.newest:
            return ciphertext
        data_key, payload = self._unwrapped(ciphertext, associated)
        return self._wrapped(data_key, associated) + payload

    def _wrapped(self, data_key: bytes, associated: bytes) -> bytes:
        head = _head(self.newest)
        return head + _sealed(self.keks[self.newest], data_key, head + associated)

    def _unwrapped(self, ciphertext: bytes, associated: bytes) -> tuple[bytes, bytes]:
        identifier = key_id(ciphertext)
        kek = self.keks.get(identifier)
        if kek is None:
            raise EncryptionError(f"no key-encryption key {identifier!r} here")
        head = _head(identifier)
        wrapped = ciphertext[len(head) : len(head) + _WRAPPED_BYTES]
        return _opened(kek, wrapped, head + associated), ciphertext[len(head) + _WRAPPED_BYTES :]


def key_id(ciphertext: bytes) -> str:
    """The id of the KEK that a ciphertext needs; EncryptionError when it is no ciphertext."""
    if len(ciphertext) < 2 or ciphertext[0] != _VERSION or len(ciphertext) < 2 + ciphertext[1]:
        raise EncryptionError("not a ciphertext")
    return ciphertext[2 : 2 + ciphertext[1]].decode("ascii", "replace")


def generate_kek(path: Path, identifier: str = "k1") -> None:
    """Writes a file with one new KEK, mode 0600; FileExistsError when there is one: losing a KEK loses data."""
    line = f"{identifier} {base64.b64encode(os.urandom(_KEY_BYTES)).decode()}\n"
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(line)


def _head(identifier: str) -> bytes:
    return bytes((_VERSION, len(identifier))) + identifier.encode("ascii")


def _sealed(key: bytes, plaintext: bytes, associated: bytes) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plaintext, associated)


def _opened(key: bytes, sealed: bytes, associated: bytes) -> bytes:
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], associated)
    except (InvalidTag, ValueError) as error:  # ValueError: cut short
        raise EncryptionError("the ciphertext is not genuine") from error


def _decoded(encoded: str) -> bytes | None:
    try:
        key = base64.b64decode(encoded, validate=True)
    except ValueError:
        return None
    return key if len(key) == _KEY_BYTES else None
