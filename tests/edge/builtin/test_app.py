"""The application serves the paths that the whole suite takes for built-in, and no others, behind the same shields."""

from collections.abc import AsyncIterator

import orjson
import pytest

from domain.builtin_paths import PATHS
from tests.edge.builtin.applications import application
from tests.edge.plane import Plane, plane


@pytest.fixture
async def edge() -> AsyncIterator[Plane]:
    async with plane([]) as running:
        yield running


def test_every_path_of_the_application_is_known_as_built_in_and_every_known_path_is_served() -> None:
    served = {route.path for route in application().routes}  # type: ignore[attr-defined]  # all of them have a path
    assert served == set(PATHS)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("GET", path) for path in PATHS),
        ("HEAD", "/livez"),
        ("POST", "/livez"),
        ("OPTIONS", "/docs"),
        ("GET", "/api/v1/auth/login"),
        ("POST", "/api/v1/auth/login"),
        ("POST", "/api/v1/auth/%3Cscript%3E"),
    ],
)
async def test_every_answer_is_shielded_and_is_what_it_says(edge: Plane, method: str, path: str) -> None:
    answer = await edge.get(path, method=method)
    assert answer.fields["x-content-type-options"] == "nosniff"
    policy = answer.fields["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.fields["cache-control"]
    assert answer.fields["x-request-id"]
    if "json" in answer.fields["content-type"] and answer.body:
        orjson.loads(answer.body)


@pytest.mark.parametrize(
    ("method", "path", "code", "allow"),
    [
        ("POST", "/readyz", "METHOD_NOT_ALLOWED", "GET, HEAD"),
        ("PUT", "/docs", "METHOD_NOT_ALLOWED", "GET, HEAD"),
        ("GET", "/api/v1/auth/login", "METHOD_NOT_ALLOWED", "POST"),
        ("POST", "/api/v1/auth/login", "UNIMPLEMENTED", None),
        ("GET", "/.well-known/jwks.json", "UNIMPLEMENTED", None),
    ],
)
async def test_what_is_not_served_is_a_problem(
    edge: Plane, method: str, path: str, code: str, allow: str | None
) -> None:
    answer = await edge.get(path, method=method)
    assert (answer.code, answer.fields.get("allow")) == (code, allow)


async def test_nothing_of_a_request_comes_back_as_markup(edge: Plane) -> None:
    answer = await edge.get(
        "/api/v1/auth/%3Cscript%3Ealert(1)%3C%2Fscript%3E?q=<script>", "X-Request-ID: <script>", method="POST"
    )
    assert b"<" not in answer.body
    assert "<" not in answer.fields["x-request-id"]
