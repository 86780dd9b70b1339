"""Log lines: one JSON object a line on stdout (or coloured text for people), with the ids of the request.

`request_id` and `tenant_id` come from `structlog.contextvars`, where interceptors bind them; lines of libraries
(uvicorn, grpc, asyncio) are bridged into the same form. Stack traces stand here and nowhere else.
"""

import logging
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any, Final, TextIO, TypeAlias

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from svckit.log_output import LogOutput, standard_output

Output: TypeAlias = TextIO | LogOutput

# Values under these keys are never written, whoever logs them.
MASKED: Final = frozenset(
    {"api_key", "authorization", "cookie", "password", "private_key", "refresh_token", "secret", "token"}
)


@contextmanager
def logging_to_stdout(process: str, level: str, pretty: bool, environment: str = "") -> Iterator[LogOutput]:
    """Sets up logging of the whole process for as long as it runs. Yields the output, for lines made elsewhere."""
    constants = origin(process, environment)

    def missing(writes: int) -> str:
        line = {"event": "lines are missing: nobody read them", "writes": writes, "level": "warning"}
        return f"{_dumps({**line, **constants})}\n"

    with standard_output(missing) as output:
        configure(process, level, pretty, output, environment)
        yield output


def origin(process: str, environment: str) -> dict[str, str]:
    """The members of every line that say where it comes from; no environment where none is set."""
    return {"process": process, **({"environment": environment} if environment else {})}


def configure(
    process: str, level: str = "info", pretty: bool = False, output: Output | None = None, environment: str = ""
) -> None:
    """Sets up logging of the whole process; `process` and `environment` stand on each line. `output` is standard
    output, as a rule through a thread (`logging_to_stdout`)."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _always(origin(process, environment)),
        _masked,
    ]
    renderer = _pretty_renderer() if pretty else _json_renderer()
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(output or sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(number)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):  # they bring handlers of their own
        bridged = logging.getLogger(name)
        bridged.handlers.clear()
        bridged.propagate = True
        # What it says of starting and stopping our own lines say better.
        bridged.setLevel(max(number, logging.WARNING))


def _always(members: dict[str, str]) -> Processor:
    def add(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event.update(members)
        return event

    return add


def _masked(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    for key in MASKED.intersection(event):
        event[key] = "***"
    return event


def _json_renderer() -> list[Processor]:
    return [
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(serializer=_dumps),
    ]


def pretty_line(members: MutableMapping[str, Any]) -> str:
    """A line for people of what is otherwise a line of JSON; for lines that are made past structlog."""
    (render,) = _pretty_renderer()
    return f"{render(None, '', members)!s}\n"


def _pretty_renderer() -> list[Processor]:
    return [structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty())]


def _dumps(event: MutableMapping[str, Any], **_options: Any) -> str:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
