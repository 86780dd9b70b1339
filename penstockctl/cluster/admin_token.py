"""The operator's token: made over authsvc, kept in a file, replaced when it is no longer valid or on request."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
from penstock.auth.v1 import admin_token_service_pb2 as messages
from penstock.auth.v1.admin_token_service_pb2_grpc import AdminTokenServiceStub

from domain.api_keys import parse_admin_token
from penstockctl.faults import OperatorError
from penstockctl.private_files import read_kept, write_private_text
from svckit.channels import open_channel
from svckit.identity import ProcessIdentity

if TYPE_CHECKING:
    from penstock.auth.v1.admin_token_service_pb2_grpc import AdminTokenServiceAsyncStub as Stub

_CALL_SECONDS = 15.0


async def ensure_admin_token(path: Path, target: str, identity: ProcessIdentity) -> tuple[str, bool]:
    """The token kept in `path` if it still is an operator's, else a new one, kept there; and whether it is new.

    `target` is authsvc's address. OperatorError: it does not answer or obey.
    """
    async with _admin_tokens(target, identity) as stub:
        kept = read_kept(path)
        if kept is not None and await _valid_id(stub, kept):
            return kept, False
        return await _make(stub, path), True


async def rotate_admin_token(path: Path, target: str, identity: ProcessIdentity) -> None:
    """Put a new operator's token into `path` and end the one that was there. OperatorError as above."""
    async with _admin_tokens(target, identity) as stub:
        kept = read_kept(path)
        old = await _valid_id(stub, kept) if kept is not None else None
        await _make(stub, path)
        # Last: whoever is stopped before this has two tokens, never none.
        if old is not None:
            await stub.RevokeAdminToken(messages.RevokeAdminTokenRequest(token_id=old), timeout=_CALL_SECONDS)


@asynccontextmanager
async def _admin_tokens(target: str, identity: ProcessIdentity) -> "AsyncIterator[Stub]":
    try:
        async with open_channel(target, identity, "authsvc") as channel:
            yield AdminTokenServiceStub(channel)
    except grpc.aio.AioRpcError as error:
        reason = error.details() or error.code().name
        raise OperatorError(f"authsvc at {target} did not make an admin token: {reason}") from error


async def _valid_id(stub: "Stub", secret: str) -> str | None:
    """The id of an operator's token that authsvc still takes; None for any other text."""
    if parse_admin_token(secret.encode()) is None:
        return None
    request = messages.AuthenticateAdminTokenRequest(secret=secret)
    token = (await stub.AuthenticateAdminToken(request, timeout=_CALL_SECONDS)).token
    return str(token.id) if token.role == messages.ADMIN_ROLE_OPERATOR else None


async def _make(stub: "Stub", path: Path) -> str:
    request = messages.CreateAdminTokenRequest(name="penstock", role=messages.ADMIN_ROLE_OPERATOR)
    token = str((await stub.CreateAdminToken(request, timeout=_CALL_SECONDS)).secret)
    write_private_text(path, token + "\n")
    return token
