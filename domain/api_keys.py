"""The form of the secrets that Penstock issues: API keys `psk_…` and admin tokens `psa_…`.

A key is `psk_<live|test>_<tenant 8><key 8>_<secret 32>_<checksum 6>` in base62. The checksum (CRC-32 of all that
stands before it) tells typing faults from keys without any I/O; anyone can compute it, so it proves nothing.
Nothing here draws randomness or hashes for storage.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from zlib import crc32

ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
KEY_ID: Final = re.compile(r"[0-9A-Za-z]{8}")

# Published for secret scanners in docs/keys.md.
API_KEY_PATTERN: Final = r"psk_(live|test)_[0-9A-Za-z]{16}_[0-9A-Za-z]{32}_[0-9A-Za-z]{6}"
ADMIN_TOKEN_PATTERN: Final = r"psa_[0-9A-Za-z]{8}_[0-9A-Za-z]{32}_[0-9A-Za-z]{6}"  # noqa: S105 - a form, no secret

API_KEY_LENGTH: Final = 65
ADMIN_TOKEN_LENGTH: Final = 52
IMPORTED_KEY_LENGTHS: Final = range(16, 257)
ID_RANDOM_BYTES: Final = 16
SECRET_RANDOM_BYTES: Final = 32

_ID_LENGTH: Final = 8
_SECRET_LENGTH: Final = 32
_CHECKSUM_LENGTH: Final = 6  # 62**6 > 2**32
_VALUES: Final = {ord(digit): value for value, digit in enumerate(ALPHABET)}
_OWN_FORMS: Final = (b"psk_", b"psa_", b"psg_")
_IMPORTED_KEY: Final = re.compile(rb"[!-~]+")
_API_KEY: Final = re.compile(API_KEY_PATTERN.encode())
_ADMIN_TOKEN: Final = re.compile(ADMIN_TOKEN_PATTERN.encode())
_PREFIXES: Final[Mapping[bool, str]] = {True: "psk_live_", False: "psk_test_"}


@dataclass(frozen=True, slots=True)
class ParsedKey:
    """A well-formed API key. `value` is the whole credential, kept out of every representation."""

    live: bool
    tenant_short_id: str
    key_id: str
    value: bytes = field(repr=False)

    @property
    def display(self) -> str:
        """The key without its secret, for recognising it."""
        return display(self.live, self.tenant_short_id, self.key_id)


@dataclass(frozen=True, slots=True)
class ParsedAdminToken:
    """A well-formed admin token. `value` is the whole credential, kept out of every representation."""

    token_id: str
    value: bytes = field(repr=False)


def new_id(randomness: bytes) -> str:
    """An id of 8 base62 characters from `ID_RANDOM_BYTES` random octets."""
    return _base62(randomness, _ID_LENGTH, ID_RANDOM_BYTES)


def compose(live: bool, tenant_short_id: str, key_id: str, randomness: bytes) -> ParsedKey:
    """The API key with a secret made of `SECRET_RANDOM_BYTES` random octets; ValueError for ids of another form."""
    if not (KEY_ID.fullmatch(tenant_short_id) and KEY_ID.fullmatch(key_id)):
        raise ValueError("ids are 8 base62 characters")
    body = f"{_PREFIXES[live]}{tenant_short_id}{key_id}_{_secret(randomness)}"
    return ParsedKey(live, tenant_short_id, key_id, _with_checksum(body))


def compose_admin_token(token_id: str, randomness: bytes) -> ParsedAdminToken:
    """The admin token with a secret made of `SECRET_RANDOM_BYTES` random octets; ValueError for another id."""
    if not KEY_ID.fullmatch(token_id):
        raise ValueError("ids are 8 base62 characters")
    return ParsedAdminToken(token_id, _with_checksum(f"psa_{token_id}_{_secret(randomness)}"))


def parse(value: bytes) -> ParsedKey | None:
    """The API key that `value` spells exactly, checksum included, or None."""
    if len(value) != API_KEY_LENGTH or not _API_KEY.fullmatch(value) or not _checksum_holds(value):
        return None
    return ParsedKey(value[4:8] == b"live", value[9:17].decode(), value[17:25].decode(), value)


def parse_admin_token(value: bytes) -> ParsedAdminToken | None:
    """The admin token that `value` spells exactly, checksum included, or None."""
    if len(value) != ADMIN_TOKEN_LENGTH or not _ADMIN_TOKEN.fullmatch(value) or not _checksum_holds(value):
        return None
    return ParsedAdminToken(value[4:12].decode(), value)


def may_be_imported(value: bytes) -> bool:
    """Whether `value` has the form of another gateway's key: visible ASCII, `IMPORTED_KEY_LENGTHS` long, not ours."""
    return (
        len(value) in IMPORTED_KEY_LENGTHS and not value.startswith(_OWN_FORMS) and bool(_IMPORTED_KEY.fullmatch(value))
    )


def display(live: bool, tenant_short_id: str, key_id: str) -> str:
    """A key without its secret: `psk_live_<tenant><key>_…`."""
    return f"{_PREFIXES[live]}{tenant_short_id}{key_id}_…"


def _secret(randomness: bytes) -> str:
    return _base62(randomness, _SECRET_LENGTH, SECRET_RANDOM_BYTES)


def _base62(randomness: bytes, length: int, wanted: int) -> str:
    """`length` digits of the number `randomness`: at least 64 bits more than are kept, so bias is below 2**-64."""
    if len(randomness) != wanted:
        raise ValueError(f"{wanted} random octets are needed")
    return _digits(int.from_bytes(randomness, "big"), length)


def _digits(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits.append(ALPHABET[digit])
    return "".join(reversed(digits))


def _checksum(body: bytes) -> bytes:
    return _digits(crc32(body), _CHECKSUM_LENGTH).encode()


def _with_checksum(body: str) -> bytes:
    octets = body.encode()
    return octets + b"_" + _checksum(octets)


def _checksum_holds(value: bytes) -> bool:
    """Reads the digits as a number rather than writing the number as digits: a third of the price, on every request."""
    number = 0
    for digit in value[-_CHECKSUM_LENGTH:]:
        number = number * 62 + _VALUES[digit]
    return number == crc32(memoryview(value)[: -_CHECKSUM_LENGTH - 1])
