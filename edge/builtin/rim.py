"""The outermost ring of the edge's own endpoints: what every answer carries, and what becomes of a failure."""

from typing import Final

import structlog
from penstock.errors.v1 import error_reason_pb2 as reasons
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edge.problems import SHIELDS, Refusal, render

_SHIELDS: Final = tuple((name.lower(), value) for name, value in SHIELDS)
log = structlog.get_logger(__name__)


class Rim:
    """An ASGI application around another."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one exchange. A failure is answered here: the framework would answer it in plain text, and raise."""
        begun = False

        async def shielded(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                own = {name for name, _ in message["headers"]}
                added = [shield for shield in _SHIELDS if shield[0] not in own]
                message = {**message, "headers": [*message["headers"], *added]}
            await send(message)

        try:
            await self._app(scope, receive, shielded)
        except Exception:
            if begun:
                raise  # the connection is cut, so that nobody takes a half of an answer for the whole
            request = Request(scope)
            log.exception("request failed", request_id=request.state.request_id)
            await problem(request, Refusal(reasons.ERROR_REASON_INTERNAL, ""))(scope, receive, shielded)


def problem(request: Request, refusal: Refusal) -> Response:
    """The answer to a refused request."""
    status, fields, body = render(refusal, instance=request.url.path, request_id=request.state.request_id)
    return Response(body, status, {name.decode(): value.decode() for name, value in fields})
