"""Ctrl-C, SIGTERM and a closed terminal: the first asks for an orderly stop, the second for one at once."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupt:
    """Whether a stop was asked for, and once more. `at_once` is called on the second request."""

    def __init__(self, at_once: Callable[[], None] = lambda: None) -> None:
        self.requested = False
        self.was_forced = False
        self.at_once = at_once


@contextmanager
def interruptible() -> Iterator[Interrupt]:
    """Cancels the block on the first signal, and passes over that cancellation."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    if task is None:
        raise RuntimeError("only a task can be interrupted")
    interrupt = Interrupt()

    def on_signal() -> None:
        if interrupt.requested:
            interrupt.was_forced = True
            interrupt.at_once()
        else:
            interrupt.requested = True
            task.cancel()

    wanted = [number for number in _SIGNALS if _is_wanted(number)]
    for number in wanted:
        loop.add_signal_handler(number, on_signal)
    try:
        yield interrupt
    except asyncio.CancelledError:
        if not interrupt.requested:
            raise
        task.uncancel()
    finally:
        for number in wanted:
            loop.remove_signal_handler(number)


def _is_wanted(number: signal.Signals) -> bool:
    """`nohup` has SIGHUP ignored on purpose. A shell ignores SIGINT for whatever it starts in the background, yet a
    script that sends it there means it."""
    return number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN
