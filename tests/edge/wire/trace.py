"""What came of one client's connection: octets at every side, and what the edge has logged."""

from dataclasses import dataclass, field

from penstock.telemetry.v1.record_pb2 import RequestRecord

from edge.visit import Visit


@dataclass(slots=True)
class Sent:
    """What one upstream connection was sent; `cut` when the edge has closed it."""

    octets: bytearray = field(default_factory=bytearray)
    cut: bool = False

    def end(self) -> None:
        """Notes that the edge has closed the connection."""
        self.cut = True


@dataclass(slots=True)
class Trace:
    """One client's connection from its first octet to its end.

    `sent` by the client, `got` by it; `upstreams` in the order of their making; `visits` and `records` in the order
    of the answers; `ended` when the edge has closed the connection.
    """

    sent: bytes
    got: bytearray = field(default_factory=bytearray)
    upstreams: list[Sent] = field(default_factory=list)
    visits: list[Visit] = field(default_factory=list)
    records: list[RequestRecord] = field(default_factory=list)
    ended: bool = False

    def end(self) -> None:
        """Notes that the edge has closed the connection."""
        self.ended = True
