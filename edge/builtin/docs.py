"""The page that shows the OpenAPI document, and the page's files: all from our own origin, nothing inline."""

from importlib.resources import files
from typing import Final

from starlette.responses import FileResponse, HTMLResponse, Response

PAGE: Final = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Penstock edge</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="docs"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""
START: Final = """\
// Relative, so that the page works behind a path prefix, too. No validator: it would send the document elsewhere.
SwaggerUIBundle({url: "openapi.json", dom_id: "#docs", deepLinking: true, validatorUrl: null});
"""
# Swagger UI draws its icons from data: URLs.
POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        *(f"{kind}-src 'self'" for kind in ("script", "style", "connect")),
        "img-src 'self' data:",
        *(f"{kind} 'none'" for kind in ("base-uri", "form-action", "frame-ancestors")),
    )
)
ASSETS: Final = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css"}
_KEPT: Final = {"Cache-Control": "public, max-age=86400"}


async def page() -> Response:
    """The page."""
    fields = {"Content-Security-Policy": POLICY, "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer"}
    return HTMLResponse(PAGE, headers=fields)


async def start() -> Response:
    """The script that starts it."""
    return Response(START, media_type="text/javascript", headers=_KEPT)


async def asset(name: str) -> Response:
    """One of ASSETS, files of Swagger UI, read as it is sent."""
    return FileResponse(str(files("fastapi_offline") / "static" / name), media_type=ASSETS[name], headers=_KEPT)
