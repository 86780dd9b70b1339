"""Ctrl-C, SIGTERM and a closed terminal: the first asks for an orderly stop, the second for one at once. A SIGHUP that
no terminal sent asks for a restart."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_STOP = (signal.SIGINT, signal.SIGTERM)


class Interrupt:
    """Whether a stop was asked for, and once more. `at_once` is called on the second request."""

    def __init__(self, at_once: Callable[[], None] = lambda: None) -> None:
        self.requested = False
        self.was_forced = False
        self.at_once = at_once
        self.restart = asyncio.Event()

    async def restart_wanted(self) -> None:
        """Returns when a restart has been asked for since the last time."""
        await self.restart.wait()
        self.restart.clear()


@contextmanager
def interruptible() -> Iterator[Interrupt]:
    """Cancels the block on the first signal to stop, and passes over that cancellation."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    if task is None:
        raise RuntimeError("only a task can be interrupted")
    interrupt = Interrupt()
    had_terminal = _has_terminal()

    def on_stop() -> None:
        if interrupt.requested:
            interrupt.was_forced = True
            interrupt.at_once()
        else:
            interrupt.requested = True
            task.cancel()

    def on_hangup() -> None:
        if had_terminal and not _has_terminal():
            on_stop()
        else:
            interrupt.restart.set()

    handlers = dict.fromkeys(_STOP, on_stop)
    # `nohup` has SIGHUP ignored on purpose. A shell ignores SIGINT for whatever it starts in the background, yet a
    # script that sends it there means it.
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        handlers[signal.SIGHUP] = on_hangup
    for number, handler in handlers.items():
        loop.add_signal_handler(number, handler)
    try:
        yield interrupt
    except asyncio.CancelledError:
        if not interrupt.requested:
            raise
        task.uncancel()
    finally:
        for number in handlers:
            loop.remove_signal_handler(number)


def _has_terminal() -> bool:
    """Whether this process has a controlling terminal: the kernel takes it away before it tells that it was closed."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True
