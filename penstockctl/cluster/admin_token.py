"""The operator's token: made once over authsvc, kept in the data directory, replaced when no longer valid."""

from pathlib import Path

import grpc
from penstock.auth.v1 import admin_token_service_pb2 as messages
from penstock.auth.v1.admin_token_service_pb2_grpc import AdminTokenServiceStub

from penstockctl.cluster.admin_api import AdminApi
from penstockctl.faults import OperatorError
from penstockctl.private_files import read_kept, write_private_text
from svckit.channels import open_channel
from svckit.identity import ProcessIdentity

_CALL_SECONDS = 15.0


async def ensure_admin_token(path: Path, admin_url: str, authsvc_target: str, identity: ProcessIdentity) -> str:
    """The token kept in `path` if the management API takes it; else a new operator's token, kept there."""
    if kept := read_kept(path):
        async with AdminApi(admin_url, kept) as api:
            if await api.accepts_token():
                return kept
    token = await _create_token(authsvc_target, identity)
    write_private_text(path, token + "\n")
    return token


async def _create_token(target: str, identity: ProcessIdentity) -> str:
    request = messages.CreateAdminTokenRequest(name="penstock up", role=messages.ADMIN_ROLE_OPERATOR)
    try:
        async with open_channel(target, identity, "authsvc") as channel:
            stub = AdminTokenServiceStub(channel)
            return str((await stub.CreateAdminToken(request, timeout=_CALL_SECONDS)).secret)
    except grpc.RpcError as error:
        raise OperatorError(f"authsvc did not make an admin token: {error}") from error
