"""Fields that concern one connection: they end here, and Connection names none that is ours (RFC 9110 §7.6.1)."""

from tests.edge.wire.case import NEXT, Case, Passed, get, passes, refused

PROTECTED = (
    b"Authorization X-User-ID x_user_id X-Tenant-ID X-Request-ID X-Forwarded-For X-Forwarded-Proto X-Forwarded-Host "
    b"Forwarded Host Content-Length Transfer-Encoding Trailer Expect X-API-Key X-User-Role X-Is-Demo Connection"
).split()

CASES: tuple[Case, ...] = (
    *(refused(f"Connection names {name.decode()}", get(b"Connection: close, " + name) + NEXT) for name in PROTECTED),
    refused("Connection names X-User-ID in a second line", get(b"Connection: close", b"Connection: X-User-ID") + NEXT),
    refused("Connection names X-User-ID in upper case", get(b"Connection: X-USER-ID") + NEXT),
    passes(
        "a field that Connection names ends here",
        get(b"Connection: X-A", b"X-A: b", b"X-C: d") + NEXT,
        Passed("GET /x", b"", (b"X-C: d",)),
        "GET /next",
    ),
    *(
        passes(f"{line.decode()} ends here", get(line) + NEXT, "GET /x", "GET /next")
        for line in (
            b"TE: trailers",
            b"TE: gzip;q=0.5",
            b"Keep-Alive: timeout=5",
            b"Proxy-Connection: keep-alive",
            b"Proxy-Authorization: Basic abc",
            b"Proxy-Authenticate: Basic",
            b"Trailer: X-A",
            b"HTTP2-Settings: abc",
            b"Connection: keep-alive",
            b"Connection: , ,keep-alive,",
        )
    ),
    passes("close", get(b"Connection: close") + NEXT, "GET /x"),
    passes("close in mixed case", get(b"Connection: Keep-Alive, CLOSE") + NEXT, "GET /x"),
    passes("close in a second line", get(b"Connection: keep-alive", b"Connection: close") + NEXT, "GET /x"),
    passes("HTTP/1.0 ends by itself", b"GET /x HTTP/1.0\r\nHost: a\r\n\r\n" + NEXT, "GET /x"),
    passes(
        "HTTP/1.0 that is kept",
        b"GET /x HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n" + NEXT,
        "GET /x",
        "GET /next",
    ),
)
