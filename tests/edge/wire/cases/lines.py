"""The request line (RFC 9112 §2.2, §2.3, §3; RFC 9110 §2.5, §9.1)."""

from tests.edge.wire.case import NEXT, Case, get, head, passes, refused


def _line(line: bytes) -> bytes:
    return line + b"\r\nHost: a\r\n\r\n" + NEXT


WRONG = tuple(
    refused(name, _line(line))
    for name, line in {
        "a space first": b" GET /x HTTP/1.1",
        "a tab first": b"\tGET /x HTTP/1.1",
        "NUL first": b"\x00GET /x HTTP/1.1",
        "a byte order mark first": b"\xef\xbb\xbfGET /x HTTP/1.1",
        "two spaces after the method": b"GET  /x HTTP/1.1",
        "two spaces after the target": b"GET /x  HTTP/1.1",
        "a tab after the method": b"GET\t/x HTTP/1.1",
        "a tab after the target": b"GET /x\tHTTP/1.1",
        "a vertical tab after the method": b"GET\x0b/x HTTP/1.1",
        "a carriage return after the method": b"GET\r/x HTTP/1.1",
        "a space at the end": b"GET /x HTTP/1.1 ",
        "a tab at the end": b"GET /x HTTP/1.1\t",
        "a carriage return at the end": b"GET /x HTTP/1.1\r",
        "a word at the end": b"GET /x HTTP/1.1 y",
        "no version": b"GET /x",
        "no version after a space": b"GET /x ",
        "no target": b"GET HTTP/1.1",
        "an empty target": b"GET  HTTP/1.1",
        "a method only": b"GET",
        "version 0.9": b"GET /x HTTP/0.9",
        "version 1.2": b"GET /x HTTP/1.2",
        "version 2.0": b"GET /x HTTP/2.0",
        "version 2": b"GET /x HTTP/2",
        "version 1": b"GET /x HTTP/1",
        "version 1.10": b"GET /x HTTP/1.10",
        "version 1.1 and a letter": b"GET /x HTTP/1.1x",
        "version 01.1": b"GET /x HTTP/01.1",
        "version with a comma": b"GET /x HTTP/1,1",
        "a protocol in lower case": b"GET /x http/1.1",
        "a protocol in mixed case": b"GET /x Http/1.1",
        "a protocol with a space": b"GET /x HTTP /1.1",
        "RTSP": b"GET /x RTSP/1.1",
        "FTP": b"GET /x FTP/1.1",
        "ICE": b"SOURCE /x ICE/1.0",
        "a method with a parenthesis": b"GE(T /x HTTP/1.1",
        "a method with a colon": b"GET: /x HTTP/1.1",
        "a method with NUL": b"GE\x00T /x HTTP/1.1",
        "the preface of HTTP/2": b"PRI * HTTP/2.0",
        "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        "a PROXY line": b"PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\nGET /x HTTP/1.1",
        "an answer": b"HTTP/1.1 200 OK",
    }.items()
)

CASES: tuple[Case, ...] = (
    *WRONG,
    refused("TRACE", head("TRACE /x") + NEXT, 405),
    refused("a method in lower case", head("get /x") + NEXT, 405),
    refused("an unknown method", head("BREW /x") + NEXT, 405),
    refused("PROPFIND", head("PROPFIND /x") + NEXT, 405),
    refused("PURGE", head("PURGE /x") + NEXT, 405),
    refused("a line feed at its end", b"GET /x HTTP/1.1\nHost: a\r\n\r\n" + NEXT),
    refused("a line feed first", b"\n" + get() + NEXT),
    refused("a carriage return first", b"\r" + get() + NEXT),
    passes("an empty line first", b"\r\n" + get() + NEXT, "GET /x", "GET /next"),
    passes("an empty line between", get() + b"\r\n" + NEXT, "GET /x", "GET /next"),
    Case("nothing but empty lines", b"\r\n\r\n", (408,)),
    Case("nothing", b"", ()),
)
