"""Keeps the worker's config current: begins with a warm copy, watches configsvc, applies, acknowledges, comes back.

The snapshot is one pointer, swapped when a change is wholly applied; requests that hold the old one finish on it.
The end of the control plane is never the end of serving.
"""

import asyncio
import random
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Final

import grpc
import structlog
from penstock.config.v1 import config_service_pb2 as pb
from penstock.config.v1 import config_service_pb2_grpc

from domain.tenants import TenantId
from edge.config.defaults import NO_DEFAULTS, DocumentDefaults
from edge.config.ledger import Ledger, Reject
from edge.config.warm import WarmCopies
from edge.instance import Instance
from edge.snapshot import GatewaySnapshot, Rules
from svckit.backoff import delays
from svckit.channels import open_stream

# Refusals that the same request will meet again: waiting does not help, a new credential or setting may (A24).
PERMANENT: Final = frozenset(
    {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.NOT_FOUND}
)
_RANDOM: Final = random.SystemRandom()
_ACK_SECONDS: Final = 5.0
# Larger documents are compiled on a thread: 1,000 routes take about 10 ms.
_THREAD_FROM_ROUTES: Final = 200
log = structlog.get_logger()


class FeedState(Enum):
    """Where the watch is; none of them says whether the worker can serve."""

    STARTING = "starting"
    SYNCING = "syncing"
    CURRENT = "current"
    AWAY = "away"
    REFUSED = "refused"


