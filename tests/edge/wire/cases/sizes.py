"""What is too long and too many (RFC 9110 §15.5.15, RFC 6585 §5, RFC 9112 §3)."""

from tests.edge.wire.case import NEXT, Case, Passed, get, head, passes, refused

MANY = [b"X-%d: a" % number for number in range(99)]

CASES: tuple[Case, ...] = (
    passes("100 fields", get(*MANY) + NEXT, Passed("GET /x", b"", (b"X-98: a",)), "GET /next"),
    refused("101 fields", get(*MANY, b"X: a") + NEXT, 431),
    refused("200 fields", get(*[b"X-A: b"] * 200) + NEXT, 431),
    refused("5,000 fields", get(*[b"X-A: b"] * 5_000), 431),
    passes("a field of 30,000 octets", get(b"X-A: " + b"b" * 30_000) + NEXT, "GET /x", "GET /next"),
    refused("a field of 33,000 octets", get(b"X-A: " + b"b" * 33_000) + NEXT, 431),
    refused("a field of 70,000 octets", get(b"X-A: " + b"b" * 70_000) + NEXT, 431),
    refused("a field of 1,000,000 octets", get(b"X-A: " + b"b" * 1_000_000), 431),
    refused("a name of 70,000 octets", get(b"X" * 70_000 + b": b"), 431),
    refused("spaces of 70,000 octets", get(b"X-A:" + b" " * 70_000 + b"b"), 431),
    refused("a field that does not end", get(b"X-A: " + b"b" * 70_000)[:-4], 431),
    passes("a target of 8,000 octets", head("GET /" + "x" * 7_999) + NEXT, "GET /" + "x" * 7_999, "GET /next"),
    refused("a target of 9,000 octets", head("GET /" + "x" * 8_999) + NEXT, 414),
    refused("a target of 70,000 octets", head("GET /" + "x" * 70_000), 414),
    refused("a target of 1,000,000 octets", head("GET /" + "x" * 1_000_000), 414),
    refused("a query of 9,000 octets", head("GET /x?" + "x" * 9_000) + NEXT, 414),
    refused("a method of 1,000 octets", head("X" * 1_000 + " /x"), 405),
    refused("a method of 70,000 octets", head("X" * 70_000 + " /x"), 414),
    passes("two empty lines first", b"\r\n" * 2 + get() + NEXT, "GET /x", "GET /next"),
    refused("three empty lines first", b"\r\n" * 3 + get() + NEXT),
    refused("1,000 empty lines first", b"\r\n" * 1_000 + get() + NEXT),
)
