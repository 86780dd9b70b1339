"""Sizes, ends and extensions of chunks (RFC 9112 §7.1, §7.1.1, §2.2)."""

from tests.edge.wire.case import NEXT, Case, Passed, chunked, passes, refused

LAST = b"0\r\n\r\n"


def _sized(size: bytes) -> bytes:
    """A chunk of five octets with this size, and another request behind it."""
    return chunked(size + b"\r\nhello\r\n" + LAST) + NEXT


def _whole(body: bytes) -> bytes:
    return chunked(body) + NEXT


WRONG_SIZES = tuple(
    refused(f"size {name}", _sized(size))
    for name, size in {
        "with 0x": b"0x5",
        "with a plus": b"+5",
        "with a minus": b"-5",
        "with an underscore": b"0_5",
        "with a point": b"5.0",
        "of 65 bits and 5": b"10000000000000005",
        "minus 0": b"-0",
        "after a space": b" 5",
        "after a tab": b"\t5",
        "before a space": b"5 ",
        "before a tab": b"5\t",
        "empty": b"",
        "no hexadecimal digit": b"g",
        "with h": b"5h",
        "quoted": b'"5"',
        "a list": b"5,5",
        "with NUL": b"5\x00",
        "with a vertical tab": b"5\x0b",
        "after a no-break space": b"\xa05",
        "fullwidth": "５".encode(),
    }.items()
)

SIZES = (
    *WRONG_SIZES,
    refused("size of 33 bits and 5", _sized(b"100000005")),
    refused("size of 63 bits and 5", _sized(b"8000000000000005")),
    refused("size of 64 bits", _sized(b"ffffffffffffffff")),
    refused("size of 32 bits", _sized(b"ffffffff"), 408),
    refused("last size with a minus", _whole(b"5\r\nhello\r\n-0\r\n\r\n")),
    refused("last size before a space", _whole(b"5\r\nhello\r\n0 \r\n\r\n")),
    passes("size with leading zeros", _sized(b"0005"), Passed("POST /x", b"hello"), "GET /next"),
    passes("size of 8 digits", _sized(b"00000005"), Passed("POST /x", b"hello"), "GET /next"),
    refused("size of 16 digits", _sized(b"0000000000000005")),
    passes("size in upper case", _whole(b"A\r\n0123456789\r\n" + LAST), Passed("POST /x", b"0123456789"), "GET /next"),
    passes("size in lower case", _whole(b"a\r\n0123456789\r\n" + LAST), Passed("POST /x", b"0123456789"), "GET /next"),
    passes("last size of many zeros", _whole(b"5\r\nhello\r\n0000\r\n\r\n"), Passed("POST /x", b"hello"), "GET /next"),
    passes("only the last chunk", _whole(LAST), "POST /x", "GET /next"),
    passes("many chunks", _whole(b"1\r\na\r\n2\r\nbc\r\n1\r\nd\r\n" + LAST), Passed("POST /x", b"abcd"), "GET /next"),
)

ENDS = (
    refused("line feed after a size", _whole(b"5\nhello\r\n" + LAST)),
    refused("line feed after data", _whole(b"5\r\nhello\n" + LAST)),
    refused("line feed after the last size", _whole(b"5\r\nhello\r\n0\n\r\n")),
    refused("line feed at the end", _whole(b"5\r\nhello\r\n0\r\n\n")),
    refused("line feeds only", _whole(b"5\nhello\n0\n\n")),
    refused("carriage return after a size", _whole(b"5\rhello\r\n" + LAST)),
    refused("carriage return after data", _whole(b"5\r\nhello\r" + LAST)),
    refused("carriage return after the last size", _whole(b"5\r\nhello\r\n0\r\r\n")),
    refused("carriage return and a letter after a size", _whole(b"5\rXhello\r\n" + LAST)),
    refused("carriage return and a letter after data", _whole(b"5\r\nhello\rX" + LAST)),
    refused("two carriage returns after a size", _whole(b"5\r\r\nhello\r\n" + LAST)),
    refused("two carriage returns and a semicolon", _whole(b"5\r\r;\r\nhello\r\n" + LAST)),
    refused("line feed and carriage return", _whole(b"5\n\rhello\r\n" + LAST)),
    refused("nothing after data", _whole(b"5\r\nhello" + LAST)),
    refused("data longer than its size", _whole(b"5\r\nhello!\r\n" + LAST)),
    refused("data shorter than its size", _whole(b"6\r\nhello\r\n" + LAST)),
    refused("an empty line before a size", _whole(b"\r\n5\r\nhello\r\n" + LAST)),
    refused("a letter in the place of the end", _whole(b"5\r\nhello\r\n0\r\nX\r\n")),
    refused("the next request in the place of the end", chunked(b"5\r\nhello\r\n0\r\n") + NEXT),
    refused("no end", chunked(b"5\r\nhello\r\n0\r\n"), 408),
    refused("no last chunk", chunked(b"5\r\nhello\r\n"), 408),
    refused("half a chunk", chunked(b"5\r\nhel"), 408),
)

EXTENSIONS = (
    passes("extension", _sized(b"5;a"), Passed("POST /x", b"hello"), "GET /next"),
    passes("extension with a value", _sized(b"5;a=b"), Passed("POST /x", b"hello"), "GET /next"),
    passes("extension with a quoted value", _sized(b'5;a="b c"'), Passed("POST /x", b"hello"), "GET /next"),
    passes("extension with an escaped quote", _sized(b'5;a="\\""'), Passed("POST /x", b"hello"), "GET /next"),
    passes("two extensions", _sized(b"5;a=b;c"), Passed("POST /x", b"hello"), "GET /next"),
    passes(
        "extension of the last chunk", _whole(b"5\r\nhello\r\n0;a=b\r\n\r\n"), Passed("POST /x", b"hello"), "GET /next"
    ),
    refused("extension without a name", _sized(b"5;")),
    refused("extension without a name but a value", _sized(b"5;=b")),
    refused("extension without a value", _sized(b"5;a=")),
    refused("extension after a comma", _sized(b"5,a=b")),
    refused("extension with a line feed", _sized(b"5;a\n")),
    refused("extension with a line feed and a size", _sized(b"5;\n0\r\n\r\n")),
    refused("extension with a carriage return", _sized(b"5;a\rb")),
    refused("extension with NUL", _sized(b"5;a\x00")),
    refused("extension with DEL", _sized(b"5;a\x7f")),
    refused("extension with a quote that does not end", _sized(b'5;a="b')),
    refused("extension with a line end in quotes", _sized(b'5;a="\r\nb"')),
    refused("extension with text after quotes", _sized(b'5;a="b"c')),
    refused("extension with a control character in quotes", _sized(b'5;a="\x01"')),
    refused("extension of 70,000 octets", _sized(b"5;a=" + b"b" * 70_000)),
    refused("500 chunks with extensions of 200 octets", _whole(b"1;%b\r\nx\r\n" % (b"a" * 200) * 500 + LAST)),
)

CASES: tuple[Case, ...] = (*SIZES, *ENDS, *EXTENSIONS)
