"""W3C Trace Context (Recommendation of 2021-11-23): a client's trace goes on, or one starts here. Pure.

The edge reports no spans of its own yet. So it passes a trace on as it came, its parent included (§3.4: forwarding
without participating): a parent that nobody reports would tear the trace apart.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from edge.sampling import Share

_TRACEPARENT = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL)
_MEMBER = re.compile(rb"([a-z0-9][a-z0-9_*/@-]{0,255})=[ -+\--<>-~]{0,255}[!-+\--<>-~]")
_MAX_MEMBERS = 32
_SAMPLED = 0x01


class Trace(NamedTuple):
    """A trace that goes on: its 16 octets, and the lines that tell the upstream."""

    id: bytes
    lines: bytes


def continued(read: Mapping[bytes, bytes]) -> Trace | None:
    """The trace that a request's fields (by lower-case name) name; None when there is none or it is malformed."""
    parent = read.get(b"traceparent")
    match = None if parent is None else _TRACEPARENT.fullmatch(parent)
    if match is None:
        return None
    version, trace_id, parent_id, flags, later = match.groups()
    octets = bytes.fromhex(trace_id.decode("ascii"))
    if version == b"ff" or (version == b"00" and later is not None) or not any(octets) or parent_id == b"0" * 16:
        return None
    if version != b"00":  # §4.3: what of a later version is known here, in the form of this one
        flags = b"%02x" % (int(flags, 16) & _SAMPLED)
    state = read.get(b"tracestate", b"")
    return Trace(
        octets,
        b"traceparent: 00-%b-%b-%b\r\n" % (trace_id, parent_id, flags)
        + (b"tracestate: %b\r\n" % state if _is_state(state) else b""),
    )


def _is_state(state: bytes) -> bool:
    """Whether a tracestate may go on (§3.3); a malformed one ends here alone."""
    members = [member.strip(b" \t") for member in state.split(b",", 2 * _MAX_MEMBERS)]
    matches = [_MEMBER.fullmatch(member) for member in members if member]
    keys = {match[1] for match in matches if match is not None}
    return 0 < len(keys) == len(matches) <= _MAX_MEMBERS


def started(record_id: bytes, sampled: Share) -> bytes:
    """The line that starts a trace under the id of the request's record, so that either finds the other.

    A version 7 UUID has what Level 2 asks of a trace id: its last 7 octets are random. Its second half, which is
    never zero, stands for the parent.
    """
    digits = record_id.hex()
    return f"traceparent: 00-{digits}-{digits[16:]}-0{'1' if sampled.takes(record_id) else '0'}\r\n".encode()
