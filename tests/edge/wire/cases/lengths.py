"""Content-Length in every form (RFC 9110 §8.6, RFC 9112 §6.3)."""

from tests.edge.wire.case import NEXT, Case, Passed, passes, post, refused


def _long(value: bytes) -> bytes:
    """A request with this length and five octets of a body, and another one behind it."""
    return post(b"Content-Length: " + value, body=b"hello") + NEXT


def _lines(*lines: bytes) -> bytes:
    return post(*lines, body=b"hello") + NEXT


WRONG = tuple(
    refused(name, _long(value))
    for name, value in {
        "with a plus": b"+5",
        "with a minus": b"-5",
        "minus 0": b"-0",
        "hexadecimal": b"0x5",
        "two numbers": b"5 5",
        "a list of equals": b"5, 5",
        "a list of different ones": b"5, 6",
        "a list without a space": b"5,5",
        "a leading comma": b",5",
        "a trailing comma": b"5,",
        "empty": b"",
        "with an underscore": b"5_0",
        "with a point": b"5.0",
        "with an exponent": b"1e1",
        "quoted": b'"5"',
        "with a semicolon": b"5;",
        "2 to the 64": b"18446744073709551616",
        "2 to the 64, and 5": b"18446744073709551621",
        "2 to the 63": b"9223372036854775808",
        "2 to the 128, and 5": b"340282366920938463463374607431768211461",
        "superscript": b"\xb2",
        "fullwidth": "５".encode(),
        "arabic": "٥".encode(),
        "with NUL": b"5\x00",
        "with a vertical tab": b"5\x0b",
        "after a vertical tab": b"\x0b5",
        "after a no-break space": b"\xa05",
        "a word": b"five",
        "chunked": b"chunked",
        "after a bare carriage return": b"\r5",
        "after a bare line feed": b"\n5",
        "before a bare carriage return": b"5\r",
        "on a folded line": b"\r\n 5",
        "over two lines": b"0\r\n 5",
    }.items()
)

REPEATED = (
    refused("twice the same", _lines(b"Content-Length: 5", b"Content-Length: 5")),
    refused("twice, different", _lines(b"Content-Length: 5", b"Content-Length: 0")),
    refused("twice in different case", _lines(b"Content-Length: 0", b"content-length: 5")),
    refused("empty, then a number", _lines(b"Content-Length:", b"Content-Length: 5")),
    refused("a number, then empty", _lines(b"Content-Length: 5", b"Content-Length:")),
    refused("space before the colon", _lines(b"Content-Length : 5")),
    refused("tab before the colon", _lines(b"Content-Length\t: 5")),
    refused("space before the name", _lines(b" Content-Length: 5")),
    refused("once rightly and once with a space before the colon", _lines(b"Content-Length: 5", b"Content-Length : 0")),
    refused("behind a bare line feed", _lines(b"Content-Length: 5\nContent-Length: 0")),
    refused("no-break space in the name", _lines(b"Content\xa0Length: 5")),
)

RIGHT = (
    passes("a number", _long(b"5"), Passed("POST /x", b"hello"), "GET /next"),
    passes("with a leading 0", _long(b"05"), Passed("POST /x", b"hello", (b"Host: a",)), "GET /next"),
    passes("with spaces and tabs around", _long(b" \t5\t "), Passed("POST /x", b"hello"), "GET /next"),
    passes("without a space", _lines(b"Content-Length:5"), Passed("POST /x", b"hello"), "GET /next"),
    passes("0", post(b"Content-Length: 0") + NEXT, "POST /x", "GET /next"),
    passes("none", post() + NEXT, "POST /x", "GET /next"),
    passes("in upper case", _lines(b"CONTENT-LENGTH: 5"), Passed("POST /x", b"hello"), "GET /next"),
    passes("an underscore's length is none", post(b"Content_Length: 5") + NEXT, "POST /x", "GET /next"),
    refused("more than a route takes", _long(b"99999999999"), 413),
    refused("18 digits", _long(b"999999999999999999"), 413),
)

CASES: tuple[Case, ...] = (*WRONG, *REPEATED, *RIGHT)
