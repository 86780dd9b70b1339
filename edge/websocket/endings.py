"""Why the edge ends a tunnel, and what it tells each side by the code of its Close frame. Pure.

Each code says what its receiver has to do with it (RFC 6455 §7.4.1 and IANA's registry of close codes). A side that is
not at fault, or is to come again, hears a code for that; an end that a side itself has said is passed on as it came.

| cause                                       | client        | upstream |
|---------------------------------------------|---------------|----------|
| the client broke a rule or a limit          | 1002 … 1009   | 1001     |
| the upstream broke a rule                   | 1014          | 1002 …   |
| a request like it would be refused now      | 4000 + status | 1001     |
| whether it would cannot be told now         | 1013          | 1001     |
| the caller is not the same any more         | 1012          | 1001     |
| nothing has passed for too long             | 1001          | 1001     |
| the worker ends                             | 1012          | 1001     |
"""

from typing import NamedTuple, TypeAlias

from penstock.errors.v1 import error_reason_pb2 as reasons

from edge.problems import Refusal
from edge.websocket.frames import Fault

Reason: TypeAlias = reasons.ErrorReason.ValueType

GOING_AWAY = 1001
RESTART = 1012
TRY_AGAIN_LATER = 1013
BAD_GATEWAY = 1014
OWN_CODES = 4000
"""Codes from here on are for the ones who use the protocol; ours are these with an HTTP status (4401, 4403)."""


class Ending(NamedTuple):
    """The codes for both sides, and the reason that the side at fault is told. `failure` is what the record says;
    `at_once`: whether nothing more of the client may reach the upstream, not even the end of a frame."""

    client: int
    upstream: int
    reason: str
    failure: int = 0
    at_once: bool = False


IDLE = Ending(GOING_AWAY, GOING_AWAY, "nothing has passed for too long")
RESTARTING = Ending(RESTART, GOING_AWAY, "the gateway restarts")
CALLER_CHANGED = Ending(RESTART, GOING_AWAY, "the caller has changed", at_once=True)


def client_broke(fault: Fault) -> Ending:
    """The end for a client's fault."""
    return Ending(fault.code, GOING_AWAY, fault.detail)


def upstream_broke(fault: Fault) -> Ending:
    """The end for an upstream's fault."""
    return Ending(BAD_GATEWAY, fault.code, fault.detail, reasons.ERROR_REASON_DOWNSTREAM_INVALID)


def refused(refusal: Refusal) -> Ending:
    """The end of a tunnel that would not be opened now."""
    code = OWN_CODES + refusal.status if refusal.status < 500 else TRY_AGAIN_LATER
    return Ending(code, GOING_AWAY, refusal.code, refusal.reason, at_once=True)
