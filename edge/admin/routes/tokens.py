"""Admin tokens: create and revoke."""

from typing import Annotated

from fastapi import Path, Response, status
from penstock.auth.v1 import admin_token_service_pb2 as pb2
from penstock.errors.v1 import error_reason_pb2 as reasons

from edge.admin.access import may_mint, may_revoke
from edge.admin.admission import Admission, Asking, Called, Entering, Noted
from edge.admin.models.tokens import Token, TokenGiven, TokenMade
from svckit.errors import Fault

TokenId = Annotated[str, Path(pattern=r"^[0-9A-Za-z]{1,64}$", description="The token's id.")]


async def create_token(
    given: TokenGiven, bearer: Asking, admission: Entering, services: Called, act: Noted
) -> TokenMade:
    """Create an admin token. A tenant's admin creates tokens for that tenant only."""
    tenant_id = await _tenant_id(admission, given, bearer)
    if not may_mint(bearer, given.role, tenant_id):
        raise Fault(reasons.ERROR_REASON_ROLE_REQUIRED)
    answer = await services.tokens.CreateAdminToken(given.message(tenant_id or ""))
    act.facts |= {"made_token_id": answer.token.id, "made_role": given.role.value, "tenant_id": tenant_id}
    return TokenMade(token=Token.of(answer.token), secret=answer.secret)


async def revoke_token(token_id: TokenId, bearer: Asking, services: Called) -> Response:
    """End an admin token at once: an operator any, everybody else their own."""
    if not may_revoke(bearer, token_id):
        raise Fault(reasons.ERROR_REASON_ROLE_REQUIRED)
    await services.tokens.RevokeAdminToken(pb2.RevokeAdminTokenRequest(token_id=token_id))
    return Response(status_code=status.HTTP_204_NO_CONTENT)


async def _tenant_id(admission: Admission, given: TokenGiven, bearer: Asking) -> str | None:
    if given.tenant_id is None:
        return None
    return (await admission.tenant(bearer, given.tenant_id)).id
