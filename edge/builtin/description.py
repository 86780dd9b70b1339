"""Completes the OpenAPI document of the edge's own endpoints with the answers that every one of them can give. Pure."""

from typing import Any, Final

from penstock.errors.v1 import error_reason_pb2 as reasons

from edge.builtin.models import EXAMPLE_ID, Problem
from svckit.errors import problem

_REFERENCE: Final = "#/components/schemas/{model}"
_REFUSALS: Final = {
    "4XX": (
        "Refused: the method is not taken here, or the request is not valid HTTP/1.1 or beyond a bound.",
        reasons.ERROR_REASON_METHOD_NOT_ALLOWED,
    ),
    "5XX": ("Failed.", reasons.ERROR_REASON_INTERNAL),
}


def complete(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with the problem answers on each operation."""
    schemas = schema.setdefault("components", {}).setdefault("schemas", {})
    schemas["Problem"] = Problem.model_json_schema(ref_template=_REFERENCE)
    reference = {"$ref": _REFERENCE.format(model="Problem")}
    for path, operations in schema["paths"].items():
        for operation in operations.values():
            for statuses, (description, reason) in _REFUSALS.items():
                example = problem(reason, instance=path, request_id=EXAMPLE_ID)
                content = {"application/problem+json": {"schema": reference, "example": example}}
                operation["responses"][statuses] = {"description": description, "content": content}
    return schema
