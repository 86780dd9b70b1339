"""The addresses of targets' names: asked again every few seconds, so that a target that moves is followed.

While a name is asked again its former addresses serve on, and also while nobody can tell; a name server that is away
takes no target with it. However many want a name, it is asked for once at a time.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final, TypeAlias

FRESH_SECONDS: Final = 5.0
"""As Envoy asks; the system's resolver does not tell how long an answer holds."""
STALE_SECONDS: Final = 600.0
"""How long former addresses serve while the name cannot be resolved; and how long a name that nobody needs is kept."""
Addresses: TypeAlias = tuple[str, ...]
Lookup: TypeAlias = Callable[[str], Awaitable[Addresses]]


@dataclass
class _Name:
    addresses: Addresses = ()
    asked_at: float = float("-inf")
    known_at: float = float("-inf")
    wanted_at: float = float("-inf")
    asking: "asyncio.Task[Addresses] | None" = field(default=None)


class Names:
    """The names that one worker needs."""

    def __init__(self, lookup: Lookup | None = None) -> None:
        """`lookup` gives the addresses of a name and raises OSError; by default the system's resolver."""
        self._lookup = lookup or _system
        self._names: dict[str, _Name] = {}

    async def addresses(self, host: str) -> Addresses:
        """The addresses of a name or address; OSError or UnicodeError when there are none."""
        if is_address(host):
            return (host,)
        now = asyncio.get_running_loop().time()
        name = self._names.setdefault(host, _Name())
        name.wanted_at = now
        if now - name.asked_at >= FRESH_SECONDS:
            self._ask(host, name, now)
        if now - name.known_at < STALE_SECONDS:
            return name.addresses
        if name.asking is None:
            raise socket.gaierror(socket.EAI_NONAME, "not known a moment ago")
        return await asyncio.shield(name.asking)

    def known(self, host: str) -> Addresses:
        """The addresses that were found last; none for what was never asked. Does no I/O; what is old is asked for
        again meanwhile."""
        name = self._names.get(host)
        if name is None:
            return ()
        now = asyncio.get_running_loop().time()
        if now - name.asked_at >= FRESH_SECONDS:
            self._ask(host, name, now)
        return name.addresses

    def forget(self, now: float) -> None:
        """Forgets the names that nobody has needed for long."""
        for host, name in list(self._names.items()):
            if now - name.wanted_at > STALE_SECONDS and name.asking is None:
                del self._names[host]

    def close(self) -> None:
        """Asks no more."""
        for name in self._names.values():
            if name.asking is not None:
                name.asking.cancel()

    def _ask(self, host: str, name: _Name, now: float) -> None:
        if name.asking is None:
            name.asked_at = now
            name.asking = asyncio.get_running_loop().create_task(self._asked(host, name))
            name.asking.add_done_callback(_heard)

    async def _asked(self, host: str, name: _Name) -> Addresses:
        try:
            name.addresses = await self._lookup(host)
            name.known_at = asyncio.get_running_loop().time()
            return name.addresses
        finally:
            name.asking = None


def is_address(host: str) -> bool:
    """Whether there is nothing to resolve."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _heard(task: "asyncio.Task[Addresses]") -> None:
    """Whoever waits is told of a failure; where nobody does, the former addresses serve on."""
    if not task.cancelled():
        task.exception()


async def _system(host: str) -> Addresses:
    found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))
