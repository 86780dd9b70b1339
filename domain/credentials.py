"""What credentials look like, and which one a request presents: at most one, as an API key or a bearer token.

Judges the form of a credential, not its truth.
"""

import re
from typing import NamedTuple

from domain.access import Denied
from domain.api_keys import ParsedKey, parse

MAX_BYTES = 8192
KEY_PREFIX = b"psk_"
SECRET = re.compile(r"ps[kag]_[A-Za-z0-9_]*|eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_.-]*|\b(?i:bearer|basic) +[^ ,;]+")
"""Keys and tokens of this gateway, JSON web tokens, and what follows the name of an authentication scheme."""


class Presented(NamedTuple):
    """A credential as it was presented; `key` is the parsed form of a well-formed API key, None for all else."""

    is_api_key: bool
    value: bytes
    key: ParsedKey | None = None


def presented(authorization: bytes | None, api_key: bytes | None) -> Presented | Denied | None:
    """The credential in the fields Authorization and X-API-Key of a request that has one of them at most: None when it
    carries none, a refusal when it cannot be read."""
    if api_key is not None:
        return Presented(True, api_key, parse(api_key))
    if authorization is None:
        return None
    scheme, _, value = authorization.partition(b" ")
    value = value.strip(b" ")
    if scheme.lower() != b"bearer" or not value or len(value) > MAX_BYTES:
        return Denied("TOKEN_INVALID", "Authorization is not a bearer token")
    if value.startswith(KEY_PREFIX):
        return Presented(True, value, parse(value))
    return Presented(False, value)
