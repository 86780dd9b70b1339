"""The page of routes: each row is served as it is written, and its handler takes what its path names."""

import inspect
import re
from collections import Counter
from http import HTTPStatus
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

from edge.admin.admission import AdmittedRoute
from edge.admin.app import AdminApp
from edge.admin.routing import ROWS, Row, add_routes

EACH_ROW = pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.method} {row.path}")
DESCRIPTION: dict[str, Any] = AdminApp("1").openapi()


def served() -> dict[tuple[str, str], APIRoute]:
    """What an application answers, by method and path."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    add_routes(app)
    routes = [route for route in app.routes if isinstance(route, APIRoute)]
    return {(method, route.path): route for route in routes for method in route.methods or ()}


def operation(row: Row) -> dict[str, Any]:
    found: dict[str, Any] = DESCRIPTION["paths"][row.path][row.method.lower()]
    return found


@EACH_ROW
def test_a_row_is_served_by_its_handler_behind_the_door(row: Row) -> None:
    route = served()[row.method, row.path]
    assert isinstance(route, AdmittedRoute)
    assert (route.endpoint, route.status_code) == (row.handler, row.status)


@EACH_ROW
def test_a_row_that_answers_by_itself_is_not_described_as_json(row: Row) -> None:
    assert (served()[row.method, row.path].response_class is JSONResponse) is not row.raw


def test_nothing_is_served_twice_nor_under_the_name_of_another() -> None:
    names = Counter(row.handler.__name__ for row in ROWS)
    places = Counter((row.method, row.path) for row in ROWS)
    assert (names.most_common(1)[0][1], places.most_common(1)[0][1]) == (1, 1)


@EACH_ROW
def test_clients_can_be_made_of_the_description_by_the_handlers_names(row: Row) -> None:
    assert operation(row)["operationId"] == row.handler.__name__


@EACH_ROW
def test_every_part_of_a_path_is_told_to_the_handler(row: Row) -> None:
    """`{id}` is the tenant's: the door takes it and hands the tenant on."""
    named = set(re.findall(r"\{(\w+)\}", row.path))
    taken = inspect.signature(row.handler).parameters
    assert {"tenant" if name == "id" else name for name in named} <= taken.keys()
    assert {each["name"] for each in operation(row).get("parameters", []) if each["in"] == "path"} == named


@EACH_ROW
def test_what_a_row_answers_besides_is_described(row: Row) -> None:
    answers = operation(row)["responses"]
    wanted = {row.status, *row.refusals, *(row.success or {})}
    assert {str(status) for status in wanted} <= answers.keys()
    successes = {int(status) for status in answers if int(status) < HTTPStatus.BAD_REQUEST}
    assert successes == {row.status, *(row.success or {})}


@EACH_ROW
def test_a_row_is_under_a_heading_that_is_explained(row: Row) -> None:
    assert operation(row)["tags"] == [row.tag]
    assert row.tag in {each["name"] for each in DESCRIPTION["tags"]}


def test_a_document_is_given_as_json_or_yaml() -> None:
    config = DESCRIPTION["paths"]["/admin/v1/tenants/{id}/config"]
    given = config["put"]["requestBody"]
    assert given["required"]
    assert given["content"].keys() == config["get"]["responses"]["200"]["content"].keys()
    assert given["content"].keys() == {"application/json", "application/yaml"}
