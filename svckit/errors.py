"""The catalogue of refusals and failures: one table from a public reason to its HTTP and gRPC forms.

Every rim translates through here: services raise `Fault`, the interceptor chain turns it into a gRPC status
with an ErrorInfo, the client side turns that back into a `Fault`, and the HTTP side renders it as RFC 9457
problem details. What is not a `Fault` never reaches a caller as text.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import grpc
from google.protobuf import any_pb2
from google.protobuf.message import DecodeError, Message
from google.rpc import code_pb2, error_details_pb2, status_pb2
from penstock.errors.v1 import error_reason_pb2 as reasons

DOMAIN: Final = "penstock"
DOCUMENTATION: Final = "https://penstock.dev/errors/"
"""The page is docs/errors.md."""
CHALLENGE: Final = 'Bearer realm="penstock", ApiKey realm="penstock"'
"""What a 401 says in WWW-Authenticate."""
# Types that are registered for all to use.
_REGISTERED: Final = {"RATE_LIMITED": "https://iana.org/assignments/http-problem-types#quota-exceeded"}
DETAILS_KEY: Final = "grpc-status-details-bin"
_PREFIX: Final = "ERROR_REASON_"


@dataclass(frozen=True, slots=True)
class ReasonSpec:
    """How one reason looks from outside. `retryable`: the same request may succeed later, unchanged."""

    name: str
    http_status: int
    grpc_status: grpc.StatusCode
    title: str
    retryable: bool

    @property
    def type(self) -> str:
        """The URI of its problem type (RFC 9457 §3.1.1): a registered one, else a page of ours."""
        return _REGISTERED.get(self.name, DOCUMENTATION + self.name)


@dataclass(frozen=True, slots=True)
class FieldFault:
    """One thing wrong with a request or document: `path` into it (`routes[2].prefix`), `message` for a human."""

    path: str
    message: str


class Fault(Exception):
    """A failure that has a public reason.

    `detail`, `fields` and `metadata` are sent to the caller: no secrets, no internals. An empty `detail`
    stands for the reason's title.
    """

    def __init__(
        self,
        reason: int,
        detail: str = "",
        *,
        fields: tuple[FieldFault, ...] = (),
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        self.spec: Final = CATALOGUE[reason]
        self.reason: Final = reason
        self.detail: Final = detail or self.spec.title
        self.fields: Final = fields
        self.metadata: Final[Mapping[str, str]] = dict(metadata or {})
        super().__init__(f"{self.spec.name}: {self.detail}")


def problem(
    reason: int, *, detail: str = "", instance: str = "", request_id: str = "", **extra: object
) -> dict[str, object]:
    """The RFC 9457 body of a refusal, with `code`, `error` (the same value) and `request_id`.

    `extra` adds members, for example `stage` or `errors`; an empty `instance` is left out (§3.1: optional).
    """
    spec = CATALOGUE[reason]
    document: dict[str, object] = {
        "type": spec.type,
        "title": spec.title,
        "status": spec.http_status,
        "detail": detail or spec.title,
        "code": spec.name,
        "error": spec.name,
        "request_id": request_id,
        **extra,
    }
    if instance:
        document["instance"] = instance
    return document


def to_status(fault: Fault) -> status_pb2.Status:
    """The gRPC status of a fault: one ErrorInfo (AIP-193) and, when fields are named, one BadRequest."""
    info = error_details_pb2.ErrorInfo(reason=fault.spec.name, domain=DOMAIN, metadata=dict(fault.metadata))
    status = status_pb2.Status(code=fault.spec.grpc_status.value[0], message=fault.detail)
    status.details.append(_packed(info))
    if fault.fields:
        violations = [
            error_details_pb2.BadRequest.FieldViolation(field=field.path, description=field.message)
            for field in fault.fields
        ]
        status.details.append(_packed(error_details_pb2.BadRequest(field_violations=violations)))
    return status


def from_rpc_error(error: grpc.aio.AioRpcError) -> Fault:
    """The fault that a failed call carries.

    A status without our ErrorInfo comes from the transport or from a foreign server: its text is not ours to
    pass on, so only its code is read.
    """
    status = _details(error)
    info, fields = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in status.details:
        for known in (info, fields):
            if detail.Is(known.DESCRIPTOR):
                detail.Unpack(known)
    reason = BY_NAME.get(info.reason) if info.domain == DOMAIN else None
    if reason is None:
        return Fault(_BY_TRANSPORT.get(error.code(), reasons.ERROR_REASON_INTERNAL))
    return Fault(
        reason,
        status.message,
        fields=tuple(FieldFault(each.field, each.description) for each in fields.field_violations),
        metadata=info.metadata,
    )


def _packed(message: Message) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed


def _details(error: grpc.aio.AioRpcError) -> status_pb2.Status:
    metadata = error.trailing_metadata()
    raw = metadata.get(DETAILS_KEY) if metadata is not None else None
    status = status_pb2.Status()
    if isinstance(raw, bytes):
        try:
            status.ParseFromString(raw)
        except DecodeError:  # a foreign server's bytes
            return status_pb2.Status(code=code_pb2.UNKNOWN)
    return status


_Code = grpc.StatusCode
_ROWS: Final[tuple[tuple[str, int, grpc.StatusCode, bool, str], ...]] = (
    # reason, HTTP, gRPC, retryable, title
    ("BAD_REQUEST", 400, _Code.INVALID_ARGUMENT, False, "The request is not valid."),
    ("AMBIGUOUS_PATH", 400, _Code.INVALID_ARGUMENT, False, "The path can be read in two ways."),
    ("CREDENTIALS_CONFLICT", 400, _Code.INVALID_ARGUMENT, False, "The request carries two credentials."),
    ("TOKEN_MISSING", 401, _Code.UNAUTHENTICATED, False, "A credential is needed."),
    ("TOKEN_INVALID", 401, _Code.UNAUTHENTICATED, False, "The token is not valid."),
    ("TOKEN_EXPIRED", 401, _Code.UNAUTHENTICATED, False, "The token has expired."),
    ("TOKEN_STALE", 401, _Code.UNAUTHENTICATED, False, "The token is older than the subscription's last change."),
    ("TOKEN_REVOKED", 401, _Code.UNAUTHENTICATED, False, "The token was revoked."),
    ("KEY_INVALID", 401, _Code.UNAUTHENTICATED, False, "The API key is not valid."),
    ("LOGIN_FAILED", 401, _Code.UNAUTHENTICATED, False, "E-mail address and password do not match an account."),
    ("SUBSCRIPTION_EXPIRED", 402, _Code.PERMISSION_DENIED, False, "The subscription has ended."),
    ("TIER_REQUIRED", 403, _Code.PERMISSION_DENIED, False, "A higher subscription tier is needed."),
    ("SCOPE_REQUIRED", 403, _Code.PERMISSION_DENIED, False, "The credential lacks a scope."),
    ("TENANT_FORBIDDEN", 403, _Code.PERMISSION_DENIED, False, "The credential may not enter this tenant."),
    ("TENANT_SUSPENDED", 403, _Code.PERMISSION_DENIED, False, "The tenant is not active."),
    ("TENANT_READ_ONLY", 423, _Code.FAILED_PRECONDITION, True, "The tenant is in read-only mode."),
    ("ROLE_REQUIRED", 403, _Code.PERMISSION_DENIED, False, "The caller lacks the role that this needs."),
    ("ORIGIN_FORBIDDEN", 403, _Code.PERMISSION_DENIED, False, "Pages of this origin may not do this."),
    ("ROUTE_NOT_FOUND", 404, _Code.NOT_FOUND, False, "No route matches the request."),
    ("METHOD_NOT_ALLOWED", 405, _Code.UNIMPLEMENTED, False, "The route does not take this method."),
    ("REQUEST_TIMEOUT", 408, _Code.DEADLINE_EXCEEDED, True, "The request did not arrive in time."),
    ("BODY_TOO_LARGE", 413, _Code.OUT_OF_RANGE, False, "The body is too large."),
    ("URI_TOO_LONG", 414, _Code.OUT_OF_RANGE, False, "The request line is too long."),
    ("EXPECTATION_FAILED", 417, _Code.INVALID_ARGUMENT, False, "The expectation cannot be met."),
    ("MISDIRECTED", 421, _Code.FAILED_PRECONDITION, False, "This connection does not serve that host."),
    ("UPGRADE_REQUIRED", 426, _Code.FAILED_PRECONDITION, False, "The route and the upgrade do not agree."),
    ("HEADERS_TOO_LARGE", 431, _Code.OUT_OF_RANGE, False, "The header block is too large."),
    ("RATE_LIMITED", 429, _Code.RESOURCE_EXHAUSTED, True, "A rate limit is exceeded."),
    ("DOWNSTREAM_UNREACHABLE", 502, _Code.UNAVAILABLE, True, "The upstream cannot be reached."),
    ("DOWNSTREAM_RESET", 502, _Code.UNAVAILABLE, True, "The upstream broke off its answer."),
    ("DOWNSTREAM_INVALID", 502, _Code.INTERNAL, False, "The upstream's answer is not valid HTTP."),
    ("DOWNSTREAM_UNAVAILABLE", 503, _Code.UNAVAILABLE, True, "No healthy upstream is available."),
    ("DOWNSTREAM_TIMEOUT", 504, _Code.DEADLINE_EXCEEDED, True, "The upstream did not answer in time."),
    ("AUTH_UNAVAILABLE", 503, _Code.UNAVAILABLE, True, "The credential cannot be checked right now."),
    ("LIMIT_UNAVAILABLE", 503, _Code.UNAVAILABLE, True, "The rate limit cannot be checked right now."),
    ("NOT_READY", 503, _Code.UNAVAILABLE, True, "The gateway has no configuration yet."),
    ("OVERLOADED", 503, _Code.RESOURCE_EXHAUSTED, True, "The process is at its capacity."),
    ("NOT_FOUND", 404, _Code.NOT_FOUND, False, "The resource does not exist."),
    ("ALREADY_EXISTS", 409, _Code.ALREADY_EXISTS, False, "The resource exists already."),
    ("VERSION_CONFLICT", 409, _Code.ABORTED, False, "The version is no longer the newest."),
    ("INVALID_DOCUMENT", 422, _Code.INVALID_ARGUMENT, False, "The document is not valid."),
    ("UNIMPLEMENTED", 501, _Code.UNIMPLEMENTED, False, "This release does not serve that yet."),
    ("INTERNAL", 500, _Code.INTERNAL, False, "Something failed on our side; the request id finds it in the log."),
    ("CALLER_UNAUTHENTICATED", 401, _Code.UNAUTHENTICATED, False, "The calling process is not authenticated."),
    ("CALLER_FORBIDDEN", 403, _Code.PERMISSION_DENIED, False, "The calling process may not call this."),
    ("UNAVAILABLE", 503, _Code.UNAVAILABLE, True, "A dependency is out of reach."),
    ("DEADLINE_EXCEEDED", 504, _Code.DEADLINE_EXCEEDED, True, "The deadline has passed."),
)

CATALOGUE: Final[Mapping[int, ReasonSpec]] = MappingProxyType(
    {
        reasons.ErrorReason.Value(_PREFIX + name): ReasonSpec(name, http, code, title, retryable)
        for name, http, code, retryable, title in _ROWS
    }
)
BY_NAME: Final[Mapping[str, int]] = MappingProxyType({spec.name: reason for reason, spec in CATALOGUE.items()})

_BY_TRANSPORT: Final[Mapping[grpc.StatusCode, int]] = {
    _Code.UNAVAILABLE: reasons.ERROR_REASON_UNAVAILABLE,
    _Code.DEADLINE_EXCEEDED: reasons.ERROR_REASON_DEADLINE_EXCEEDED,
    _Code.UNIMPLEMENTED: reasons.ERROR_REASON_UNIMPLEMENTED,
    _Code.RESOURCE_EXHAUSTED: reasons.ERROR_REASON_OVERLOADED,
}
