"""The API's own description (OpenAPI 3.1): adds to the framework's what holds for every route. Pure."""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final

from edge.admin.access import PUBLIC, ROLES
from edge.admin.models.faults import Problem
from edge.admin.problems import MEDIA_TYPE

_REFERENCE: Final = "#/components/schemas/{model}"
# What the door and the rim answer on every guarded route.
_EVERYWHERE: Final = (400, 401, 403, 404, 500, 501, 503, 504)
_WITH_BODY: Final = (408, 413)


def complete(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with problem answers, bearer security and the request id on each operation."""
    components = schema.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    described = Problem.model_json_schema(ref_template=_REFERENCE)
    schemas |= described.pop("$defs", {})
    schemas["Problem"] = described
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    components["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer", "description": "An admin token, `psa_…`."}
    }
    for method, path, operation in _operations(schema):
        public = ROLES[method, path] is PUBLIC
        operation["security"] = [] if public else [{"bearer": []}]
        own = operation.pop("x-refusals", [])
        answers = operation["responses"]
        if 422 not in own:
            answers.pop("422", None)  # the framework's; here a request that its model refuses is a 400
        body = _WITH_BODY if method in ("POST", "PUT", "PATCH") else ()
        for status in sorted({*own, *((503,) if public else _EVERYWHERE), *body}):
            answers[str(status)] = _problem(status)
    return schema


def _operations(schema: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            yield method.upper(), path, operation


def _problem(status: int) -> dict[str, Any]:
    content = {MEDIA_TYPE: {"schema": {"$ref": _REFERENCE.format(model="Problem")}}}
    return {"description": HTTPStatus(status).phrase, "content": content}
