"""Tells authsvc which keys this worker let in, and when last: off the path of requests, each key once in a while."""

import asyncio
from typing import TYPE_CHECKING, Final

import grpc
import structlog
from penstock.auth.v1 import auth_service_pb2 as pb

from domain.api_keys import KEY_ID
from edge.auth import wire

if TYPE_CHECKING:  # a name of the generated stub file only
    from penstock.auth.v1.auth_service_pb2_grpc import AuthServiceAsyncStub

# With the 20 s until authsvc stores them (authsvc/key_uses.py) a use is shown within a minute.
TELL_SECONDS: Final = 20.0
MAX_BATCH: Final = 1000
_TIMEOUT_SECONDS: Final = 2.0
log = structlog.get_logger()


class Uses:
    """When credentials were last let in, by their ids, since authsvc was last told."""

    def __init__(self, stub: "AuthServiceAsyncStub", tell_seconds: float = TELL_SECONDS) -> None:
        self._stub = stub
        self._tell_seconds = tell_seconds
        self.last: dict[str, float] = {}
        """Written by the hot path: credential id → seconds since 1970. Bounded by the keys that there are."""

    async def run(self) -> None:
        """Tells until cancelled."""
        while True:
            await asyncio.sleep(self._tell_seconds)
            await self.tell()

    async def tell(self) -> None:
        """Tells all there is; what authsvc does not take is told the next time."""
        # The other credentials are tokens by the ids of signing keys. authsvc passes over those that look alike.
        uses = [(key_id, at) for key_id, at in self.last.items() if KEY_ID.fullmatch(key_id)]
        self.last.clear()
        for start in range(0, len(uses), MAX_BATCH):
            request = pb.ReportKeyUsesRequest(uses=[wire.use(*each) for each in uses[start : start + MAX_BATCH]])
            try:
                await self._stub.ReportKeyUses(request, timeout=_TIMEOUT_SECONDS)
            except grpc.aio.AioRpcError as error:
                log.info("uses of keys are told later", code=error.code().name, keys=len(uses) - start)
                for key_id, at in uses[start:]:
                    self.last.setdefault(key_id, at)
                return
