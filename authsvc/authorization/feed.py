"""The tenants that requests are judged by, kept current by a watch on configsvc that begins when somebody asks.

What was learned once holds while configsvc is away.
"""

import asyncio
from collections.abc import Callable
from typing import Final

import grpc
from penstock.errors.v1 import error_reason_pb2 as reasons

from authsvc.authorization.tenants import Tenants
from svckit.config_watch import ConfigWatch
from svckit.errors import Fault

# The first to ask wait so long for the first state, no longer: who asks for them waits, too.
_PATIENCE_SECONDS: Final = 1.0


class TenantFeed:
    """The tenants of the process. `run` must be running."""

    def __init__(
        self, channel: grpc.aio.Channel, *, unit: Callable[[], float], patience_seconds: float = _PATIENCE_SECONDS
    ) -> None:
        self._tenants = Tenants()
        self._watch = ConfigWatch(channel, "authsvc", self._tenants, unit=unit)
        self._patience_seconds = patience_seconds
        self._wanted = asyncio.Event()

    def want(self) -> None:
        """Has the watch begin."""
        self._wanted.set()

    async def run(self) -> None:
        """Keeps the tenants current until cancelled, from when they are wanted."""
        await self._wanted.wait()
        await self._watch.run()

    async def known(self) -> Tenants:
        """The tenants; Fault NOT_READY when nothing is known of them yet."""
        if not self._watch.synced.is_set():
            self.want()
            try:
                async with asyncio.timeout(self._patience_seconds):
                    await self._watch.synced.wait()
            except TimeoutError:
                raise Fault(reasons.ERROR_REASON_NOT_READY) from None
        return self._tenants
