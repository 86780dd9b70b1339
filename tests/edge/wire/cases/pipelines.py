"""Several requests on a connection: each answered once, in order, to the first that ends it (RFC 9112 §9.3, §9.6)."""

from tests.edge.wire.case import Case, Passed, chunked, get, head, passes, post

CHUNKS = b"5\r\nhello\r\n0\r\n\r\n"

CASES: tuple[Case, ...] = (
    passes("two", head("GET /1") + head("GET /2"), "GET /1", "GET /2"),
    passes("fifteen", b"".join(head(f"GET /{n}") for n in range(15)), *(f"GET /{n}" for n in range(15))),
    passes("HEAD, then GET", head("HEAD /1") + head("GET /2"), "HEAD /1", "GET /2"),
    passes(
        "a length, chunks, nothing",
        post(b"Content-Length: 5", body=b"hello") + chunked(CHUNKS) + get(),
        Passed("POST /x", b"hello"),
        Passed("POST /x", b"hello"),
        "GET /x",
    ),
    passes(
        "fields do not stay",
        get(b"X-A: b") + get() + get(b"X-C: d"),
        Passed("GET /x", b"", (b"X-A: b",)),
        "GET /x",
        "GET /x",
    ),
    passes("close, then more", get(b"Connection: close") + head("GET /2"), "GET /x"),
    Case("good, then bad", get() + b"GE(T / HTTP/1.1\r\n\r\n", (Passed("GET /x"), 400)),
    Case("good, then garbage", get() + b"\x00\x01\x02", (Passed("GET /x"), 400)),
    Case(
        "good, then ambiguous, then good", get() + head("GET /../y") + get(), (Passed("GET /x"), 400, Passed("GET /x"))
    ),
    Case(
        "good, then two codings, then good",
        get() + post(b"Content-Length: 5", b"Transfer-Encoding: chunked", body=CHUNKS) + get(),
        (Passed("GET /x"), 400),
    ),
    Case("good, then a bad chunk, then good", get() + chunked(b"x\r\n") + get(), (Passed("GET /x"), 400)),
    Case("good, then in part", get() + b"GET /2 HT", (Passed("GET /x"), 408)),
    Case("good, then an unknown method, then good", get() + head("TRACE /2") + get(), (Passed("GET /x"), 405)),
    Case(
        "a body longer than its length",
        post(b"Content-Length: 5", body=b"hello!") + get(),
        (Passed("POST /x", b"hello"), 405),
    ),
    Case(
        "a body shorter than its length",
        post(b"Content-Length: 8", body=b"hello") + get(),
        (Passed("POST /x", b"helloGET"), 400),
    ),
    Case("garbage after chunks", chunked(CHUNKS + b"xyz") + get(), (Passed("POST /x", b"hello"), 405)),
)
