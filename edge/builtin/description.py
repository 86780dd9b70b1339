"""Completes the OpenAPI document of the edge's own endpoints with the answers that every one of them can give. Pure."""

from typing import Any, Final

from edge.builtin.models import Problem

_REFERENCE: Final = "#/components/schemas/{model}"
_REFUSALS: Final = {
    "4XX": "Refused: the method is not taken here, or the request is not valid HTTP/1.1 or beyond a bound.",
    "5XX": "Failed, or not served now.",
}


def complete(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with the problem answers on each operation."""
    schemas = schema.setdefault("components", {}).setdefault("schemas", {})
    schemas["Problem"] = Problem.model_json_schema(ref_template=_REFERENCE)
    content = {"application/problem+json": {"schema": {"$ref": _REFERENCE.format(model="Problem")}}}
    for operations in schema["paths"].values():
        for operation in operations.values():
            for statuses, description in _REFUSALS.items():
                operation["responses"][statuses] = {"description": description, "content": content}
    return schema
