"""The least pace of an upload, so that a client cannot hold a connection and an upstream by an octet now and then."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LeastPace:
    """So many octets a second, on average over every period of so many seconds. No octets: any pace will do."""

    octets_per_second: int = 240
    period_seconds: float = 10.0


class Upload:
    """The pace of one body. Time in which the edge itself does not read does not count. Times are in seconds."""

    __slots__ = ("_began", "_least", "_octets", "_paused_at")

    def __init__(self, least: LeastPace, now: float) -> None:
        self._least = least
        self._began = now
        self._octets = 0
        self._paused_at: float | None = None

    def keeps_pace(self, octets: int, now: float) -> bool:
        """Whether the body, of which so many octets have come now, is fast enough."""
        self._octets += octets
        elapsed = now - self._began
        if elapsed < self._least.period_seconds:
            return True
        kept = self._octets >= elapsed * self._least.octets_per_second
        self._began, self._octets = now, 0
        return kept

    def paused(self, now: float) -> None:
        """The body is not read any more."""
        self._paused_at = now

    def resumed(self, now: float) -> None:
        """The body is read again."""
        if self._paused_at is not None:
            self._began += now - self._paused_at
            self._paused_at = None
