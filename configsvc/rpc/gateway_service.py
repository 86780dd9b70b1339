"""GatewayService: the matrix of gateways and tenants, derived from acknowledgements."""

from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any

import orjson
from penstock.config.v1 import config_service_pb2, gateway_service_pb2_grpc
from penstock.config.v1 import gateway_service_pb2 as pb
from penstock.errors.v1 import error_reason_pb2 as reasons

from configsvc.board import Board
from configsvc.delivery import LOST_AFTER_SECONDS, Standing, delivery_state
from configsvc.fields import DEFAULT_SCOPE, FieldChecks
from configsvc.gateway_store import GatewayStore, Reasons
from domain.tenants import TenantId
from svckit.errors import Fault
from svckit.interceptors.shape import Context


class GatewayServicer(gateway_service_pb2_grpc.GatewayServiceServicer):
    """Serves the matrix; gateway credentials are not served yet (UNIMPLEMENTED)."""

    def __init__(self, gateways: GatewayStore, board: Board) -> None:
        self._gateways = gateways
        self._board = board

    async def ListGateways(self, request: pb.ListGatewaysRequest, _context: Context) -> pb.ListGatewaysResponse:
        """Every instance with its state for every tenant in its scope."""
        checks = FieldChecks()
        only = checks.tenant("tenant_id", request.tenant_id) if request.tenant_id else None
        checks.done()
        await self._board.load()  # an answer after a publish knows of it, whichever replica took it
        rows = [row for row in await self._gateways.all() if only is None or row["scope"] in (DEFAULT_SCOPE, only)]
        tenants = [event.snapshot for _, event in self._board.beyond(0, only) if event.HasField("snapshot")]
        refused = {tenant for row in rows for tenant in _rejects(row)}
        refusals = await self._gateways.reasons(
            [TenantId(each.tenant.id) for each in tenants if each.tenant.id in refused]
        )
        return pb.ListGatewaysResponse(
            gateways=[_gateway(row, tenants, refusals) for row in rows], head_revision=self._board.head
        )

    async def CreateGatewayCredential(
        self, _request: pb.CreateGatewayCredentialRequest, _context: Context
    ) -> pb.CreateGatewayCredentialResponse:
        """Comes with remote gateways."""
        raise Fault(reasons.ERROR_REASON_UNIMPLEMENTED)

    async def RevokeGatewayCredential(
        self, _request: pb.RevokeGatewayCredentialRequest, _context: Context
    ) -> pb.RevokeGatewayCredentialResponse:
        """Comes with remote gateways."""
        raise Fault(reasons.ERROR_REASON_UNIMPLEMENTED)


def _rejects(row: Mapping[str, Any]) -> Mapping[str, int]:
    rejects: Mapping[str, int] = orjson.loads(row["rejects"])
    return rejects


def _gateway(
    row: Mapping[str, Any], tenants: Sequence[config_service_pb2.TenantSnapshot], refusals: Reasons
) -> pb.Gateway:
    rejects = _rejects(row)
    gateway = pb.Gateway(
        instance=config_service_pb2.Instance(
            gateway_id=row["gateway_id"], slot=row["slot"], boot_id=str(row["boot_id"])
        ),
        scope=row["scope"],
        connected=row["watch_id"] is not None and row["age_seconds"] <= LOST_AFTER_SECONDS,
        revision=row["revision"],
    )
    gateway.last_seen_time.FromDatetime(row["last_seen"].astimezone(UTC))
    for each in tenants:
        if row["scope"] not in (DEFAULT_SCOPE, each.tenant.id):
            continue
        standing = Standing(row["age_seconds"], row["revision"], rejects.get(each.tenant.id, 0))
        state = delivery_state(standing, each.revision)
        refused = state == pb.DELIVERY_STATE_REJECTED
        why = refusals.get(TenantId(each.tenant.id), {}).get((row["gateway_id"], row["slot"]), []) if refused else []
        gateway.tenants.add(
            tenant_id=each.tenant.id,
            config_version=each.tenant.config_version,
            revision=each.revision,
            state=state,
            reasons=why,
        )
    return gateway
