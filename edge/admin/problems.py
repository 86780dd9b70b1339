"""Turns whatever refuses or fails a request into one problem+json answer. The only door out for errors."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import grpc
import structlog
from fastapi.exceptions import RequestValidationError
from penstock.errors.v1 import error_reason_pb2 as reasons
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from edge.admin.access import ROLES
from svckit.call_context import request_id
from svckit.errors import Fault, FieldFault, from_rpc_error, problem

MEDIA_TYPE: Final = "application/problem+json"
MAX_ERRORS: Final = 100
_MAX_PATH_LENGTH: Final = 256
_NOT_AN_OBJECT: Final = frozenset({"missing", "model_attributes_type"})
# What a service says about *our* credential says nothing about the caller's.
_OURS: Final = frozenset({reasons.ERROR_REASON_CALLER_UNAUTHENTICATED, reasons.ERROR_REASON_CALLER_FORBIDDEN})
_BY_STATUS: Final[Mapping[int, int]] = {
    400: reasons.ERROR_REASON_BAD_REQUEST,
    404: reasons.ERROR_REASON_ROUTE_NOT_FOUND,
    405: reasons.ERROR_REASON_METHOD_NOT_ALLOWED,
    413: reasons.ERROR_REASON_BODY_TOO_LARGE,
}
log = structlog.get_logger()


class InvalidDocument(Fault):
    """A config document with faults; `errors` and `warnings` are lists of `{path, detail, line, column}`."""

    def __init__(self, errors: Sequence[Mapping[str, Any]], warnings: Sequence[Mapping[str, Any]] = ()) -> None:
        super().__init__(reasons.ERROR_REASON_INVALID_DOCUMENT)
        self.errors: Final = list(errors)
        self.warnings: Final = list(warnings)


def render(fault: Fault, instance: str, headers: Mapping[str, str] | None = None) -> Response:
    """The answer to a refused or failed request for the path `instance`."""
    body = problem(fault.reason, detail=fault.detail, instance=instance, request_id=request_id(), **_members(fault))
    # ASCII only: whatever a client put into a path or a name, it has this form.
    content = json.dumps(body, separators=(",", ":")).encode("ascii")
    return Response(content, fault.spec.http_status, {**_headers(fault), **(headers or {})}, MEDIA_TYPE)


async def answer(request: Request, error: Exception) -> Response:
    """Answers what a handler or the framework raised; raises again what nobody foresaw."""
    path = request.scope["path"]
    match error:
        case Fault():
            return render(error, path)
        case grpc.aio.AioRpcError():
            return render(fault_of(error), path)
        case RequestValidationError():
            found = [FieldFault(_path(each), _sentence(each)) for each in error.errors()[:MAX_ERRORS]]
            return render(Fault(reasons.ERROR_REASON_BAD_REQUEST, fields=tuple(found)), path)
        case HTTPException():
            reason = _BY_STATUS.get(error.status_code, reasons.ERROR_REASON_INTERNAL)
            return render(Fault(reason), path, _allow(request) if error.status_code == 405 else None)
    raise error


def _allow(request: Request) -> dict[str, str]:
    """The methods of the path that was asked for: the framework knows those of one of its routes only."""
    template = request.scope["route"].path
    return {"Allow": ", ".join(sorted(method for method, path in ROLES if path == template))}


def fault_of(error: grpc.aio.AioRpcError) -> Fault:
    """What a failed call means to our caller; the reason of a failure of ours goes to the log."""
    fault = from_rpc_error(error)
    if fault.reason in _OURS or fault.reason == reasons.ERROR_REASON_INTERNAL:
        log.error("call to a service failed", code=error.code().name, details=error.details())
        return Fault(reasons.ERROR_REASON_INTERNAL)
    return fault


def _members(fault: Fault) -> dict[str, object]:
    if isinstance(fault, InvalidDocument):
        return {"errors": fault.errors, "warnings": fault.warnings}
    members: dict[str, object] = {}
    if fault.fields:
        members["errors"] = [{"path": each.path, "detail": each.message} for each in fault.fields]
    if fault.metadata:
        members["metadata"] = dict(fault.metadata)
    return members


def _headers(fault: Fault) -> dict[str, str]:
    match fault.spec.http_status:
        case 401:
            return {"WWW-Authenticate": 'Bearer realm="penstock-admin"'}
        case 503:
            return {"Retry-After": "1"}
    return {}


def _path(error: Mapping[str, Any]) -> str:
    """`hosts[2]` for `("body", "hosts", 2)`; what follows where the value was looked for."""
    if error["type"] == "json_invalid":
        return ""
    text = ""
    for step in error["loc"][1:]:
        text += f"[{step}]" if isinstance(step, int) else f".{step}"
    return text.removeprefix(".")[:_MAX_PATH_LENGTH]


def _sentence(error: Mapping[str, Any]) -> str:
    if error["type"] == "json_invalid":
        return f"The body is not JSON (at character {error['loc'][-1]})."
    if error["loc"] == ("body",) and error["type"] in _NOT_AN_OBJECT:
        return "The body must be a JSON object, sent as application/json."
    return str(error["msg"]).removeprefix("Value error, ")
