"""The ids of a request: its own, under which it is recorded, and the one that everybody knows it by."""

import os
import time
from typing import NamedTuple

from edge.redaction import SECRET
from svckit.ids import uuid7_octets
from svckit.request_ids import WELL_FORMED_OCTETS

_DRAW_BYTES = 4096


class RequestIdentity(NamedTuple):
    """`octets` are the record's id, a version 7 UUID that is always made here; `text` is the request id."""

    octets: bytes
    text: str


class RequestIds:
    """Makes the ids of a worker's requests. Draws randomness for 512 of them at once: a system call each would cost
    more than all the rest of an id."""

    def __init__(self) -> None:
        self._random = b""
        self._used = 0

    def identity(self, presented: bytes | None) -> RequestIdentity:
        """The ids of a request that presents this X-Request-ID: kept if well-formed and no credential, which would
        stand in every log behind it; else the record's id."""
        if self._used == len(self._random):
            self._random, self._used = os.urandom(_DRAW_BYTES), 0
        self._used += 8
        octets = uuid7_octets(time.time_ns(), self._random[self._used - 8 : self._used])
        if presented is not None and WELL_FORMED_OCTETS.fullmatch(presented):
            text = presented.decode("ascii")
            if SECRET.search(text) is None:
                return RequestIdentity(octets, text)
        digits = octets.hex()
        text = f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
        return RequestIdentity(octets, text)
