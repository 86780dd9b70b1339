"""Forms of the request target (RFC 9112 §3.2, RFC 3986)."""

from tests.edge.wire.case import NEXT, Case, Passed, head, passes, refused

WRONG = tuple(
    refused(name, head(f"GET {target}") + NEXT)
    for name, target in {
        "an authority": "a:80",
        "a name": "a",
        "an asterisk": "*",
        "relative": "x/y",
        "relative with dots": "../x",
        "a query only": "?x",
        "with a fragment": "/x#y",
        "an empty fragment": "/x#",
        "with a space": "/x y",
        "with a tab": "/x\ty",
        "with NUL": "/x\x00",
        "with DEL": "/x\x7f",
        "beyond ASCII": "/\xc3\xa4",
        "a backslash first": "\\x",
        "absolute to another host": "http://b/x",
        "absolute to another port": "http://a:81/x",
        "absolute with userinfo": "http://u@a/x",
        "absolute with a password": "http://u:p@a/x",
        "absolute without a host": "http:///x",
        "absolute over ftp": "ftp://a/x",
        "absolute over file": "file:///x",
        "absolute over gopher": "gopher://a/x",
        "absolute without slashes": "http:a/x",
        "absolute with one slash": "http:/a/x",
        "absolute with a backslash": "http://a\\@b/x",
        "absolute with a query for its path": "http://a?x",
    }.items()
)

NO_PATH = tuple(
    Case(name, head(f"GET {target}") + NEXT, (400, Passed("GET /next")))
    for name, target in {
        "with a backslash": "/x\\y",
        "with a quote": '/x"',
        "with an angle bracket": "/x<y",
        "with a caret": "/x^y",
        "with a brace": "/x{y}",
        "with a bracket": "/x[y]",
        "with a bar": "/x|y",
        "with a wrong escape": "/x%zz",
        "with half an escape": "/x%4",
        "with a percent sign at its end": "/x%",
    }.items()
)

CASES: tuple[Case, ...] = (
    *WRONG,
    *NO_PATH,
    refused("absolute without Host", b"GET http://a/x HTTP/1.1\r\n\r\n" + NEXT),
    refused("absolute with two Hosts", head("GET http://a/x", b"Host: a") + NEXT),
    refused("CONNECT", b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n" + NEXT, 405),
    refused("CONNECT to a path", head("CONNECT /x") + NEXT, 405),
    refused(
        "CONNECT with a body", b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\nContent-Length: 5\r\n\r\nhello" + NEXT, 405
    ),
    refused("OPTIONS of the whole server", head("OPTIONS *") + NEXT),
    refused("POST to an authority", head("POST a:80") + NEXT),
    passes("absolute", head("GET http://a/x") + NEXT, "GET /x", "GET /next"),
    passes("absolute in upper case", head("GET HTTP://A/x") + NEXT, "GET /x", "GET /next"),
    passes("absolute over https", head("GET https://a/x?y") + NEXT, "GET /x?y", "GET /next"),
    passes("absolute without a path", head("GET http://a") + NEXT, "GET /", "GET /next"),
    passes("with a query", head("GET /x?a=b&c=%00;d") + NEXT, "GET /x?a=b&c=%00;d", "GET /next"),
    passes("with an empty query", head("GET /x?") + NEXT, "GET /x?", "GET /next"),
    passes("with two question marks", head("GET /x?a?b") + NEXT, "GET /x?a?b", "GET /next"),
    passes("with a target in its query", head("GET /x?u=http://b/../y") + NEXT, "GET /x?u=http://b/../y", "GET /next"),
    passes(
        "the host goes on as it was named",
        b"GET http://A:80/x HTTP/1.1\r\nHost: a:80\r\n\r\n",
        Passed("GET /x", b"", (b"Host: A:80",)),
    ),
)
