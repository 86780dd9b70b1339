"""Upgrade: ignored and ended here, or refused where it asks for a WebSocket; nothing behind such a request is read as
another protocol (RFC 9110 §7.8)."""

from tests.edge.wire.case import NEXT, Case, get, passes, post, refused

ASKED = b"Connection: Upgrade"
CHUNKS = b"5\r\nhello\r\n0\r\n\r\n"

CASES: tuple[Case, ...] = (
    *(
        passes(f"to {name}", get(ASKED, b"Upgrade: " + name.encode()), "GET /x")
        for name in ("h2c", "foo", "websocket/13", "TLS/1.0", "HTTP/2.0")
    ),
    passes(
        "to h2c with settings",
        get(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: abc"),
        "GET /x",
    ),
    passes("a request behind it is not heard", get(ASKED, b"Upgrade: h2c") + NEXT, "GET /x"),
    passes("kept alive as well", get(b"Connection: keep-alive, Upgrade", b"Upgrade: foo") + NEXT, "GET /x"),
    passes(
        "a preface of HTTP/2 behind it",
        get(ASKED, b"Upgrade: h2c") + b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "GET /x",
    ),
    # to a route that takes none
    refused("to a WebSocket", get(ASKED, b"Upgrade: websocket") + NEXT, 426),
    refused("to a WebSocket among others", get(ASKED, b"Upgrade: h2c, WebSocket") + NEXT, 426),
    refused(
        "to a WebSocket of a wrong version", get(ASKED, b"Upgrade: websocket", b"Sec-WebSocket-Version: 9") + NEXT, 426
    ),
    passes("to a WebSocket, not named by Connection", get(b"Upgrade: websocket") + NEXT, "GET /x", "GET /next"),
    passes("not named by Connection", get(b"Upgrade: h2c") + NEXT, "GET /x", "GET /next"),
    passes("named by Connection only", get(ASKED) + NEXT, "GET /x", "GET /next"),
    refused("with a body", post(ASKED, b"Upgrade: foo", b"Content-Length: 35", body=NEXT[:35]) + NEXT),
    refused(
        "with a body that is a request", post(ASKED, b"Upgrade: h2c", b"Content-Length: %d" % len(NEXT), body=NEXT)
    ),
    refused("with chunks", post(ASKED, b"Upgrade: foo", b"Transfer-Encoding: chunked", body=CHUNKS) + NEXT),
    refused(
        "with a body, kept alive",
        post(b"Connection: keep-alive, Upgrade", b"Upgrade: foo", b"Content-Length: 5", body=b"hello"),
    ),
    refused(
        "GET to a WebSocket with a body", get(ASKED, b"Upgrade: websocket", b"Content-Length: 5") + b"hello" + NEXT
    ),
    refused("twice", get(ASKED, b"Upgrade: h2c", b"Upgrade: websocket") + NEXT),
)
