"""Answers' heads that were parsed before: equal octets mean the same, so a head that comes again is not parsed again.

Pure. Upstreams answer with few different heads in a second; parsing and judging one costs more than all else that is
done about an answer. One memo for a worker; it knows heads, not targets.
"""

from collections import defaultdict
from typing import Final, NamedTuple

from edge.http.answer import Framing, answer_head, frame_for_client

CAPACITY: Final = 1024
MAX_BYTES: Final = 2048
"""Of a head that is remembered: at most 2 MiB for all of them."""


class KnownAnswer(NamedTuple):
    """A head that stands for itself: complete, final, its body of `length` octets.

    `kept_alive` is the head as a client gets it that speaks HTTP/1.1, asked for a body and may ask again, without
    what the edge adds. `dated` tells whether `lines` have a Date.
    """

    status: int
    lines: bytes
    framing: Framing
    keep_alive: bool
    dated: bool
    length: int
    kept_alive: bytes

    @classmethod
    def of(cls, status: int, lines: bytes, framing: Framing, keep_alive: bool, dated: bool) -> "KnownAnswer":
        """The answer that was read from a head; `keep_alive`: whether its connection may carry another."""
        bodiless = status in (204, 304)
        framed = frame_for_client(framing, status, bodiless=bodiless, http_11=True)
        head = answer_head(status, lines, framed, added=b"", keep_alive=True, http_11=True)
        return cls(status, lines, framing, keep_alive, dated, 0 if bodiless else framing.length or 0, head[:-2])


class KnownAnswers:
    """The memo. `withheld`, the fields that were left out, belongs to what is remembered: one of a few sets."""

    def __init__(self) -> None:
        self._known: defaultdict[frozenset[bytes], dict[bytes, KnownAnswer]] = defaultdict(dict)

    def of(self, withheld: frozenset[bytes]) -> dict[bytes, KnownAnswer]:
        """The remembered answers by the octets of their heads; add by `keep`."""
        return self._known[withheld]

    def keep(self, withheld: frozenset[bytes], head: bytes, answer: KnownAnswer) -> None:
        """Remembers one; forgets all when there is no room, because most were of a second that has gone. Not where the
        parser may have seen the head begin or end elsewhere."""
        known = self.of(withheld)
        if len(head) <= MAX_BYTES and head.startswith(b"HTTP/1.") and head.count(b"\n") == head.count(b"\r\n"):
            if len(known) >= CAPACITY:
                known.clear()
            known[head] = answer
