"""The names under which upstreams learn who is calling, in the spellings that some program could take for them."""

from collections.abc import Iterator

from domain.identity_fields import IDENTITY

SEPARATORS = b"!#$%&'*+-.^_`|~"
"""All octets of a token (RFC 9110 §5.6.2) that are neither letters nor digits."""


def spoofs() -> list[bytes]:
    """More than 2,000 names: each of B18 with one separator for all its hyphens, for the first or for the last, in
    five cases."""
    return sorted({cased for name in IDENTITY for spelled in _separated(name) for cased in _cased(spelled)})


def _separated(name: bytes) -> Iterator[bytes]:
    first, _, after = name.partition(b"-")
    before, _, last = name.rpartition(b"-")
    for each in SEPARATORS:
        separator = bytes([each])
        yield from (name.replace(b"-", separator), first + separator + after, before + separator + last)


def _cased(name: bytes) -> Iterator[bytes]:
    yield from (name, name.upper(), name.title(), name.capitalize(), name.title().swapcase())
