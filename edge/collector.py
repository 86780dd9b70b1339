"""How the garbage collector of a worker is set."""

import gc


def quiet_collector() -> None:
    """Keeps the collector away from what lives as long as the process: a full pass over it takes tens of
    milliseconds, in which every request of the worker waits."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
