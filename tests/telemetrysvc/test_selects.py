"""The statements of the lists: the text is ours alone, and every value is an argument."""

import re
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetrysvc.batches import ERROR_COLUMNS, HEALTH_COLUMNS, REQUEST_COLUMNS
from telemetrysvc.pages import Place
from telemetrysvc.selects import RequestFilter, Span, Statement, select_errors, select_health, select_requests

SCHEMA = "tenant_0123456789abcdef0123456789abcdef"
NOON, ONE = datetime(2026, 3, 1, 12, tzinfo=UTC), datetime(2026, 3, 1, 13, tzinfo=UTC)
PLACE = Place(NOON, UUID(int=7))
CONDITIONS = re.compile(r" WHERE (.*) ORDER BY ")


def conditions(statement: Statement) -> str:
    found = CONDITIONS.search(statement.sql)
    assert found is not None
    return found[1]


@pytest.mark.parametrize(
    ("statement", "table", "columns", "time"),
    [
        pytest.param(
            select_requests(SCHEMA, RequestFilter(), None, 5), "requests", REQUEST_COLUMNS, "start_time", id="requests"
        ),
        pytest.param(select_errors(SCHEMA, Span(), None, 5), "error_events", ERROR_COLUMNS, "time", id="errors"),
        pytest.param(
            select_health(SCHEMA, "", Span(), None, 5), "health_snapshots", HEALTH_COLUMNS, "time", id="health"
        ),
    ],
)
def test_a_list_without_filters_is_the_newest_of_the_tenants_own_table(
    statement: Statement, table: str, columns: tuple[str, ...], time: str
) -> None:
    listed = ", ".join(columns)
    assert statement == Statement(
        f'SELECT {listed} FROM "{SCHEMA}".{table} WHERE true ORDER BY {time} DESC, id DESC LIMIT $1',  # noqa: S608
        (5,),
    )


@pytest.mark.parametrize(
    ("wanted", "expected", "arguments"),
    [
        pytest.param(
            RequestFilter(path="/api"),
            "(path = $1 OR starts_with(path, $2))",
            ("/api", "/api/"),
            id="a path and those below",
        ),
        pytest.param(
            RequestFilter(path="/api//"),
            "(path = $1 OR starts_with(path, $2))",
            ("/api", "/api/"),
            id="a path that ends with slashes",
        ),
        pytest.param(
            RequestFilter(path="/"), "(path = $1 OR starts_with(path, $2))", ("/", "/"), id="the root and all below"
        ),
        pytest.param(RequestFilter(status="404"), "status = $1", (404,), id="a status"),
        pytest.param(RequestFilter(status="0"), "status = $1", (0,), id="the client went away"),
        pytest.param(RequestFilter(status="4xx"), "status >= $1 AND status < $2", (400, 500), id="a group"),
        pytest.param(
            RequestFilter(consumer="shop"),
            "(consumer = $1 OR principal_id = $2)",
            ("shop", "shop"),
            id="a consumer by name or id",
        ),
        pytest.param(RequestFilter(request_id="r-1"), "request_id = $1", ("r-1",), id="a request id"),
        pytest.param(
            RequestFilter(Span(NOON, ONE)),
            "start_time >= $1 AND start_time < $2",
            (NOON, ONE),
            id="a span with its begin, without its end",
        ),
        pytest.param(
            RequestFilter(Span(until=ONE), "/a", "5xx", "shop", "r-1"),
            "(path = $1 OR starts_with(path, $2)) AND status >= $3 AND status < $4"
            " AND (consumer = $5 OR principal_id = $6) AND request_id = $7 AND start_time < $8",
            ("/a", "/a/", 500, 600, "shop", "shop", "r-1", ONE),
            id="all must hold",
        ),
    ],
)
def test_a_filter_is_a_condition_with_its_values_beside_it(
    wanted: RequestFilter, expected: str, arguments: tuple[Any, ...]
) -> None:
    statement = select_requests(SCHEMA, wanted, None, 9)
    assert conditions(statement) == expected
    assert statement.arguments == (*arguments, 9)


def test_a_page_goes_on_behind_its_place_by_time_and_id() -> None:
    for statement, time in (
        (select_requests(SCHEMA, RequestFilter(), PLACE, 9), "start_time"),
        (select_errors(SCHEMA, Span(), PLACE, 9), "time"),
        (select_health(SCHEMA, "", Span(), PLACE, 9), "time"),
    ):
        assert conditions(statement) == f"({time}, id) < ($1, $2)"
        assert statement.arguments == (NOON, UUID(int=7), 9)


def test_health_is_filtered_by_service() -> None:
    statement = select_health(SCHEMA, "sales", Span(NOON), PLACE, 9)
    assert conditions(statement) == "service = $1 AND time >= $2 AND (time, id) < ($3, $4)"
    assert statement.arguments == ("sales", NOON, NOON, UUID(int=7), 9)


def test_errors_are_filtered_by_time() -> None:
    statement = select_errors(SCHEMA, Span(NOON, ONE), None, 9)
    assert conditions(statement) == "time >= $1 AND time < $2"
    assert statement.arguments == (NOON, ONE, 9)


@pytest.mark.parametrize("schema", ["", 'a"b', "public; DROP TABLE x", "Tenant", "a" * 64])
def test_what_is_no_name_of_a_schema_never_becomes_part_of_a_statement(schema: str) -> None:
    with pytest.raises(ValueError, match="not a schema name"):
        select_errors(schema, Span(), None, 1)


texts = st.text(max_size=12) | st.sampled_from(["' OR true --", "$1", "{}", "{0}", '"', "%", "); SELECT 1"])
moments = st.none() | st.datetimes(datetime(1970, 1, 1), timezones=st.just(UTC))
spans = st.builds(Span, moments, moments)
places = st.none() | st.builds(Place, st.just(NOON), st.uuids())
filters = st.builds(RequestFilter, spans, texts, st.sampled_from(["", "0", "404", "5xx"]), texts, texts)
statements = st.one_of(
    st.builds(select_requests, st.just(SCHEMA), filters, places, st.integers(1, 1001)),
    st.builds(select_errors, st.just(SCHEMA), spans, places, st.integers(1, 1001)),
    st.builds(select_health, st.just(SCHEMA), texts, spans, places, st.integers(1, 1001)),
)
OURS = re.compile(
    r"""SELECT [a-z_, ]+ FROM "[a-z0-9_]+"\.[a-z_]+ WHERE [a-z_$0-9(),=<> ORAND]+ ORDER BY [a-zDESC_, ]+ LIMIT \$\d+"""
)


@given(statements)
def test_no_value_becomes_text_and_every_value_has_its_number(statement: Statement) -> None:
    assert OURS.fullmatch(statement.sql)
    numbers = [int(number) for number in re.findall(r"\$(\d+)", statement.sql)]
    assert numbers == list(range(1, len(statement.arguments) + 1))
