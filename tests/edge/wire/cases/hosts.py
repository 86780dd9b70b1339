"""Host (RFC 9112 §3.2; RFC 9110 §4.2.4, §7.2)."""

from tests.edge.wire.case import NEXT, Case, Passed, passes, refused


def _to(*lines: bytes, version: str = "1.1") -> bytes:
    first = f"GET /x HTTP/{version}\r\n".encode()
    return first + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + NEXT


WRONG = tuple(
    refused(name, _to(b"Host: " + value))
    for name, value in {
        "empty": b"",
        "with a space": b"a b",
        "two in a list": b"a, b",
        "with a comma": b"a,b",
        "with userinfo": b"u@a",
        "with a password": b"u:p@a",
        "with a path": b"a/b",
        "with a scheme": b"http://a",
        "with a query": b"a?b",
        "with a fragment": b"a#b",
        "with port 99999": b"a:99999",
        "with port 0": b"a:0",
        "with a port of letters": b"a:8x",
        "with a negative port": b"a:-1",
        "with two ports": b"a:80:80",
        "with an encoded NUL": b"a%00",
        "with a backslash": b"a\\b",
        "with a quote": b'a"',
        "with an underscore": b"a_b",
        "beyond ASCII": "ä".encode(),
        "with NUL": b"a\x00",
        "on a folded line": b"a\r\n b",
        "an address without its bracket": b"[::1",
        "an address without brackets": b"::1",
        "beginning with a dot": b".a",
        "beginning with a hyphen": b"-a",
        "of 300 octets": b"a" * 300,
    }.items()
)

CASES: tuple[Case, ...] = (
    *WRONG,
    refused("missing", _to()),
    refused("missing beside others", _to(b"X-A: b", b"Accept: */*")),
    refused("two equal ones", _to(b"Host: a", b"Host: a")),
    refused("two different ones", _to(b"Host: a", b"Host: b")),
    refused("two in different case", _to(b"Host: a", b"host: b")),
    refused("a space before the colon", _to(b"Host : a")),
    refused("once rightly and once with a space before the colon", _to(b"Host: a", b"Host : b")),
    refused("a space before the name", _to(b"X-A: b", b" Host: a")),
    refused("two over HTTP/1.0", _to(b"Host: a", b"Host: b", version="1.0")),
    passes("missing over HTTP/1.0", b"GET /x HTTP/1.0\r\n\r\n", "GET /x"),
    passes("with a port", _to(b"Host: a:8080"), Passed("GET /x", b"", (b"Host: a:8080",)), "GET /next"),
    passes("an address", _to(b"Host: [::1]:80"), Passed("GET /x", b"", (b"Host: [::1]:80",)), "GET /next"),
    passes("with a final dot", _to(b"Host: a.b."), Passed("GET /x", b"", (b"Host: a.b.",)), "GET /next"),
    passes("in lower case", _to(b"host: A"), Passed("GET /x", b"", (b"Host: A",)), "GET /next"),
)
