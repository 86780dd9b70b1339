"""How a process is started so that it can be known when it is ready: by asking it, or by hearing it."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TypeAlias

from penstockctl.cluster.process_spec import ProcessSpec, ReadyLine
from penstockctl.gates import wait_until_open
from penstockctl.spawn import Command

# Given whether the process is alive: waits for its readiness; False when it died before.
Opening: TypeAlias = Callable[[Callable[[], bool]], Awaitable[bool]]


@contextmanager
def readiness_of(spec: ProcessSpec) -> Iterator[tuple[Command, Opening]]:
    """The command for one start of the process, and what waits until that very start of it is ready."""
    if not isinstance(spec.gate, ReadyLine):
        yield spec.command, partial(wait_until_open, spec.gate)
        return
    command = spec.command
    reading, writing = os.pipe()
    try:
        environment = {**(os.environ if command.environment is None else command.environment)}
        environment[spec.gate.variable] = str(writing)
        fds = (*command.inherited_fds, writing)
        yield replace(command, environment=environment, inherited_fds=fds), partial(_hear, reading)
    finally:
        os.close(reading)
        os.close(writing)


async def _hear(descriptor: int, _alive: Callable[[], bool]) -> bool:
    """Waits until there is something to read. Nothing comes of a process that dies: whoever waits is then cancelled."""
    loop = asyncio.get_running_loop()
    heard = asyncio.Event()
    loop.add_reader(descriptor, heard.set)
    try:
        await heard.wait()
    finally:
        loop.remove_reader(descriptor)
    return True
