"""The few endpoints that the edge answers itself, as an ASGI application behind the bridge. Never on the proxied path.

- `app`          the application and its endpoints: liveness, readiness, health
- `access`       who is told details
- `models`       what they answer
- `description`  completes the OpenAPI document
- `docs`         the page that shows it, and the page's files
- `rim`          what every answer carries, and what becomes of a failure
"""
