"""A canary: credentials in every place of a request, and every line that is logged of it at DEBUG."""

import io
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import orjson
import pytest
import structlog

from edge.access_log import AccessLog
from edge.limits.decision import Decision
from edge.limits.policy import LimitSet
from edge.records import Records
from edge.routing import Auth
from edge.tally import Tally
from svckit.logs import configure
from tests.edge.plane import OK, answering, plane, request, route, upstream

CANARY = "S3cretCanary" + "s" * 20
"""Stands in every secret below."""
KEY = f"psk_live_default0keykey00_{CANARY}_000000"
JWT = f"eyJhbGciOiJIUzI1NiJ9.{CANARY}.{CANARY}"
SECRETS = (KEY, KEY.replace("psk", "psa"), KEY.replace("psk", "psg"), JWT)

PLACES: dict[str, Callable[[str], bytes]] = {
    "path": lambda secret: request(f"/api/{secret}/x"),
    "encoded path": lambda secret: request(f"/api/%{ord(secret[0]):x}{secret[1:]}"),
    "ambiguous path": lambda secret: request(f"/api/../{secret}"),
    "unknown path": lambda secret: request(f"/nowhere/{secret}"),
    "query": lambda secret: request(f"/api/x?token={secret}&{secret}"),
    "name in a query": lambda secret: request(f"/api/x?{secret}=1"),
    "absolute target": lambda secret: request(f"http://{secret}@localhost/api/{secret}"),
    "method": lambda secret: request(method=secret),
    "host": lambda secret: f"GET /api/x HTTP/1.1\r\nHost: {secret}\r\n\r\n".encode(),
    "name of a field": lambda secret: request("/api/x", f"{secret}: {secret}"),
    "body": lambda secret: request("/api/x", method="POST", body=secret.encode()),
    "chunk extension": lambda secret: (
        request("/api/x", "Transfer-Encoding: chunked", method="POST") + f"1;{secret}\r\na\r\n0\r\n\r\n".encode()
    ),
    "trailer": lambda secret: (
        request("/api/x", "Transfer-Encoding: chunked", method="POST") + f"0\r\nX-Key: {secret}\r\n\r\n".encode()
    ),
    "no HTTP": lambda secret: f"{secret}\r\n\r\n".encode(),
    **{
        name: lambda secret, name=name: request("/api/x", f"{name}: {secret}")  # type: ignore[misc]
        for name in (
            "Authorization", "X-API-Key", "Proxy-Authorization", "Cookie", "Set-Cookie", "X-Request-ID", "X-Tenant-ID",
            "X-User-ID", "X-Custom", "Referer", "User-Agent", "Origin", "Accept", "Content-Type", "Via", "Forwarded",
            "X-Forwarded-For", "X-Forwarded-Host", "traceparent", "tracestate", "X-Request-Timeout", "Expect",
            "Connection", "Upgrade", "If-None-Match", "Content-Length", "Transfer-Encoding",
        )
    },
    **{
        f"{scheme} in {name}": lambda secret, name=name, scheme=scheme: request("/api/x", f"{name}: {scheme} {secret}")  # type: ignore[misc]
        for name in ("Authorization", "User-Agent", "X-Custom")
        for scheme in ("Bearer", "BASIC")
    },
}  # fmt: skip


@contextmanager
def everything_logged() -> Iterator[io.StringIO]:
    """All lines of structlog and of libraries at DEBUG, as a worker has them."""
    output, root = io.StringIO(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    configure("edge", "debug", output=output)
    # A logger that keeps what was set here would not be heard by later tests.
    structlog.configure(cache_logger_on_first_use=False)
    try:
        yield output
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        structlog.reset_defaults()


def failing(_limits: LimitSet) -> Decision:
    raise TypeError("inside")


FOR_SECRETS = (
    "query", "body", "trailer", "chunk extension", "Authorization", "X-API-Key", "Proxy-Authorization", "Cookie",
    "Set-Cookie", "X-User-ID", "X-Custom", "Referer", "tracestate", "Bearer in Authorization", "BASIC in X-Custom",
)  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
async def test_what_looks_like_a_credential_is_in_no_line_wherever_it_stands(place: str) -> None:
    await assert_unlogged(place, SECRETS)


@pytest.mark.parametrize("place", FOR_SECRETS)
async def test_a_secret_of_any_form_is_in_no_line_where_secrets_belong(place: str) -> None:
    await assert_unlogged(place, (CANARY,))


async def assert_unlogged(place: str, secrets: Sequence[str]) -> None:
    """Sends each secret in this place, to a healthy edge and to a failing one."""
    lines: list[bytes] = []
    access_log = AccessLog("edge", lines.append)
    records = Records(Tally(), access_log, lambda record: None)
    with everything_logged() as output:
        async with upstream(answering(OK)) as behind:
            routes = [route(behind.port, auth=Auth.OPTIONAL)]
            async with plane(routes, records=records) as edge:
                for decide in (edge.decide, failing):
                    edge.decide = decide
                    for secret in secrets:
                        count = len(edge.visits)
                        client = await edge.connect()
                        await client.send(PLACES[place](secret))
                        await edge.visit(count + 1)
                        client.close()
    access_log.flush()
    logged = b"".join(lines).decode() + output.getvalue()
    assert "request" in logged
    assert CANARY not in logged
    for line in logged.splitlines():
        orjson.loads(line)
