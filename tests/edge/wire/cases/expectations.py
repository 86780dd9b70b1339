"""Expect: 100-continue is answered once and ends here; all else is refused (RFC 9110 §10.1.1)."""

from tests.edge.wire.case import NEXT, Case, Passed, get, passes, post, refused

ASKED = b"Expect: 100-continue"

CASES: tuple[Case, ...] = (
    passes(
        "with a body", post(ASKED, b"Content-Length: 5", body=b"hello") + NEXT, Passed("POST /x", b"hello"), "GET /next"
    ),
    passes(
        "with chunks",
        post(ASKED, b"Transfer-Encoding: chunked", body=b"5\r\nhello\r\n0\r\n\r\n") + NEXT,
        Passed("POST /x", b"hello"),
        "GET /next",
    ),
    passes(
        "in upper case", post(b"EXPECT: 100-CONTINUE", b"Content-Length: 5", body=b"hello"), Passed("POST /x", b"hello")
    ),
    passes("without a body", get(ASKED) + NEXT, "GET /x", "GET /next"),
    passes(
        "over HTTP/1.0",
        b"POST /x HTTP/1.0\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello",
        Passed("POST /x", b"hello"),
    ),
    refused("something else", post(b"Expect: 200-ok", b"Content-Length: 5", body=b"hello") + NEXT, 417),
    refused("empty", post(b"Expect:", b"Content-Length: 5", body=b"hello") + NEXT, 417),
    refused("a list", post(b"Expect: 100-continue, x", b"Content-Length: 5", body=b"hello") + NEXT, 417),
    refused("with a word before", post(b"Expect: y 100-continue", b"Content-Length: 5", body=b"hello") + NEXT, 417),
    refused("with a parameter", post(b"Expect: 100-continue;a=b", b"Content-Length: 5", body=b"hello") + NEXT, 417),
    refused("twice", post(ASKED, ASKED, b"Content-Length: 5", body=b"hello") + NEXT),
    refused("a body that does not come", post(ASKED, b"Content-Length: 5"), 408),
    refused("a length that is too long", post(ASKED, b"Content-Length: 99999999999"), 413),
)
