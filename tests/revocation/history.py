"""What was admitted against what was revoked. Pure.

Times are seconds of the machine's steady clock, which all processes share. A request is judged by when it began: one
that began before the revocation had returned may be admitted after it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Revocation:
    """What was said of a key's end: which edges have acknowledged it and which not yet, and when it is in force at the
    latest."""

    key: int
    acknowledged: tuple[str, ...]
    pending: tuple[str, ...]
    in_force_at: float


@dataclass(frozen=True, slots=True)
class Report:
    """What an edge did. `last_admitted` is when the last request began that it admitted, by key."""

    edge: str
    last_admitted: Mapping[int, float]
    admitted: int
    refused: int
    unavailable: int

    @property
    def attempts(self) -> int:
        return self.admitted + self.refused + self.unavailable


def violations(revocations: Sequence[Revocation], reports: Sequence[Report]) -> Iterator[str]:
    """Each case of an edge that admitted a key by a request that began when its end was in force."""
    for revocation in revocations:
        for report in reports:
            last = report.last_admitted.get(revocation.key)
            if last is not None and last >= revocation.in_force_at:
                late = last - revocation.in_force_at
                yield f"{report.edge} admitted key {revocation.key} {late * 1e3:.1f} ms after its end was in force"
