"""The strict gate at target and Host: what they may say, and what is refused although the parser lets it through."""

import pytest

from edge.http.block import read_block
from edge.http.head import Head, read_head
from edge.problems import Refusal
from tests.edge.heads import HOST, Field, head_of


def refusal_of(*fields: Field, target: bytes = b"/a", version: str = "1.1") -> tuple[str, str]:
    refusal = read_head(b"GET", target, read_block(version, fields, field_count=10))
    assert isinstance(refusal, Refusal), refusal
    return refusal.code, refusal.detail


def test_a_refusal_of_the_fields_is_the_heads() -> None:
    assert refusal_of(HOST, HOST) == ("BAD_REQUEST", "header field host is repeated")


HOSTLESS = "Host is missing"
NOT_A_HOST = "Host is not valid"
NEITHER = "request target is neither a path nor an absolute URL"
ANOTHER = "Host differs from the request target"
FRAGMENT = "request target has a fragment"


@pytest.mark.parametrize(
    ("host", "target", "detail"),
    [
        pytest.param(None, b"/a", HOSTLESS, id="no Host"),
        pytest.param(b"", b"/a", NOT_A_HOST, id="an empty Host"),
        pytest.param(b"a@b", b"/a", NOT_A_HOST, id="a Host with user info"),
        pytest.param(b"a/b", b"/a", NOT_A_HOST, id="a Host with a path"),
        pytest.param(b"a:0", b"/a", NOT_A_HOST, id="port 0"),
        pytest.param(b"a:65536", b"/a", NOT_A_HOST, id="a port out of range"),
        pytest.param(b"a:", b"/a", NOT_A_HOST, id="a colon without a port"),
        pytest.param(b"-a", b"/a", NOT_A_HOST, id="a Host that begins with a hyphen"),
        pytest.param(b"a..", b"/a", NOT_A_HOST, id="a Host with two final dots"),
        pytest.param(b"a b", b"/a", NOT_A_HOST, id="a Host with a space"),
        pytest.param(b"a,b", b"/a", NOT_A_HOST, id="two Hosts in one"),
        pytest.param("ä".encode(), b"/a", NOT_A_HOST, id="a Host that is not ASCII"),
        pytest.param(b"::1", b"/a", NOT_A_HOST, id="an IPv6 address without brackets"),
        pytest.param(b"a" * 256, b"/a", NOT_A_HOST, id="a Host longer than any name"),
        pytest.param(b"a", b"/a#b", FRAGMENT, id="a fragment"),
        pytest.param(b"a", b"/a?b#c", FRAGMENT, id="a fragment after a query"),
        pytest.param(b"a", b"a/b", NEITHER, id="a relative target"),
        pytest.param(b"a", b"", NEITHER, id="an empty target"),
        pytest.param(b"a", b"*", NEITHER, id="an asterisk"),
        pytest.param(b"a", b"a:443", NEITHER, id="an authority"),
        pytest.param(b"a", b"ftp://a/", NEITHER, id="another scheme"),
        pytest.param(b"a", b"://a/", NEITHER, id="no scheme"),
        pytest.param(b"a", b"http:/a", NEITHER, id="half an absolute target"),
        pytest.param(b"a", b"http://b/", ANOTHER, id="a target of another host"),
        pytest.param(b"a:80", b"http://a/", ANOTHER, id="a target without the port of Host"),
        pytest.param(b"a", b"http://x@a/", ANOTHER, id="a target with user info"),
        pytest.param(None, b"http://a/b", HOSTLESS, id="an absolute target alone"),
        pytest.param(b"", b"http:///b", NOT_A_HOST, id="an absolute target without a host"),
        pytest.param(b"a?b", b"http://a?b", NOT_A_HOST, id="an absolute target without a path, but a query"),
    ],
)
def test_what_does_not_name_one_host_and_one_path_is_refused(host: bytes | None, target: bytes, detail: str) -> None:
    fields = () if host is None else ((b"Host", host),)
    assert refusal_of(*fields, target=target) == ("BAD_REQUEST", detail)


