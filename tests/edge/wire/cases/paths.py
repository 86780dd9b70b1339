"""Paths that two parties could read in two ways (RFC 3986 §5.2.4, §6.2.2). The framing is beyond doubt, so the
connection goes on."""

from tests.edge.wire.case import NEXT, Case, Passed, head, passes

AMBIGUOUS = (
    b"/../x /x/../y /x/.. /./x /x/. /.. /. /..%2fx /x/..%2Fy /%2e%2e/x /x/%2e%2e/y /%2e/x /.%2e/x /%2E%2E/x "
    b"/%252e%252e/x /x%252fy /%2500 // //x /x//y /x// //evil.example/x /x/..;/y /x/;/y /..;x/y /x/.;a/y "
    b"/%c0%ae%c0%ae/x /%c0%af /%e0%80%af /%ff /%80 /x%0d%0aX-A:b /x%0a /x%0d /x%00 /x%09 /x%7f /x%5cy /x%5Cy "
    b"/x%2fy /x%2Fy /%2f /%25%32%66 /x%u002e /x%"
).split()

CASES: tuple[Case, ...] = (
    *(Case(path.decode(), head(f"GET {path.decode()}") + NEXT, (400, Passed("GET /next"))) for path in AMBIGUOUS),
    passes("an encoded letter", head("GET /%61pi") + NEXT, "GET /api", "GET /next"),
    passes("an encoded tilde", head("GET /%7Ex") + NEXT, "GET /~x", "GET /next"),
    passes("an encoded question mark", head("GET /x%3fy") + NEXT, "GET /x%3Fy", "GET /next"),
    passes("an encoded number sign", head("GET /x%23y") + NEXT, "GET /x%23y", "GET /next"),
    passes("an encoded space", head("GET /x%20y") + NEXT, "GET /x%20y", "GET /next"),
    passes("an encoded umlaut", head("GET /%c3%a4") + NEXT, "GET /%C3%A4", "GET /next"),
    passes("an encoded percent sign", head("GET /100%25") + NEXT, "GET /100%25", "GET /next"),
    passes("a parameter", head("GET /x;a=b/y") + NEXT, "GET /x;a=b/y", "GET /next"),
    passes("three dots", head("GET /.../x") + NEXT, "GET /.../x", "GET /next"),
    passes("a name that begins with a dot", head("GET /.well-known/x") + NEXT, "GET /.well-known/x", "GET /next"),
    passes("a slash at the end", head("GET /x/") + NEXT, "GET /x/", "GET /next"),
    passes("upper case", head("GET /X/Y") + NEXT, "GET /X/Y", "GET /next"),
    passes("the root", head("GET /") + NEXT, "GET /", "GET /next"),
)
