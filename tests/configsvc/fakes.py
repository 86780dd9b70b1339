"""The two services that provision tenants, played over real gRPC."""

import asyncio
from dataclasses import dataclass, field

from penstock.auth.v1 import provisioning_service_pb2 as auth_pb
from penstock.auth.v1 import provisioning_service_pb2_grpc as auth_grpc
from penstock.errors.v1 import error_reason_pb2 as reasons
from penstock.telemetry.v1 import provisioning_service_pb2 as telemetry_pb
from penstock.telemetry.v1 import provisioning_service_pb2_grpc as telemetry_grpc

from svckit.errors import Fault
from svckit.interceptors.shape import Context


@dataclass
class FakeAuth(auth_grpc.ProvisioningServiceServicer):
    """Keeps the contract of authsvc's provisioning (authsvc/provisioning.py).

    One short id per tenant, one live key per request id, the earlier one is revoked; when a request has minted a
    tenant's first key, no other one may. Nothing is answered before it is `released`.
    """

    down: bool = False
    # Does what it is asked to, but its answers get lost.
    mute: bool = False
    live: dict[str, str] = field(default_factory=dict)
    short_ids: dict[str, str] = field(default_factory=dict)
    minters: dict[str, str] = field(default_factory=dict)
    requests: list[auth_pb.ProvisionTenantRequest] = field(default_factory=list)
    arrivals: "asyncio.Queue[auth_pb.ProvisionTenantRequest]" = field(default_factory=asyncio.Queue)
    released: asyncio.Event = field(default_factory=asyncio.Event)
    purged: list[str] = field(default_factory=list)
    minted: int = 0

    def __post_init__(self) -> None:
        self.released.set()

    def hold(self) -> None:
        """Lets calls arrive and wait for `released`."""
        self.released.clear()

    async def arrival(self, *, mint_key: bool) -> auth_pb.ProvisionTenantRequest:
        """The next call that arrives and wants a key, or none."""
        async with asyncio.timeout(10):
            while (request := await self.arrivals.get()).mint_key is not mint_key:
                pass
        return request

    async def ProvisionTenant(
        self, request: auth_pb.ProvisionTenantRequest, _context: Context
    ) -> auth_pb.ProvisionTenantResponse:
        if self.down:
            raise Fault(reasons.ERROR_REASON_UNAVAILABLE)
        self.requests.append(request)
        self.arrivals.put_nowait(request)
        await self.released.wait()
        known = self.short_ids.get(request.tenant_id)
        if known not in (None, request.short_id) or (known is None and request.short_id in self.short_ids.values()):
            raise Fault(reasons.ERROR_REASON_ALREADY_EXISTS)
        self.short_ids[request.tenant_id] = request.short_id
        if not request.mint_key:
            return auth_pb.ProvisionTenantResponse()
        if self.minters.setdefault(request.tenant_id, request.request_id) != request.request_id:
            raise Fault(reasons.ERROR_REASON_ALREADY_EXISTS)
        self.minted += 1
        self.live[request.request_id] = f"psk_live_{request.short_id}_{self.minted}"
        if self.mute:
            raise Fault(reasons.ERROR_REASON_UNAVAILABLE)
        return auth_pb.ProvisionTenantResponse(api_key=self.live[request.request_id], key_id=str(self.minted))

    async def PurgeTenant(self, request: auth_pb.PurgeTenantRequest, _context: Context) -> auth_pb.PurgeTenantResponse:
        if self.down:
            raise Fault(reasons.ERROR_REASON_UNAVAILABLE)
        self.purged.append(request.tenant_id)
        self.short_ids.pop(request.tenant_id, None)
        self.live.pop(self.minters.pop(request.tenant_id, ""), None)
        return auth_pb.PurgeTenantResponse()


@dataclass
class FakeTelemetry(telemetry_grpc.ProvisioningServiceServicer):
    """Remembers which tenants have a schema."""

    tenants: list[str] = field(default_factory=list)

    async def ProvisionTenant(
        self, request: telemetry_pb.ProvisionTenantRequest, _context: Context
    ) -> telemetry_pb.ProvisionTenantResponse:
        self.tenants.append(request.tenant_id)
        return telemetry_pb.ProvisionTenantResponse()

    async def PurgeTenant(
        self, request: telemetry_pb.PurgeTenantRequest, _context: Context
    ) -> telemetry_pb.PurgeTenantResponse:
        self.tenants = [each for each in self.tenants if each != request.tenant_id]
        return telemetry_pb.PurgeTenantResponse()
