"""What the API's description gains over the framework's: problems, security, and no answer that never comes."""

from typing import Any

import pytest

from edge.admin.description import complete

# The framework's own, which the API never answers with.
FRAMEWORK = {"422": {"description": "Validation Error"}}
EVERYWHERE = ["400", "401", "403", "404", "500", "501", "503", "504"]
WITH_BODY = ["408", "413"]
TENANTS, TENANT = "/admin/v1/tenants", "/admin/v1/tenants/{id}"


def described(method: str, path: str, *refusals: int) -> dict[str, Any]:
    """The only operation of a description, completed."""
    operation = {"responses": {"200": {"description": "OK"}, **FRAMEWORK}, "x-refusals": list(refusals)}
    completed: dict[str, Any] = complete({"paths": {path: {method.lower(): operation}}})["paths"][path][method.lower()]
    return completed


@pytest.mark.parametrize(
    ("method", "path", "refusals", "statuses"),
    [
        pytest.param("GET", TENANTS, (), EVERYWHERE, id="what reads"),
        pytest.param("DELETE", TENANT, (), EVERYWHERE, id="what ends something"),
        pytest.param("POST", TENANTS, (), EVERYWHERE + WITH_BODY, id="what has a body can be too large or late"),
        pytest.param("PATCH", TENANT, (), EVERYWHERE + WITH_BODY, id="a patch has one"),
        pytest.param("PATCH", TENANT, (409,), [*EVERYWHERE, *WITH_BODY, "409"], id="a refusal of its own"),
        pytest.param("PUT", TENANT + "/config", (422,), [*EVERYWHERE, *WITH_BODY, "422"], id="a document's faults"),
        pytest.param("GET", "/livez", (), ["503"], id="who asks nobody for a token refuses nobody"),
    ],
)
def test_an_operation_has_the_refusals_that_can_come_and_no_other(
    method: str, path: str, refusals: tuple[int, ...], statuses: list[str]
) -> None:
    answers = described(method, path, *refusals)["responses"]
    assert sorted(answers) == sorted(["200", *statuses])
    assert answers["200"] == {"description": "OK"}


def test_a_refusal_is_a_problem_under_the_name_of_its_status() -> None:
    assert described("GET", TENANTS)["responses"]["404"] == {
        "description": "Not Found",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }


def test_a_documents_faults_are_described_as_ours_not_the_frameworks() -> None:
    answer = described("PUT", TENANT + "/config", 422)["responses"]["422"]
    assert list(answer["content"]) == ["application/problem+json"]


@pytest.mark.parametrize(
    ("path", "security"),
    [
        pytest.param("/livez", [], id="for everybody"),
        pytest.param("/metrics", [{"bearer": []}], id="for operators"),
        pytest.param(TENANTS, [{"bearer": []}], id="for who reads"),
    ],
)
def test_an_operation_says_whether_it_needs_a_token(path: str, security: list[Any]) -> None:
    operation = described("GET", path)
    assert operation["security"] == security
    assert "x-refusals" not in operation


def test_what_has_no_row_in_the_table_of_roles_is_not_described() -> None:
    with pytest.raises(KeyError, match="/admin/v1/backdoor"):
        described("GET", "/admin/v1/backdoor")


def test_the_shapes_of_problems_take_the_place_of_the_frameworks_and_others_stay() -> None:
    theirs = {"HTTPValidationError": {}, "ValidationError": {}, "Tenant": {"type": "object"}}
    components = complete({"paths": {}, "components": {"schemas": theirs}})["components"]
    schemas = components["schemas"]
    assert schemas.keys() == {"Tenant", "Problem", "ProblemFault"}
    assert schemas["Tenant"] == {"type": "object"}
    assert "$defs" not in schemas["Problem"]
    assert schemas["Problem"]["properties"]["errors"]["anyOf"][0]["items"] == {
        "$ref": "#/components/schemas/ProblemFault"
    }
    assert components["securitySchemes"]["bearer"]["scheme"] == "bearer"
