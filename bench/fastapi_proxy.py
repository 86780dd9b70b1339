"""What a gateway often begins as: FastAPI, a middleware and httpx. A peer to measure against, nothing more."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
from fastapi import FastAPI, Request, Response
from starlette.middleware.base import BaseHTTPMiddleware

UPSTREAM = os.environ.get("UPSTREAM", "http://127.0.0.1:9000")


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Keeps one client for the life of the process, with a kept connection for each of the load's."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=256)
    async with httpx.AsyncClient(base_url=UPSTREAM, limits=limits) as client:
        app.state.client = client
        yield


async def log_request(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """Stands for the middleware that such a gateway has: it only passes the request on."""
    return await call_next(request)


app = FastAPI(lifespan=lifespan)
app.add_middleware(BaseHTTPMiddleware, dispatch=log_request)


@app.api_route("/{path:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
async def proxy(path: str, request: Request) -> Response:
    """Passes one request on."""
    answer = await request.app.state.client.request(request.method, f"/{path}", content=await request.body())
    return Response(answer.content, answer.status_code, media_type=answer.headers.get("content-type"))
