"""The rim of a process: settings, logs and an event loop around its work, its signals, and what becomes of a failure.

Exit codes: 0 when the work has ended, 2 with one sentence when settings or key files are at fault, 1 on failure.
"""

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Final, NoReturn, TypeAlias, TypeVar

import structlog
import uvloop

from svckit import logs
from svckit.encryption import EncryptionError
from svckit.identity import IdentityError
from svckit.log_output import LogOutput
from svckit.secret_files import SecretFileError
from svckit.settings import RimSettings, SettingsError, load_settings

S = TypeVar("S", bound=RimSettings)
# What a process does, given its settings and where its log lines go.
Work: TypeAlias = Callable[[S, LogOutput], Coroutine[Any, Any, None]]
_AT_FAULT: Final = (SettingsError, SecretFileError, IdentityError, EncryptionError)
log = structlog.get_logger()


def run_process(name: str, settings_class: type[S], work: Work[S], *, spoken: tuple[type[Exception], ...] = ()) -> None:
    """Runs `work` to its end; exits with 1 or 2 when it fails.

    Failures of the types `spoken` are told in one sentence, all others with their trace in the log.
    """
    try:
        settings = load_settings(settings_class)
    except SettingsError as error:
        _end(name, error, 2)
    with logs.logging_to_stdout(name, settings.log_level, settings.log_pretty, settings.environment) as output:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(work(settings, output))
        except Exception as error:
            cause = _only_cause(error)
            if isinstance(cause, _AT_FAULT):
                _end(name, cause, 2)
            if isinstance(error, spoken):
                _end(name, error, 1)
            log.error("ended by a failure", exc_info=error)
            sys.exit(1)


@contextmanager
def stop_signals(stop: Callable[[], None]) -> Iterator[None]:
    """SIGTERM and SIGINT call `stop`: by default SIGTERM would end the process with nothing unwound."""
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGTERM, signal.SIGINT)
    for number in numbers:
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def _only_cause(error: Exception) -> Exception:
    """What went wrong, out of the task groups that it came through."""
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _end(name: str, error: Exception, code: int) -> NoReturn:
    lead = "the settings cannot be used:\n" if isinstance(error, SettingsError) else ""
    print(f"{name}: {lead}{error}", file=sys.stderr)
    sys.exit(code)
