"""Every route of the management API on one page. Who may enter each is in `access.py`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from fastapi import FastAPI
from fastapi.responses import JSONResponse, Response

from edge.admin.admission import AdmittedRoute
from edge.admin.documents import JSON, YAML
from edge.admin.models.keys import Withdrawn
from edge.admin.routes import configs, explanations, forward_auth, gateways, keys, pages, records, tenants, tokens

_TENANT: Final = "/admin/v1/tenants/{id}"
_DOCUMENT: Final[dict[str, Any]] = {
    JSON: {"schema": {"type": "object"}},
    YAML: {"schema": {"type": "string"}},
}
_JUDGED: Final = (400, 401, 402, 403, 404, 423, 500)
_WITHDRAWN: Final[dict[int | str, dict[str, Any]]] = {
    202: {"model": Withdrawn, "description": "Some edges have not acknowledged yet."}
}
_DOCUMENT_GIVEN: Final = {"requestBody": {"required": True, "content": _DOCUMENT}}


@dataclass(frozen=True, slots=True)
class Row:
    """One route: method, path, handler, and what its description needs besides the handler's types.

    `refusals` are the HTTP statuses that it answers besides those of every route.
    """

    method: str
    path: str
    handler: Callable[..., Any]
    tag: str
    status: int = 200
    refusals: tuple[int, ...] = ()
    success: dict[int | str, dict[str, Any]] | None = None
    extra: dict[str, Any] | None = None
    raw: bool = False


ROWS: Final = (
    Row("GET", "/livez", pages.livez, "process"),
    Row("GET", "/readyz", pages.readyz, "process"),
    Row(
        "GET",
        "/metrics",
        pages.metrics,
        "process",
        raw=True,
        success={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    ),
    Row("GET", "/openapi.json", pages.openapi, "process", success={200: {"content": {JSON: {}}}}, raw=True),
    Row("GET", "/forward-auth", forward_auth.judge_request, "process", refusals=_JUDGED, raw=True),
    Row("GET", "/forward-auth/refusal", forward_auth.tell_refusal, "process", refusals=_JUDGED, raw=True),
    Row("POST", "/admin/v1/tenants", tenants.register_tenant, "tenants", 201, (409,)),
    Row("GET", "/admin/v1/tenants", tenants.list_tenants, "tenants"),
    Row("GET", _TENANT, tenants.get_tenant, "tenants"),
    Row("PATCH", _TENANT, tenants.update_tenant, "tenants", refusals=(409,)),
    Row("DELETE", _TENANT, tenants.delete_tenant, "tenants"),
    Row("GET", _TENANT + "/config", configs.get_config, "config", raw=True, success={200: {"content": _DOCUMENT}}),
    Row("PUT", _TENANT + "/config", configs.put_config, "config", refusals=(409, 422), extra=_DOCUMENT_GIVEN),
    Row("GET", _TENANT + "/config/versions", configs.list_versions, "config"),
    Row("GET", _TENANT + "/config/versions/{version}", configs.get_version, "config"),
    Row("POST", _TENANT + "/config/rollback", configs.roll_back, "config", refusals=(409,)),
    Row("GET", _TENANT + "/explain", explanations.explain_request, "config", refusals=(422,)),
    Row("GET", "/admin/v1/gateways", gateways.list_gateways, "gateways"),
    Row("POST", _TENANT + "/keys", keys.create_key, "keys", 201),
    Row("POST", _TENANT + "/keys/import", keys.import_keys, "keys"),
    Row("GET", _TENANT + "/keys", keys.list_keys, "keys"),
    Row("GET", _TENANT + "/keys/{key_id}", keys.get_key, "keys"),
    Row(
        "DELETE",
        _TENANT + "/keys/{key_id}",
        keys.revoke_key,
        "keys",
        success=_WITHDRAWN,
    ),
    Row("POST", _TENANT + "/keys/{key_id}/disable", keys.disable_key, "keys", success=_WITHDRAWN),
    Row("POST", _TENANT + "/keys/{key_id}/enable", keys.enable_key, "keys"),
    Row("POST", _TENANT + "/keys/{key_id}/rotate", keys.rotate_key, "keys", 201),
    Row("GET", _TENANT + "/logs", records.list_logs, "records"),
    Row("GET", _TENANT + "/errors", records.list_errors, "records"),
    Row("GET", _TENANT + "/health", records.list_health, "records"),
    Row("GET", _TENANT + "/metrics", records.sum_traffic, "records"),
    Row("POST", "/admin/v1/tokens", tokens.create_token, "tokens", 201),
    Row("DELETE", "/admin/v1/tokens/{token_id}", tokens.revoke_token, "tokens", 204, raw=True),
)


def add_routes(app: FastAPI) -> None:
    """Puts every row into service behind the door."""
    for row in ROWS:
        app.router.add_api_route(
            row.path,
            row.handler,
            methods=[row.method],
            name=row.handler.__name__,
            operation_id=row.handler.__name__,
            tags=[row.tag],
            status_code=row.status,
            response_class=Response if row.raw else JSONResponse,
            responses=row.success,
            openapi_extra={**(row.extra or {}), "x-refusals": list(row.refusals)},
            route_class_override=AdmittedRoute,
        )
