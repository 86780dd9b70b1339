"""A share of all requests, chosen by the random end of their ids, so that whoever asks takes the same ones. Pure."""

from dataclasses import dataclass, field

_OCTETS = 7
"""The octets of a version 7 UUID that are random whole, at its end."""


@dataclass(frozen=True, slots=True)
class Share:
    """This part of all requests: 0 takes none, 1 all."""

    part: float
    _least: bytes = field(init=False, repr=False)
    """What an id's end must reach; shorter than any for all, longer than any for none."""

    def __post_init__(self) -> None:
        if self.part >= 1:
            least = b""
        elif self.part <= 0:
            least = b"\xff" * (_OCTETS + 1)
        else:
            ends = 1 << 8 * _OCTETS
            least = min(int((1 - self.part) * ends), ends - 1).to_bytes(_OCTETS, "big")
        object.__setattr__(self, "_least", least)

    def takes(self, record_id: bytes) -> bool:
        """Whether the request with this record id, 16 octets of a version 7 UUID, is among them."""
        return record_id[-_OCTETS:] >= self._least


ALL = Share(1.0)
