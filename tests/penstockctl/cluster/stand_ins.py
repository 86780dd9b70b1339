"""A cluster of stand-ins: as values for tests in the same process, and as a program (`python -m … [MANNER]`)."""

import asyncio
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from penstockctl.cluster.interrupt import interruptible
from penstockctl.cluster.output import ClusterLog, missing_lines
from penstockctl.cluster.process_spec import ProcessSpec, ReadyLine
from penstockctl.cluster.run import restart
from penstockctl.cluster.sockets import open_listeners, port_of
from penstockctl.cluster.supervisor import supervised
from penstockctl.gates import Gate, HttpOk
from penstockctl.spawn import Command
from svckit.log_output import standard_output

READY = ReadyLine("READY_FD")
PROGRAM = str(Path(__file__).with_name("stand_in.py"))


@contextmanager
def listener() -> Iterator[socket.socket]:
    """A listening socket on a free port."""
    with open_listeners("127.0.0.1", 0, 1, "--port") as listeners:
        yield listeners[0]


def stand_in(
    name: str,
    listening: socket.socket,
    *,
    manner: str = "",
    mark: Path | None = None,
    after: tuple[str, ...] = (),
    seconds: float = 20.0,
    gate: Gate | ReadyLine | None = None,
) -> ProcessSpec:
    """`mark`: the file from whose making on it has this manner. `seconds` bounds its start and its drain."""
    return ProcessSpec(
        name=name,
        command=Command(
            (sys.executable, "-S", PROGRAM, str(listening.fileno()), manner, *([str(mark)] if mark else [])),
            inherited_fds=(listening.fileno(),),
        ),
        gate=gate or HttpOk(f"http://127.0.0.1:{port_of(listening)}/"),
        after=after,
        start_seconds=seconds,
        drain_seconds=seconds,
    )


async def run(manner: str) -> None:
    """Three stand-ins in a row, until a signal; `manner` is the last one's, which is replaced when asked."""
    with standard_output(missing_lines) as output:
        log = ClusterLog(["store", "service", "edge"], output)
        with interruptible() as interrupt, ExitStack() as stack:
            sockets = [stack.enter_context(listener()) for _ in range(3)]
            async with supervised(log) as supervisor:
                interrupt.at_once = supervisor.kill
                await supervisor.start(
                    [
                        stand_in("store", sockets[0]),
                        stand_in("service", sockets[1], after=("store",)),
                        stand_in("edge", sockets[2], after=("service",), manner=manner, gate=READY),
                    ]
                )
                log.say("all are up")
                while True:
                    await interrupt.restart_wanted()
                    await restart(["edge"], supervisor, log)
        log.say("all are gone")


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1] if len(sys.argv) > 1 else ""))
