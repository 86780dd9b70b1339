"""The description names every answer that an endpoint can give, in forms that exist."""

from typing import Any

import pytest

from edge.builtin.description import complete
from tests.edge.builtin.applications import application


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return application("1.2.3").openapi()


def operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for path in document["paths"].values() for operation in path.values()]


def test_every_endpoint_of_use_to_others_is_described(document: dict[str, Any]) -> None:
    assert document["info"]["version"] == "1.2.3"
    assert set(document["paths"]) == {"/livez", "/readyz", "/health", "/api/v1/health"}
    names = [operation["operationId"] for operation in operations(document)]
    assert len(set(names)) == len(names)


def test_every_operation_declares_its_problems(document: dict[str, Any]) -> None:
    for operation in operations(document):
        for statuses in ("4XX", "5XX"):
            assert operation["responses"][statuses]["content"].keys() == {"application/problem+json"}


def test_every_form_has_an_example_and_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert [name for name, schema in schemas.items() if not schema.get("examples")] == []
    references: list[str] = []

    def walk(node: object) -> None:
        if isinstance(node, dict):
            references.extend(value for key, value in node.items() if key == "$ref")
            for each in node.values():
                walk(each)
        elif isinstance(node, list):
            for each in node:
                walk(each)

    walk(document)
    assert references
    assert {each.rpartition("/")[2] for each in references} <= schemas.keys()


def test_a_document_without_operations_is_completed_too() -> None:
    assert complete({"paths": {}})["components"]["schemas"].keys() == {"Problem"}
