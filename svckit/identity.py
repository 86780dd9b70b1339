"""Who a process of ours is: an Ed25519 key of its own, short tokens signed with it, and the public keys it trusts.

A token is `v1.<payload>.<signature>`, both base64url: the payload is JSON `{iss, aud, iat, exp}` with whole
seconds. There is one algorithm and no header to choose it. No service is needed to verify a token.
"""

import base64
import binascii
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from svckit.secret_files import SecretFileError, read_secret

LIFETIME_SECONDS: Final = 60
CACHED_SECONDS: Final = 45
# How far two clocks may be apart.
SKEW_SECONDS: Final = 5
# Signed in front of the payload, so that a signature made for another purpose never is a token.
_CONTEXT: Final = b"penstock process token v1\0"
_MAX_TOKEN_LENGTH: Final = 1024


class IdentityError(Exception):
    """A key file cannot be used, or a token is not to be trusted. The text is for logs, not for callers."""


class ProcessIdentity:
    """A process's name and private key."""

    def __init__(self, name: str, private_key: Ed25519PrivateKey, clock: Callable[[], float] = time.time) -> None:
        self.name: Final = name
        self._key = private_key
        self._clock = clock
        self._tokens: dict[str, tuple[float, str]] = {}

    @classmethod
    def load(cls, path: Path) -> "ProcessIdentity":
        """Reads what `generate_identity` wrote; IdentityError when it is unreadable or others may read it."""
        try:
            document = _json_object(path, read_secret(path))
        except SecretFileError as error:
            raise IdentityError(str(error)) from error
        try:
            key = Ed25519PrivateKey.from_private_bytes(base64.b64decode(document["private_key"], validate=True))
            return cls(str(document["name"]), key)
        except (KeyError, TypeError, ValueError) as error:
            raise IdentityError(f"{path} is not an identity key file") from error

    @classmethod
    def load_own(cls, name: str, path: Path) -> "ProcessIdentity":
        """As `load`; IdentityError when it is another process's key than that of `name`."""
        identity = cls.load(path)
        if identity.name != name:
            raise IdentityError(f"{path} is the key of {identity.name}, not of {name}")
        return identity

    @property
    def public_key(self) -> str:
        """The base64 of the raw public key, as it stands in a trusted keys file."""
        return base64.b64encode(self._key.public_key().public_bytes_raw()).decode()

    def token(self, audience: str) -> str:
        """A token for the process `audience`, valid for at least 15 s from now."""
        now = self._clock()
        renew_at, token = self._tokens.get(audience, (0.0, ""))
        if now >= renew_at:
            token = self._sign(audience, int(now))
            self._tokens[audience] = (now + CACHED_SECONDS, token)
        return token

    def _sign(self, audience: str, now: int) -> str:
        payload = orjson.dumps({"iss": self.name, "aud": audience, "iat": now, "exp": now + LIFETIME_SECONDS})
        return f"v1.{_encode(payload)}.{_encode(self._key.sign(_CONTEXT + payload))}"


@dataclass(frozen=True, slots=True)
class TrustedKeys:
    """The public keys of the processes that this one listens to; several per name while a key is replaced."""

    keys: Mapping[str, tuple[Ed25519PublicKey, ...]]

    @classmethod
    def load(cls, path: Path) -> "TrustedKeys":
        """Reads JSON `{name: [base64 public keys]}`; IdentityError when it is not that."""
        try:
            octets = path.read_bytes()
        except OSError as error:
            raise IdentityError(f"{path} cannot be read: {error.strerror}") from error
        return cls.parse(_json_object(path, octets), source=str(path))

    @classmethod
    def parse(cls, document: Mapping[str, Any], source: str = "the document") -> "TrustedKeys":
        """The keys of `{name: [base64 public keys]}`; IdentityError names `source`."""
        try:
            return cls({name: tuple(map(_public_key, keys)) for name, keys in document.items()})
        except (AttributeError, TypeError, ValueError) as error:
            raise IdentityError(f"{source} does not map names to lists of public keys") from error

    def verify(self, token: str, audience: str, now: float) -> str:
        """The name of the process that signed `token` for `audience`; IdentityError says why there is none."""
        return self.verified(token, audience, now)[0]

    def verified(self, token: str, audience: str, now: float) -> tuple[str, float]:
        """As `verify`, with the time from which the token is no longer good."""
        payload, signature = _split(token)
        claims = _claims(payload)
        name = claims["iss"]
        if not any(_signed(key, payload, signature) for key in self.keys.get(name, ())):
            raise IdentityError("not signed by a trusted key")
        if claims["aud"] != audience:
            raise IdentityError("made for another process")
        issued, expires = claims["iat"], claims["exp"]
        if not 0 < expires - issued <= LIFETIME_SECONDS:
            raise IdentityError("lives too long")
        if issued > now + SKEW_SECONDS:
            raise IdentityError("issued in the future")
        if now >= expires + SKEW_SECONDS:
            raise IdentityError("expired")
        return name, float(expires + SKEW_SECONDS)


def generate_identity(path: Path, name: str) -> str:
    """Writes a new private key for the process `name` to `path`, mode 0600, and returns its public key.

    FileExistsError when there is a file: a key is never overwritten.
    """
    key = Ed25519PrivateKey.generate()
    document = {"name": name, "private_key": base64.b64encode(key.private_bytes_raw()).decode()}
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(orjson.dumps(document) + b"\n")
    return ProcessIdentity(name, key).public_key


def _split(token: str) -> tuple[bytes, bytes]:
    parts = token.split(".") if len(token) <= _MAX_TOKEN_LENGTH else []
    if len(parts) != 3 or parts[0] != "v1":
        raise IdentityError("not a process token")
    return _decode(parts[1]), _decode(parts[2])


def _claims(payload: bytes) -> dict[str, Any]:
    try:
        claims = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise IdentityError("not a process token") from error
    wanted = {"iss": str, "aud": str, "iat": int, "exp": int}
    if not isinstance(claims, dict) or {name: type(value) for name, value in claims.items()} != wanted:
        raise IdentityError("not a process token")
    return claims


def _signed(key: Ed25519PublicKey, payload: bytes, signature: bytes) -> bool:
    try:
        key.verify(signature, _CONTEXT + payload)
    except InvalidSignature:
        return False
    return True


def _json_object(path: Path, octets: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(octets)
    except orjson.JSONDecodeError as error:
        raise IdentityError(f"{path} is not JSON") from error
    if not isinstance(document, dict):
        raise IdentityError(f"{path} is not a JSON object")
    return document


def _public_key(text: str) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(base64.b64decode(text, validate=True))


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    """Canonical base64url only: one token has one spelling."""
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError) as error:
        raise IdentityError("not a process token") from error
    if _encode(data) != text:
        raise IdentityError("not a process token")
    return data
