"""The application serves the paths that the whole suite takes for built-in, and no others."""

from domain.builtin_paths import PATHS, TREES
from edge.builtin.app import Readiness, builtin_app


def test_every_path_of_the_application_is_known_as_built_in_and_every_known_path_is_served() -> None:
    app = builtin_app("0", lambda: Readiness(status="ready", revision=1, feeds={}))
    served = {route.path for route in app.routes}  # type: ignore[attr-defined]  # all of them have a path
    below = {path for path in served if path.startswith(TREES)}
    assert served - below == set(PATHS)
    assert below
