"""The ids of a request: its own, under which it is recorded, and the one that everybody knows it by."""

import re
from uuid import UUID

from svckit.ids import uuid7

_ACCEPTED = re.compile(rb"[A-Za-z0-9._-]{1,128}")


def request_identity(presented: bytes | None) -> tuple[UUID, str]:
    """The record's id, always made here, and the request id: the client's if it is well-formed, else the same."""
    identity = uuid7()
    if presented is not None and _ACCEPTED.fullmatch(presented):
        return identity, presented.decode("ascii")
    return identity, str(identity)
