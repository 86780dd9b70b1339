"""A process of the cluster as a value, and the order in which processes are stopped."""

from collections.abc import Sequence
from dataclasses import dataclass

from penstockctl.gates import Gate
from penstockctl.spawn import Command


@dataclass(frozen=True, slots=True)
class ReadyLine:
    """In place of a gate: the process itself says that it is ready, by a line on an open descriptor whose number it
    finds in the environment as `variable`. Processes that share a listening socket cannot be asked one by one."""

    variable: str


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """`after`: names of the processes that must be ready before this one starts.

    `start_seconds` bounds the time until the gate opens, `drain_seconds` the time to end after the signal.
    """

    name: str
    command: Command
    gate: Gate | ReadyLine
    after: tuple[str, ...] = ()
    start_seconds: float = 60.0
    drain_seconds: float = 15.0


def stop_waves(specs: Sequence[ProcessSpec]) -> list[tuple[str, ...]]:
    """Names in the order of stopping: whoever waits for others goes before them, equals go together."""
    depths: dict[str, int] = {}
    for spec in specs:
        depths[spec.name] = 1 + max((depths[name] for name in spec.after), default=0)
    deepest = max(depths.values(), default=0)
    return [tuple(name for name, depth in depths.items() if depth == level) for level in range(deepest, 0, -1)]
