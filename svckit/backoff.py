"""How long to wait before trying again: a pure schedule, no clock and no randomness of its own."""

from collections.abc import Callable, Iterator
from itertools import count
from typing import Final

SCHEDULE_SECONDS: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)


def delay_seconds(failures: int, unit: float) -> float:
    """The wait after `failures` failures in a row (≥ 1), scaled by U(0.5, 1) from `unit` in [0, 1).

    The jitter keeps processes that lost the same peer from coming back in step.
    """
    step = SCHEDULE_SECONDS[min(failures, len(SCHEDULE_SECONDS)) - 1]
    return step * (0.5 + unit / 2)


def delays(unit: Callable[[], float], *, scale: float = 1.0) -> Iterator[float]:
    """The waits of one series of failures, without end; a success starts a new series.

    `unit` draws from [0, 1), for example `random.SystemRandom().random`; `scale` shrinks the schedule for
    peers on the same machine.
    """
    return (scale * delay_seconds(failures, unit()) for failures in count(1))
