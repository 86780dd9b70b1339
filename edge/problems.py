"""The one door by which every refusal leaves: a reason of the catalogue becomes a problem+json answer (RFC 9457)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import orjson
from penstock.errors.v1 import error_reason_pb2 as reasons

from domain.access import Denied
from svckit.errors import BY_NAME, CATALOGUE, CHALLENGE, problem

Fields: TypeAlias = tuple[tuple[bytes, bytes], ...]

WWW_AUTHENTICATE = (b"WWW-Authenticate", CHALLENGE.encode())
SHIELDS: Fields = (
    (b"Cache-Control", b"no-store"),
    (b"X-Content-Type-Options", b"nosniff"),
    (b"Content-Security-Policy", b"default-src 'none'; frame-ancestors 'none'"),
)
"""What stands on every answer of the edge's own that does not say better itself."""
DEFENSIVE: Fields = ((b"Content-Type", b"application/problem+json"), *SHIELDS)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not served: a reason, a sentence for people, and what else the answer carries."""

    reason: int
    detail: str
    fields: Fields = ()
    members: Mapping[str, object] = field(default_factory=dict)

    @property
    def status(self) -> int:
        """The HTTP status of the reason."""
        return CATALOGUE[self.reason].http_status

    @property
    def code(self) -> str:
        """The reason's public name."""
        return CATALOGUE[self.reason].name


def bad_request(detail: str) -> Refusal:
    """The refusal of what cannot be read as a valid request."""
    return Refusal(reasons.ERROR_REASON_BAD_REQUEST, detail)


def refusal_of(denied: Denied) -> Refusal:
    """The refusal of what a decision denies."""
    return Refusal(BY_NAME[denied.reason], denied.detail)


def render(refusal: Refusal, *, instance: str, request_id: str) -> tuple[int, Fields, bytes]:
    """The answer to a refused request: status, header fields without framing, body."""
    body = orjson.dumps(
        problem(
            refusal.reason,
            detail=refusal.detail,
            instance=instance,
            request_id=request_id,
            **refusal.members,
        )
    )
    challenge: Fields = (WWW_AUTHENTICATE,) if refusal.status == 401 else ()
    return refusal.status, (*DEFENSIVE, *challenge, *refusal.fields), body
