"""Which routes the edge's own endpoints stand before."""

import pytest

from domain.builtin_paths import PATHS, builtin_at


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        *((path, path) for path in PATHS),
        ("/api/v1/auth", "/api/v1/auth/"),
        ("/api/v1/auth/login", "/api/v1/auth/"),
        ("/", None),
        ("/api/v1", None),
        ("/api/v1/authors", None),
        ("/healthy", None),
        ("/livez/x", None),
        ("/docs/guide", None),
        ("/.well-known", None),
        ("/.well-known/acme-challenge", None),
    ],
)
def test_the_endpoint_that_takes_requests_of_a_prefix(prefix: str, expected: str | None) -> None:
    assert builtin_at(prefix) == expected
