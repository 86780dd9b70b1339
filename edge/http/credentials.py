"""The credential of a request, as the edge keeps it; `domain.credentials` finds it."""

from collections.abc import Mapping
from typing import NamedTuple

from domain import credentials
from domain.access import Denied
from domain.api_keys import ParsedKey
from edge.principal import CredentialKind
from edge.problems import Refusal, refusal_of


class Presented(NamedTuple):
    """A credential as it was presented; `key` is the parsed form of a well-formed API key, None for all else."""

    kind: CredentialKind
    value: bytes
    key: ParsedKey | None = None


def presented(read: Mapping[bytes, bytes]) -> Presented | Refusal | None:
    """The request's credential, None when it carries none, a refusal when it cannot be read.

    `read` are the fields that the edge reads, by lower-case name; the strict gate lets no head through with two.
    """
    found = credentials.presented(read.get(b"authorization"), read.get(b"x-api-key"))
    if found is None:
        return None
    if isinstance(found, Denied):
        return refusal_of(found)
    return Presented(CredentialKind.API_KEY if found.is_api_key else CredentialKind.TOKEN, found.value, found.key)
