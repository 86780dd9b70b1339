"""The few endpoints that the edge answers itself, as an ASGI application behind the bridge. Never on the proxied path.

- `app` liveness, readiness, health and the OpenAPI document
"""
