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
    "/api/v1/auth/login",
    "/api/v1/auth/register",
    "/api/v1/auth/refresh",
    "/api/v1/auth/logout",
)
