"""Finds the credential of a request: at most one, as an API key or a bearer token. Judges its form, not its truth."""

from collections.abc import Mapping
from typing import NamedTuple

from penstock.errors.v1 import error_reason_pb2 as reasons

from domain.api_keys import ParsedKey, parse
from edge.principal import CredentialKind
from edge.problems import Refusal

MAX_BYTES = 8192
KEY_PREFIX = b"psk_"


class Presented(NamedTuple):
    """A credential as it was presented; `key` is the parsed form of a well-formed API key, None for all else."""

    kind: CredentialKind
    value: bytes
    key: ParsedKey | None = None


def presented(read: Mapping[bytes, bytes]) -> Presented | Refusal | None:
    """The request's credential, None when it carries none, a refusal when it cannot be read.

    `read` are the fields that the edge reads, by lower-case name; the strict gate lets no head through with two.
    """
    authorization, api_key = read.get(b"authorization"), read.get(b"x-api-key")
    if api_key is not None:
        return Presented(CredentialKind.API_KEY, api_key, parse(api_key))
    if authorization is None:
        return None
    scheme, _, value = authorization.partition(b" ")
    value = value.strip(b" ")
    if scheme.lower() != b"bearer" or not value or len(value) > MAX_BYTES:
        return Refusal(reasons.ERROR_REASON_TOKEN_INVALID, "Authorization is not a bearer token")
    if value.startswith(KEY_PREFIX):
        return Presented(CredentialKind.API_KEY, value, parse(value))
    return Presented(CredentialKind.TOKEN, value)
