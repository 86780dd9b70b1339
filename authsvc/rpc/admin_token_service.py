"""Tokens of the management API: create, check, revoke."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import structlog
from penstock.auth.v1 import admin_token_service_pb2 as pb
from penstock.auth.v1.admin_token_service_pb2_grpc import AdminTokenServiceServicer
from penstock.errors.v1 import error_reason_pb2 as reasons

from authsvc.admin_tokens import AdminTokens, TokenRecord, TokenWish
from authsvc.fields import FieldChecks
from authsvc.rpc.messages import timestamp
from svckit.errors import Fault
from svckit.interceptors.shape import Context

_TENANT_ROLES: Final = frozenset({pb.ADMIN_ROLE_TENANT_ADMIN, pb.ADMIN_ROLE_TENANT_VIEWER})
_ROLES: Final = _TENANT_ROLES | {pb.ADMIN_ROLE_OPERATOR}
_MAX_SECRET_OCTETS: Final = 256
log = structlog.get_logger()


class AdminTokenRpc(AdminTokenServiceServicer):
    """Serves penstock.auth.v1.AdminTokenService."""

    def __init__(self, tokens: AdminTokens, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._tokens = tokens
        self._clock = clock

    async def CreateAdminToken(
        self, request: pb.CreateAdminTokenRequest, _context: Context
    ) -> pb.CreateAdminTokenResponse:
        record, secret = await self._tokens.create(self._wish(request))
        log.info("admin token created", token_id=record.token_id, role=pb.AdminRole.Name(request.role))
        return pb.CreateAdminTokenResponse(token=_message(record), secret=secret.value.decode())

    async def AuthenticateAdminToken(
        self, request: pb.AuthenticateAdminTokenRequest, _context: Context
    ) -> pb.AuthenticateAdminTokenResponse:
        value = request.secret.encode()
        checks = FieldChecks()
        checks.expect("secret", len(value) <= _MAX_SECRET_OCTETS, f"must be at most {_MAX_SECRET_OCTETS} octets")
        checks.done()
        record = await self._tokens.authenticate(value)
        return pb.AuthenticateAdminTokenResponse(token=None if record is None else _message(record))

    async def RevokeAdminToken(
        self, request: pb.RevokeAdminTokenRequest, _context: Context
    ) -> pb.RevokeAdminTokenResponse:
        checks = FieldChecks()
        token_id = checks.key_id("token_id", request.token_id)
        checks.done()
        if not await self._tokens.revoke(token_id):
            raise Fault(reasons.ERROR_REASON_NOT_FOUND, "The token does not exist.")
        log.info("admin token revoked", token_id=token_id)
        return pb.RevokeAdminTokenResponse()

    def _wish(self, request: pb.CreateAdminTokenRequest) -> TokenWish:
        checks = FieldChecks(self._clock)
        name = checks.name("name", request.name)
        checks.expect("role", request.role in _ROLES, "must be a role")
        confined = request.role in _TENANT_ROLES
        tenant = checks.tenant("tenant_id", request.tenant_id) if confined else None
        checks.expect("tenant_id", confined or not request.tenant_id, "must be empty for operators")
        expires_at = checks.future("expire_time", request.expire_time if request.HasField("expire_time") else None)
        checks.done()
        return TokenWish(name, request.role, tenant, expires_at)


def _message(record: TokenRecord) -> pb.AdminToken:
    return pb.AdminToken(
        id=record.token_id,
        name=record.wish.name,
        role=pb.AdminRole.ValueType(record.wish.role),
        tenant_id=record.wish.tenant or "",
        create_time=timestamp(record.created_at),
        expire_time=timestamp(record.wish.expires_at),
    )
