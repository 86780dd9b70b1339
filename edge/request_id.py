"""The ids of a request: its own, under which it is recorded, and the one that everybody knows it by."""

import re

from svckit.ids import uuid7_octets

_ACCEPTED = re.compile(rb"[A-Za-z0-9._-]{1,128}")


def request_identity(presented: bytes | None) -> tuple[bytes, str]:
    """The record's id, always made here, and the request id: the client's if it is well-formed, else the same."""
    identity = uuid7_octets()
    if presented is not None and _ACCEPTED.fullmatch(presented):
        return identity, presented.decode("ascii")
    digits = identity.hex()
    return identity, f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
