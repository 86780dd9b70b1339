"""Admin tokens: the bearer tokens of this very API."""

from datetime import datetime
from typing import Self

from penstock.auth.v1 import admin_token_service_pb2 as pb2
from pydantic import Field, model_validator

from edge.admin.access import Role
from edge.admin.models.shapes import Answer, Body, Name
from edge.admin.models.times import GivenTime, stamp_of, time_of

_NUMBERS = {
    Role.OPERATOR: pb2.ADMIN_ROLE_OPERATOR,
    Role.TENANT_ADMIN: pb2.ADMIN_ROLE_TENANT_ADMIN,
    Role.TENANT_VIEWER: pb2.ADMIN_ROLE_TENANT_VIEWER,
}
_ROLES = {number: role for role, number in _NUMBERS.items()}


class TokenGiven(Body):
    """A token to create."""

    name: Name
    # Not strict: JSON has no enums, its strings have to be converted.
    role: Role = Field(strict=False)
    tenant_id: str | None = Field(default=None, max_length=63, description="UUID or slug; needed by tenant roles.")
    expires_at: GivenTime | None = None

    @model_validator(mode="after")
    def _is_confined(self) -> Self:
        if (self.role is Role.OPERATOR) != (self.tenant_id is None):
            raise ValueError("tenant_id is needed by tenant roles, and by them only")
        return self

    def message(self, tenant_id: str) -> pb2.CreateAdminTokenRequest:
        """The same in the contract's form, confined to `tenant_id` (empty for operators)."""
        return pb2.CreateAdminTokenRequest(
            name=self.name, role=_NUMBERS[self.role], tenant_id=tenant_id, expire_time=stamp_of(self.expires_at)
        )


class Token(Answer):
    """An admin token without its secret."""

    id: str
    name: str
    role: Role
    tenant_id: str | None
    created_at: datetime | None
    expires_at: datetime | None

    @classmethod
    def of(cls, token: pb2.AdminToken) -> Self:
        """The token in the API's form."""
        return cls(
            id=token.id,
            name=token.name,
            role=_ROLES[token.role],
            tenant_id=token.tenant_id or None,
            created_at=time_of(token, "create_time"),
            expires_at=time_of(token, "expire_time"),
        )


class TokenMade(Answer):
    """A new token and its secret."""

    token: Token
    secret: str = Field(description="The whole credential, `psa_…`, shown this once.")