class ConfigFeed:
    """The config of one worker. `snapshot` is the newest that was wholly applied."""

    def __init__(
        self,
        channel: grpc.aio.Channel,
        instance: Instance,
        scope: str,
        env: Mapping[str, str],
        warm: WarmCopies | None,
        *,
        defaults: DocumentDefaults = NO_DEFAULTS,
        unit: Callable[[], float] = _RANDOM.random,
    ) -> None:
        self._stub = config_service_pb2_grpc.ConfigServiceStub(channel)
        self._instance = pb.Instance(gateway_id=instance.gateway_id, slot=instance.slot, boot_id=instance.boot_id)
        self._scope = scope
        self._warm = warm
        self._unit = unit
        self._ledger = Ledger(env, defaults)
        self._changed: set[TenantId] = set()  # applied, not yet swapped in
        self._ack_wanted = asyncio.Event()
        self._again = asyncio.Event()
        self._waits = delays(unit)
        self._leaving = False
        self.snapshot = GatewaySnapshot()
        self.state = FeedState.STARTING
        self.begun = asyncio.Event()
        """Set once a warm copy has been looked for: whoever serves earlier refuses what it could serve."""

    @property
    def ready(self) -> bool:
        """Whether there is a config to serve by."""
        return bool(self.snapshot.tenants)

    @property
    def revision(self) -> int:
        """The revision of the snapshot."""
        return self.snapshot.revision

    @property
    def rejects(self) -> tuple[Reject, ...]:
        """The tenants' states that were refused; an older one is in force."""
        return self._ledger.rejects

    def try_again(self) -> None:
        """Ends the wait after a permanent refusal, for a credential or setting that has changed."""
        self._again.set()

    def leave(self) -> None:
        """Makes the watch that is open the last one: configsvc takes whoever watches last for the holder of the slot,
        and that is the successor of a worker that drains."""
        self._leaving = True

    async def run(self) -> None:
        """Runs until cancelled, after `leave` to the end of the watch."""
        await self._begin_warm()
        async with asyncio.TaskGroup() as tasks:
            beside = [tasks.create_task(self._acknowledge())]
            if self._warm is not None:
                beside.append(tasks.create_task(self._warm.run(lambda: self._ledger)))
            while not self._leaving:
                await self._pause(await self._watch())
            for each in beside:
                each.cancel()

    async def _begin_warm(self) -> None:
        copy = await self._warm.load() if self._warm is not None else None
        if copy is None:
            self.begun.set()
            return
        for each in copy.copies:
            await self._apply(pb.WatchConfigResponse.FromString(each.event))
        self._ledger.reached(copy.head)
        self.snapshot = self._ledger.snapshot()
        self.begun.set()
        log.info("config from a warm copy", revision=copy.head, tenants=len(self.snapshot.tenants))

    async def _watch(self) -> grpc.StatusCode:
        """One stream, from its opening to its end; how it ended."""
        self.state = FeedState.SYNCING
        request = pb.WatchConfigRequest(instance=self._instance, scope=self._scope, resume_from=self._ledger.revision)
        try:
            async with open_stream(self._stub.WatchConfig(request)) as stream:
                await self._follow(stream)
                return await stream.code()
        except grpc.aio.AioRpcError as error:
            return error.code()

    async def _follow(self, stream: "grpc.aio.UnaryStreamCall[pb.WatchConfigRequest, pb.WatchConfigResponse]") -> None:
        """Applies what comes. Nothing is swapped in before SYNC_COMPLETE: a half of the tenants is no config."""
        async for event in stream:
            if event.HasField("sync_complete"):
                self._ledger.reached(event.sync_complete.revision)
                self.state = FeedState.CURRENT
                self._waits = delays(self._unit)
            elif (tenant := await self._apply(event)) is not None:
                self._changed.add(tenant)
            if self.state is FeedState.CURRENT:
                self._ledger.reached(_revision(event))
                self._swap()
                self._ack_wanted.set()

    async def _apply(self, event: pb.WatchConfigResponse) -> TenantId | None:
        if len(event.snapshot.config.routes) > _THREAD_FROM_ROUTES:
            rules = await asyncio.to_thread(self._ledger.compile, event)
        else:
            rules = self._ledger.compile(event)
        tenant = self._ledger.apply(event, rules)
        if isinstance(rules, Rules) and rules.unset:
            log.warning("targets without an address: variables are not set", tenant=tenant, variables=rules.unset)
        for reject in self._ledger.rejects:
            if reject.tenant == tenant:
                log.warning(
                    "config rejected, the old one stays in force",
                    tenant=tenant,
                    revision=reject.revision,
                    reasons=[f"{reason.path} {reason.message}" for reason in reject.reasons[:10]],
                )
        return tenant

    def _swap(self) -> None:
        self.snapshot = self._ledger.snapshot()
        changed, self._changed = self._changed, set()
        if self._warm is not None:  # even over nothing: Redis may have lost its copy meanwhile
            self._warm.note(changed)

    async def _pause(self, ended: grpc.StatusCode) -> None:
        """Waits before the next stream; the series of waits begins anew only after one that got to its sync."""
        if ended in PERMANENT:
            self.state = FeedState.REFUSED
            log.error("configsvc refuses this gateway for good; waiting for a change", code=ended.name)
            self._again.clear()
            await self._again.wait()
            return
        self.state = FeedState.AWAY
        wait = next(self._waits)
        log.info("watch on configsvc ended", code=ended.name, again_in_seconds=round(wait, 3))
        await asyncio.sleep(wait)

    async def _acknowledge(self) -> None:
        """Tells configsvc what is in force; only the newest state of things is worth telling."""
        waits = delays(self._unit)
        while True:
            await self._ack_wanted.wait()
            self._ack_wanted.clear()
            request = pb.AckConfigRequest(
                instance=self._instance,
                scope=self._scope,
                revision=self._ledger.revision,
                rejects=[_reject(each) for each in self._ledger.rejects],
            )
            try:
                await self._stub.AckConfig(request, timeout=_ACK_SECONDS)
                waits = delays(self._unit)
            except grpc.aio.AioRpcError as error:
                log.info("acknowledgement not taken", code=error.code().name)
                await asyncio.sleep(next(waits))
                if self.state is FeedState.CURRENT:  # else the next sync asks for it
                    self._ack_wanted.set()


def _revision(event: pb.WatchConfigResponse) -> int:
    which = event.WhichOneof("event")
    return int(getattr(event, which).revision) if which else 0


def _reject(reject: Reject) -> pb.ConfigReject:
    return pb.ConfigReject(
        tenant_id=reject.tenant,
        revision=reject.revision,
        reasons=[pb.DocumentFault(path=each.path, message=each.message) for each in reject.reasons],
    )
