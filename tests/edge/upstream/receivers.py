"""Whoever is told of an answer without a socket."""

import asyncio

from penstock.errors.v1 import error_reason_pb2 as reasons

from edge.http.answer import Framing
from edge.upstream.connection import Switched
from edge.upstream.known import KnownAnswer


class Unheard(asyncio.Transport):
    """A transport that leads nowhere."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        pass

    def abort(self) -> None:
        pass


class Listening:
    """Writes down what it is told; takes whole answers as an exchange does whose client waits for one."""

    withheld: frozenset[bytes] = frozenset()

    def __init__(self, *, bodiless: bool) -> None:
        self.bodiless = bodiless
        self.told: list[object] = []

    def joined(self) -> list[object]:
        """What was told, whatever pieces its body came in."""
        said: list[object] = []
        for each in self.told:
            if isinstance(each, bytes) and said and isinstance(said[-1], bytes):
                said[-1] += each
            else:
                said.append(each)
        return said

    def takes_whole(self) -> bool:
        return not self.bodiless

    def answer_whole(self, known: KnownAnswer, body: bytes) -> None:
        self.answer_begun(known.status, known.lines, known.framing)
        if body:
            self.answer_body(body)
        self.answer_ended()

    switched: Switched | None = None

    def answer_interim(self, status: int, lines: bytes) -> None:
        self.told.append((status, lines))

    def answer_begun(self, status: int, lines: bytes, framing: Framing) -> None:
        self.told.append((status, [line for line in lines.split(b"\r\n") if b"GMT" not in line], framing))

    def answer_body(self, data: bytes) -> None:
        self.told.append(data)

    def answer_ended(self) -> None:
        self.told.append("ended")

    def upstream_failed(self, reason: reasons.ErrorReason.ValueType) -> None:
        self.told.append(reason)

    def answer_paused(self) -> None: ...
    def expire(self) -> None: ...
    def pause_upload(self) -> None: ...
    def resume_upload(self) -> None: ...
