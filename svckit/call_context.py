"""What is known about the call being served: set by the interceptors, read by handlers and client channels.

Each rpc runs in a task of its own, so nothing here is ever reset; a task started by a handler inherits it.
"""

import time
from contextvars import ContextVar
from typing import Final

REQUEST_ID: Final = ContextVar("penstock_request_id", default="")
CALLER: Final = ContextVar("penstock_caller", default="")
DEADLINE: Final[ContextVar[float | None]] = ContextVar("penstock_deadline", default=None)


def request_id() -> str:
    """The id of the request being served; empty outside one."""
    return REQUEST_ID.get()


def caller() -> str:
    """The name of the process that called; empty on public rpcs and outside a call."""
    return CALLER.get()


def remaining_seconds() -> float | None:
    """The time left to the deadline of the call being served, negative when past; None without a deadline."""
    deadline = DEADLINE.get()
    return None if deadline is None else deadline - time.monotonic()