@pytest.mark.parametrize(
    ("authority", "host"),
    [
        (b"api.example.com", "api.example.com"),
        (b"API.Example.com.:8443", "api.example.com"),
        (b"a", "a"),
        (b"a:1", "a"),
        (b"a:65535", "a"),
        (b"127.0.0.1:80", "127.0.0.1"),
        (b"[::1]:80", "[::1]"),
        (b"[FE80::1]", "[fe80::1]"),
        (b"a" * 255, "a" * 255),
    ],
    ids=lambda value: value.decode()[:30] if isinstance(value, bytes) else "",
)
def test_the_host_is_lower_case_without_port_and_final_dot(authority: bytes, host: str) -> None:
    head = head_of((b"Host", authority))
    assert (head.host, head.authority) == (host, authority)


@pytest.mark.parametrize(
    ("target", "raw_path", "query"),
    [
        pytest.param(b"http://api.example.com/a/b?c=d", b"/a/b", b"?c=d", id="whole"),
        pytest.param(b"HTTPS://API.example.com/a", b"/a", b"", id="in upper case"),
        pytest.param(b"http://api.example.com", b"/", b"", id="without a path"),
    ],
)
def test_an_absolute_target_is_taken_apart(target: bytes, raw_path: bytes, query: bytes) -> None:
    head = head_of(HOST, target=target)
    assert (head.host, head.raw_path, head.query) == ("api.example.com", raw_path, query)


def test_an_absolute_target_stands_for_a_host_that_http_10_leaves_out() -> None:
    head = read_head(b"GET", b"http://A.test:8080/x", read_block("1.0", [], 10))
    assert isinstance(head, Head)
    assert (head.host, head.authority, head.path) == ("a.test", b"A.test:8080", "/x")


def test_http_10_needs_no_host() -> None:
    head = read_head(b"GET", b"/x", read_block("1.0", [], 10))
    assert isinstance(head, Head)
    assert (head.host, head.authority, head.path) == ("", b"", "/x")


@pytest.mark.parametrize(
    ("target", "path", "lenient", "query"),
    [
        pytest.param(b"/a", "/a", "/a", b"", id="plain"),
        pytest.param(b"/%61?x=/../?", "/a", "/a", b"?x=/../?", id="the query is as it came"),
        pytest.param(b"/a?", "/a", "/a", b"?", id="an empty query"),
        pytest.param(b"/a%2fb", None, "/a%2Fb", b"", id="an encoded slash"),
        pytest.param(b"/a/../b", None, None, b"", id="a dot segment"),
    ],
)
def test_a_path_is_canonical_or_none(target: bytes, path: str | None, lenient: str | None, query: bytes) -> None:
    head = head_of(target=target)
    assert (head.path, head.lenient_path, head.query) == (path, lenient, query)


LENGTH: Field = (b"Content-Length", b"5")
EXPECT: Field = (b"Expect", b"100-continue")
CHUNKED: Field = (b"Transfer-Encoding", b"chunked")


@pytest.mark.parametrize(
    ("fields", "version", "has_body", "waits"),
    [
        pytest.param((), "1.1", False, False, id="no body"),
        pytest.param(((b"Content-Length", b"0"),), "1.1", False, False, id="an empty body"),
        pytest.param((LENGTH,), "1.1", True, False, id="a length"),
        pytest.param((CHUNKED,), "1.1", True, False, id="chunks"),
        pytest.param((LENGTH, EXPECT), "1.1", True, True, id="an expected body"),
        pytest.param((CHUNKED, EXPECT), "1.1", True, True, id="expected chunks"),
        pytest.param((EXPECT,), "1.1", False, False, id="an expectation without a body"),
        pytest.param((LENGTH, EXPECT), "1.0", True, False, id="HTTP 1.0 knows no expectation"),
    ],
)
def test_a_client_waits_for_a_go_ahead_only_with_a_body(
    fields: tuple[Field, ...], version: str, has_body: bool, waits: bool
) -> None:
    head = head_of(*fields, method=b"POST", version=version)
    assert (head.has_body, head.expects_continue) == (has_body, waits)


def test_what_the_fields_say_is_at_hand() -> None:
    head = head_of(HOST, (b"Connection", b"close"), (b"Origin", b"https://a.test"))
    assert not head.block.keep_alive
    assert head.read is head.block.read
    assert head.read[b"origin"] == b"https://a.test"
