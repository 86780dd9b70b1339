"""The strict gate: what a head may say, and what is refused although the parser lets it through."""

import pytest

from edge.http.block import read_block
from edge.http.head import Head, read_head
from edge.problems import Refusal

HOST = (b"Host", b"api.example.com")


def judge(
    *fields: tuple[bytes, bytes], method: bytes = b"GET", version: str = "1.1", target: bytes = b"/a"
) -> Head | Refusal:
    return read_head(method, target, read_block(version, fields, field_count=100), line_bytes=8192)


def accepted(*fields: tuple[bytes, bytes], method: bytes = b"GET", target: bytes = b"/a") -> Head:
    head = judge(*fields, method=method, target=target)
    assert isinstance(head, Head), head
    return head


REFUSED: dict[str, tuple[str, dict[str, object]]] = {
    "no Host": ("BAD_REQUEST", {"fields": ()}),
    "two Hosts": ("BAD_REQUEST", {"fields": (HOST, HOST)}),
    "an empty Host": ("BAD_REQUEST", {"fields": ((b"Host", b""),)}),
    "a Host with user info": ("BAD_REQUEST", {"fields": ((b"Host", b"a@b"),)}),
    "a Host with a path": ("BAD_REQUEST", {"fields": ((b"Host", b"a/b"),)}),
    "a Host with a port out of range": ("BAD_REQUEST", {"fields": ((b"Host", b"a:99999"),)}),
    "two lengths": ("BAD_REQUEST", {"fields": (HOST, (b"Content-Length", b"5"), (b"Content-Length", b"5"))}),
    "a signed length": ("BAD_REQUEST", {"fields": (HOST, (b"Content-Length", b"+5"))}),
    "a list of lengths": ("BAD_REQUEST", {"fields": (HOST, (b"Content-Length", b"5, 5"))}),
    "a length beyond any body": ("BAD_REQUEST", {"fields": (HOST, (b"Content-Length", b"9" * 19))}),
    "length and coding": (
        "BAD_REQUEST",
        {"fields": (HOST, (b"Content-Length", b"5"), (b"Transfer-Encoding", b"chunked"))},
    ),
    "another coding": ("BAD_REQUEST", {"fields": (HOST, (b"Transfer-Encoding", b"gzip, chunked"))}),
    "a coding with a comma": ("BAD_REQUEST", {"fields": (HOST, (b"Transfer-Encoding", b",chunked"))}),
    "a coding over HTTP/1.0": (
        "BAD_REQUEST",
        {"fields": (HOST, (b"Transfer-Encoding", b"chunked")), "version": "1.0"},
    ),
    "HTTP/2.0 in a request line": ("BAD_REQUEST", {"fields": (HOST,), "version": "2.0"}),
    "HTTP/0.9": ("BAD_REQUEST", {"fields": (), "version": "0.9"}),
    "TRACE": ("METHOD_NOT_ALLOWED", {"fields": (HOST,), "method": b"TRACE"}),
    "CONNECT": ("METHOD_NOT_ALLOWED", {"fields": (HOST,), "method": b"CONNECT", "target": b"a:443"}),
    "an unknown expectation": ("EXPECTATION_FAILED", {"fields": (HOST, (b"Expect", b"200-ok"))}),
    "a fragment": ("BAD_REQUEST", {"fields": (HOST,), "target": b"/a#b"}),
    "a relative target": ("BAD_REQUEST", {"fields": (HOST,), "target": b"a/b"}),
    "a target of another scheme": ("BAD_REQUEST", {"fields": (HOST,), "target": b"ftp://api.example.com/"}),
    "a target of another host": ("BAD_REQUEST", {"fields": (HOST,), "target": b"http://evil.com/"}),
    "Connection naming an identity field": (
        "BAD_REQUEST",
        {"fields": (HOST, (b"Connection", b"close, X-User-ID"))},
    ),
    "Connection naming an identity field with underscores": (
        "BAD_REQUEST",
        {"fields": (HOST, (b"Connection", b"x_user_id"))},
    ),
    "Connection naming Authorization": ("BAD_REQUEST", {"fields": (HOST, (b"Connection", b"authorization"))}),
    "two Authorizations": (
        "CREDENTIALS_CONFLICT",
        {"fields": (HOST, (b"Authorization", b"a"), (b"authorization", b"b"))},
    ),
    "a token and an API key": (
        "CREDENTIALS_CONFLICT",
        {"fields": (HOST, (b"Authorization", b"Bearer a"), (b"X-API-Key", b"b"))},
    ),
    "two API keys": ("CREDENTIALS_CONFLICT", {"fields": (HOST, (b"X-API-Key", b"a"), (b"x-api-key", b"b"))}),
    "two tenants": ("BAD_REQUEST", {"fields": (HOST, (b"X-Tenant-ID", b"a"), (b"x-tenant-id", b"b"))}),
    "a tenant in another spelling": ("BAD_REQUEST", {"fields": (HOST, (b"X_Tenant_ID", b"a"))}),
    "a long request line": ("URI_TOO_LONG", {"fields": (HOST,), "target": b"/" + b"a" * 9000}),
    "too many fields": ("HEADERS_TOO_LARGE", {"fields": (HOST, *[(b"X-%d" % n, b"") for n in range(100)])}),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refuses(case: str) -> None:
    code, given = REFUSED[case]
    fields = given.pop("fields")
    assert isinstance(fields, tuple)
    verdict = judge(*fields, **given)  # type: ignore[arg-type]
    assert isinstance(verdict, Refusal), verdict
    assert verdict.code == code


@pytest.mark.parametrize(
    "name",
    [b"X-User-ID", b"x-user-id", b"X_User_ID", b"X.User.ID", b"x-user_id", b"X-Forwarded-By", b"x_service_name"],
)
def test_identity_fields_end_here_in_every_spelling(name: bytes) -> None:
    assert accepted(HOST, (name, b"admin")).block.fields == ()


@pytest.mark.parametrize("name", [b"Keep-Alive", b"TE", b"Upgrade", b"Proxy-Connection", b"HTTP2-Settings"])
def test_hop_by_hop_fields_end_here(name: bytes) -> None:
    assert accepted(HOST, (name, b"x")).block.fields == ()


def test_fields_that_connection_names_end_here() -> None:
    head = accepted(HOST, (b"Connection", b"X-Trace"), (b"X-Trace", b"1"), (b"X-Other", b"2"))
    assert head.block.fields == ((b"X-Other", b"2"),)


def test_a_list_field_in_several_lines_counts_as_one_list() -> None:
    head = accepted(HOST, (b"X-Forwarded-For", b"10.0.0.1"), (b"x-forwarded-for", b"10.0.0.2"))
    assert head.read[b"x-forwarded-for"] == b"10.0.0.1, 10.0.0.2"


def test_the_host_is_lower_case_without_port_and_final_dot() -> None:
    assert accepted((b"Host", b"API.Example.com.:8443")).host == "api.example.com"
    assert accepted((b"Host", b"[::1]:80")).host == "[::1]"


def test_an_absolute_target_is_taken_apart() -> None:
    head = accepted(HOST, target=b"http://api.example.com/a/b?c=d")
    assert (head.host, head.path, head.query) == ("api.example.com", "/a/b", b"?c=d")


def test_the_connection_is_kept_by_version_and_wish() -> None:
    assert accepted(HOST).keep_alive
    assert not accepted(HOST, (b"Connection", b"close")).keep_alive
    old = judge(HOST, version="1.0")
    assert isinstance(old, Head)
    assert not old.keep_alive
    kept = judge(HOST, (b"Connection", b"Keep-Alive"), version="1.0")
    assert isinstance(kept, Head)
    assert kept.keep_alive


def test_names_with_header_conditions_are_found_in_lower_case() -> None:
    head = accepted(HOST, (b"X-Beta", b"1"), (b"x-beta", b"2"), (b"User-Agent", b"curl"))
    assert head.block.by_name()[b"x-beta"] == b"1, 2"
    assert head.block.by_name()[b"user-agent"] == b"curl"
