"""The syntax of field lines (RFC 9110 §5.1, §5.5, §5.6.2; RFC 9112 §2.2, §5)."""

from tests.edge.wire.case import NEXT, Case, Passed, get, passes, refused


def _line(line: bytes) -> bytes:
    return get(line) + NEXT


WRONG = tuple(
    refused(name, _line(line))
    for name, line in {
        "a folded line": b"X-A: b\r\n c",
        "a line folded by a tab": b"X-A: b\r\n\tc",
        "an empty folded line": b"X-A: b\r\n ",
        "a bare line feed after it": b"X-A: b\nX-C: d",
        "a bare carriage return in the value": b"X-A: b\rc",
        "a bare carriage return before the line end": b"X-A: b\r",
        "NUL in the value": b"X-A: b\x00c",
        "a bell in the value": b"X-A: b\x07c",
        "an escape in the value": b"X-A: b\x1bc",
        "DEL in the value": b"X-A: b\x7fc",
        "a vertical tab in the value": b"X-A: b\x0bc",
        "NUL in the name": b"X\x00A: b",
        "a tab in the name": b"X\tA: b",
        "a space in the name": b"X A: b",
        "a space before the colon": b"X-A : b",
        "a letter beyond ASCII in the name": "X-Ä: b".encode(),
        "octet 0xff in the name": b"X\xff: b",
        "octet 0x80 before the name": b"\x80X-A: b",
        "a byte order mark before the name": b"\xef\xbb\xbfX-A: b",
        "a bracket in the name": b"X[A: b",
        "a brace in the name": b"X{A: b",
        "a parenthesis in the name": b"X(A: b",
        "a quote in the name": b'X"A: b',
        "an at sign in the name": b"X@A: b",
        "a slash in the name": b"X/A: b",
        "a backslash in the name": b"X\\A: b",
        "a comma in the name": b"X,A: b",
        "a semicolon in the name": b"X;A: b",
        "an equals sign in the name": b"X=A: b",
        "a question mark in the name": b"X?A: b",
        "an angle bracket in the name": b"X<A: b",
        "no name": b": b",
        "no name and no value": b":",
        "no colon": b"X-A",
        "a space only": b" ",
        "a space before the name": b" X-A: b",
        "a request line": b"GET /smuggled HTTP/1.1",
        "a line feed before the name": b"\nX-A: b",
    }.items()
)

CASES: tuple[Case, ...] = (
    *WRONG,
    refused("a space before the first name", b"GET /x HTTP/1.1\r\n Host: a\r\n\r\n" + NEXT),
    refused("a first line of spaces", b"GET /x HTTP/1.1\r\n  \r\nHost: a\r\n\r\n" + NEXT),
    refused("line feeds only", b"GET /x HTTP/1.1\nHost: a\n\nGET /next HTTP/1.1\nHost: a\n\n"),
    refused("carriage returns only", b"GET /x HTTP/1.1\rHost: a\r\r" + NEXT),
    refused("a line feed in the place of the last line", b"GET /x HTTP/1.1\r\nHost: a\r\n\n" + NEXT),
    refused("a line feed after Host", b"GET /x HTTP/1.1\r\nHost: a\n\r\n" + NEXT),
    passes(
        "a value beyond ASCII",
        _line(b"X-A: \xe4\x85\xa0\xff"),
        Passed("GET /x", b"", (b"X-A: \xe4\x85\xa0\xff",)),
        "GET /next",
    ),
    passes("an empty value", _line(b"X-A:"), Passed("GET /x", b"", (b"X-A: ",)), "GET /next"),
    passes("a tab in the value", _line(b"X-A: b\tc"), Passed("GET /x", b"", (b"X-A: b\tc",)), "GET /next"),
    passes("spaces around the value", _line(b"X-A: \t b \t "), Passed("GET /x", b"", (b"X-A: b",)), "GET /next"),
    passes("a colon in the value", _line(b"X-A: b: c"), Passed("GET /x", b"", (b"X-A: b: c",)), "GET /next"),
    passes(
        "every sign of a token",
        _line(b"!#$%&'*+.^_`|~0: b"),
        Passed("GET /x", b"", (b"!#$%&'*+.^_`|~0: b",)),
        "GET /next",
    ),
    passes("one name twice", _line(b"X-A: b\r\nX-A: c"), Passed("GET /x", b"", (b"X-A: b", b"X-A: c")), "GET /next"),
    passes("a name of one letter", _line(b"x: y"), Passed("GET /x", b"", (b"x: y",)), "GET /next"),
    refused("Content-Type twice", _line(b"Content-Type: a/b\r\nContent-Type: c/d")),
)
