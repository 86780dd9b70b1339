"""Transfer-Encoding beside Content-Length, and in every disguise (RFC 9112 §6.1, §6.3, §7)."""

from tests.edge.wire.case import NEXT, Case, Passed, chunked, head, passes, post, refused

BODY = b"5\r\nhello\r\n0\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked"


def _coded(line: bytes) -> bytes:
    """A request whose coding is said by this line, and another one behind it."""
    return post(line, body=BODY) + NEXT


BESIDE = (
    refused("length, then coding", post(b"Content-Length: 4", CHUNKED, body=BODY) + NEXT),
    refused("coding, then length", post(CHUNKED, b"Content-Length: 4", body=BODY) + NEXT),
    refused("length of the whole chunked body", post(CHUNKED, b"Content-Length: 15", body=BODY) + NEXT),
    refused("length 0 and coding", post(b"Content-Length: 0", CHUNKED, body=BODY) + NEXT),
    refused("both in upper case", post(b"TRANSFER-ENCODING: CHUNKED", b"CONTENT-LENGTH: 4", body=BODY)),
    refused("both in lower case", post(b"content-length: 4", b"transfer-encoding: chunked", body=BODY)),
    refused("two lengths and a coding", post(b"Content-Length: 4", CHUNKED, b"Content-Length: 15", body=BODY)),
    refused(
        "both over HTTP/1.0", b"POST /x HTTP/1.0\r\nHost: a\r\nContent-Length: 4\r\n%b\r\n\r\n%b" % (CHUNKED, BODY)
    ),
    refused("coding over HTTP/1.0", b"POST /x HTTP/1.0\r\nHost: a\r\n%b\r\n\r\n%b" % (CHUNKED, BODY)),
    refused("a prefix of a request as the rest", post(b"Content-Length: 6", CHUNKED, body=b"0\r\n\r\nG")),
    refused("length and an unknown coding", post(b"Content-Length: 4", b"Transfer-Encoding: cow", body=BODY)),
    refused(
        "length and a coding with a tab before its colon", post(b"Content-Length: 4", b"Transfer-Encoding\t: chunked")
    ),
)

DISGUISED = (
    refused("space before the colon", _coded(b"Transfer-Encoding : chunked")),
    refused("tab before the colon", _coded(b"Transfer-Encoding\t: chunked")),
    refused("vertical tab before the colon", _coded(b"Transfer-Encoding\x0b: chunked")),
    refused("NUL before the colon", _coded(b"Transfer-Encoding\x00: chunked")),
    refused("carriage return before the colon", _coded(b"Transfer-Encoding\r: chunked")),
    refused("line feed before the colon", _coded(b"Transfer-Encoding\n: chunked")),
    refused("no-break space before the colon", _coded(b"Transfer-Encoding\xa0: chunked")),
    refused("space before the name", _coded(b" Transfer-Encoding: chunked")),
    refused("tab before the name", _coded(b"\tTransfer-Encoding: chunked")),
    refused("carriage return before the name", _coded(b"\rTransfer-Encoding: chunked")),
    refused("NUL before the name", _coded(b"\x00Transfer-Encoding: chunked")),
    refused("octet 0x85 before the name", _coded(b"\x85Transfer-Encoding: chunked")),
    refused("space in the name", _coded(b"Transfer Encoding: chunked")),
    refused("soft hyphen in the name", _coded(b"Transfer\xadEncoding: chunked")),
    refused("vertical tab before the value", _coded(b"Transfer-Encoding: \x0bchunked")),
    refused("form feed before the value", _coded(b"Transfer-Encoding: \x0cchunked")),
    refused("NUL before the value", _coded(b"Transfer-Encoding: \x00chunked")),
    refused("no-break space before the value", _coded(b"Transfer-Encoding: \xa0chunked")),
    refused("octet 0x85 before the value", _coded(b"Transfer-Encoding: \x85chunked")),
    refused("octet 0xff after the value", _coded(b"Transfer-Encoding: chunked\xff")),
    refused("vertical tab after the value", _coded(b"Transfer-Encoding: chunked\x0b")),
    refused("NUL after the value", _coded(b"Transfer-Encoding: chunked\x00")),
    refused("value on a folded line", _coded(b"Transfer-Encoding:\r\n chunked")),
    refused("value after a folded line", _coded(b"Transfer-Encoding: x\r\n chunked")),
    refused("value after a bare carriage return", _coded(b"Transfer-Encoding: \rchunked")),
    refused("value after a bare line feed", _coded(b"Transfer-Encoding:\n chunked")),
    refused("behind another field and a bare carriage return", _coded(b"X: y\rTransfer-Encoding: chunked")),
    refused("behind another field and a bare line feed", _coded(b"X: y\nTransfer-Encoding: chunked")),
    refused("quoted", _coded(b'Transfer-Encoding: "chunked"')),
    refused("in single quotes", _coded(b"Transfer-Encoding: 'chunked'")),
    refused("with a parameter", _coded(b"Transfer-Encoding: chunked;a=b")),
    refused("with an empty parameter", _coded(b"Transfer-Encoding: chunked;")),
    refused("with a letter too many", _coded(b"Transfer-Encoding: xchunked")),
    refused("with a letter too few", _coded(b"Transfer-Encoding: chunke")),
    refused("twice in a list", _coded(b"Transfer-Encoding: chunked, chunked")),
    refused("twice in two lines", _coded(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked")),
    refused("after identity", _coded(b"Transfer-Encoding: identity, chunked")),
    refused("after gzip", _coded(b"Transfer-Encoding: gzip, chunked")),
    refused("not last", _coded(b"Transfer-Encoding: chunked, gzip")),
    refused("after identity in another line", _coded(b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked")),
    refused("before identity in another line", _coded(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity")),
    refused("before an unknown one in another line", _coded(b"Transfer-Encoding: chunked\r\nTransfer-encoding: cow")),
    refused("with a leading comma", _coded(b"Transfer-Encoding: ,chunked")),
    refused("with a trailing comma", _coded(b"Transfer-Encoding: chunked,")),
    refused("empty", _coded(b"Transfer-Encoding:")),
    refused("identity alone", post(b"Transfer-Encoding: identity", b"Content-Length: 0")),
    refused("gzip alone", _coded(b"Transfer-Encoding: gzip")),
    refused(
        "with spaces after the value, which parsers take for a part of it", _coded(b"Transfer-Encoding: chunked \t ")
    ),
    refused("unknown", _coded(b"Transfer-Encoding: cow")),
)

HARMLESS = (
    passes("chunked", chunked(BODY) + NEXT, Passed("POST /x", b"hello"), "GET /next"),
    passes("in mixed case", _coded(b"tRANSFER-eNCODING: cHUNKED"), Passed("POST /x", b"hello"), "GET /next"),
    passes(
        "with a tab before the value", _coded(b"Transfer-Encoding:\tchunked"), Passed("POST /x", b"hello"), "GET /next"
    ),
    passes(
        "without a space before the value",
        _coded(b"Transfer-Encoding:chunked"),
        Passed("POST /x", b"hello"),
        "GET /next",
    ),
    passes(
        "its name with an underscore ends here",
        head("GET /x", b"Transfer_Encoding: chunked") + NEXT,
        "GET /x",
        "GET /next",
    ),
    passes(
        "its name with a dot ends here", head("GET /x", b"Transfer.Encoding: chunked") + NEXT, "GET /x", "GET /next"
    ),
    passes("as a content coding", head("GET /x", b"Content-Encoding: chunked") + NEXT, "GET /x", "GET /next"),
)

CASES: tuple[Case, ...] = (*BESIDE, *DISGUISED, *HARMLESS)
