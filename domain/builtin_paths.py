"""The paths that the edge answers itself, before any route: the one list for the edge and for who publishes routes."""

from typing import Final

PATHS: Final = (
    "/livez",
    "/readyz",
    "/health",
    "/api/v1/health",
    "/openapi.json",
    "/docs",
    "/docs/start.js",
    "/docs/swagger-ui-bundle.js",
    "/docs/swagger-ui.css",
    "/.well-known/jwks.json",
)
TREES: Final = ("/api/v1/auth/",)
"""Everything below these, which end in `/`."""


def builtin_at(prefix: str) -> str | None:
    """The built-in endpoint that takes requests of a route at `prefix`: the prefix itself, or all below it."""
    if prefix in PATHS:
        return prefix
    return next((tree for tree in TREES if f"{prefix}/".startswith(tree)), None)
