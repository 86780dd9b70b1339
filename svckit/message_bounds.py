"""How long a message may be, stated once for both ends of a call: by the service that is called.

gRPC's own default is 4 MiB for what is received and no bound for what is sent.
"""

from dataclasses import dataclass
from typing import Final

_MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class MessageBounds:
    """In octets: `request` for what goes to the service, `answer` for what comes from it; streams too."""

    request: int
    answer: int


DEFAULT: Final = MessageBounds(4 * _MIB, 4 * _MIB)
_BY_SERVICE: Final = {
    # 128 credentials of 8 KiB, with what frames them, are 1.03 MiB. A page of 500 keys, each with 64 scopes of 128
    # characters and 16 labels, is 5.6 MiB. tests/contract/test_message_bounds.py counts both.
    "authsvc": MessageBounds(2 * _MIB, 8 * _MIB),
    # A document may have 4 MiB of text, and an answer carries it as text and as message.
    "configsvc": MessageBounds(16 * _MIB, 16 * _MIB),
}


def bounds_of(service: str) -> MessageBounds:
    """The bounds of the service's messages."""
    return _BY_SERVICE.get(service, DEFAULT)
