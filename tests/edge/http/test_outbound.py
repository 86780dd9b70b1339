"""The head for the upstream: what the client said, then what only the edge may say, and nothing in between."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.identity_fields import IDENTITY
from domain.tenants import DEFAULT_TENANT, TenantId
from edge.http.block import read_block
from edge.http.forwarded import TrustedProxies
from edge.http.head import Head, read_head
from edge.http.origin import Peer, find_origin
from edge.http.outbound import identity_lines, request_fields, request_head, upstream_path
from edge.http.path import canonical_path
from edge.principal import Principal, PrincipalKind
from edge.routing import Route, Router, Service, Target, Timeouts
from edge.snapshot import Rules, Subscription, TenantStatus, TenantView
from tests.edge.heads import HOST, Field, head_of

TENANT = TenantId("01a20000-0000-7000-8000-00000000000a")
PARENT = TenantId("01a20000-0000-7000-8000-00000000000b")
VIEW = TenantView(TENANT, "abcdefgh", "acme", TenantStatus.ACTIVE, Rules(DEFAULT_TENANT, 1, Router(())))
USER = Principal(PrincipalKind.USER, "u-1", TENANT, name="Ann", email="ann@acme.test", role="admin")
SERVICE = Principal(PrincipalKind.SERVICE, "s-1", TENANT, name="billing", email="ignored", role="")
ROUTE = Route("r", "/api", Service("s", (Target("127.0.0.1", 9001),)), Timeouts())
FORWARDING = replace(ROUTE, service=replace(ROUTE.service, forward_authorization=True))


def written(head: Head, route: Route = ROUTE, client: str = "192.0.2.7", identity: bytes = b"") -> list[bytes]:
    """The lines of the head for the upstream, which must end with an empty one."""
    origin = find_origin(Peer(client, tls=True, trusted=False), head, TrustedProxies())
    octets = request_head(
        head,
        route,
        request_fields(head, route, b"127.0.0.1:9001", origin),
        b"X-Request-Timeout: 10000\r\n",
        b"r-1",
        b"traceparent: 00-1-2-01\r\n",
        identity,
    )
    *lines, blank, end = octets.split(b"\r\n")
    assert (blank, end) == (b"", b"")
    return lines


@pytest.mark.parametrize(
    ("prefix", "changes", "path", "seen"),
    [
        pytest.param("/api", {}, "/api/x", "/api/x", id="as it came"),
        pytest.param("/api", {"strip_prefix": True}, "/api/x/y", "/x/y", id="without the prefix"),
        pytest.param("/api", {"strip_prefix": True}, "/api", "/", id="nothing but the prefix"),
        pytest.param("/api", {"strip_prefix": True}, "/api/", "/", id="the prefix and a slash"),
        pytest.param("/api/", {"strip_prefix": True}, "/api/x", "/x", id="a prefix that ends with a slash"),
        pytest.param("/api/", {"strip_prefix": True}, "/api", "/", id="that prefix without its slash"),
        pytest.param("/", {"strip_prefix": True}, "/x", "/x", id="the root for a prefix"),
        pytest.param("/api", {"strip_prefix": True}, "/api/api", "/api", id="the prefix goes once"),
        pytest.param("/api", {"rewrite": "/v2"}, "/api/x", "/v2/x", id="another in its place"),
        pytest.param("/api", {"rewrite": "/v2"}, "/api", "/v2", id="another and no rest"),
        pytest.param("/api", {"rewrite": "/v2/"}, "/api/x/", "/v2/x/", id="another that ends with a slash"),
        pytest.param("/api", {"rewrite": "/"}, "/api/x", "/x", id="the root in its place"),
        pytest.param("/api", {"rewrite": "/"}, "/api", "/", id="the root and no rest"),
        pytest.param("/", {"rewrite": "/v2"}, "/", "/v2/", id="another in place of the root"),
    ],
)
def test_the_upstream_sees_the_path_that_its_route_says(
    prefix: str, changes: dict[str, object], path: str, seen: str
) -> None:
    assert upstream_path(replace(ROUTE, prefix=prefix, **changes), path) == seen  # type: ignore[arg-type]


segments = st.lists(st.sampled_from(["a", "bc", "d%2Fe", "..f", "%C3%A9"]), max_size=3)
paths = st.builds(
    lambda parts, end: "/" + "/".join(parts) + (end if parts else ""), segments, st.sampled_from(["", "/"])
)


@given(paths, segments, st.sampled_from([{}, {"strip_prefix": True}]) | paths.map(lambda path: {"rewrite": path}))
def test_a_canonical_path_stays_canonical_under_every_route(
    prefix: str, rest: list[str], changes: dict[str, object]
) -> None:
    path = "/".join((prefix.rstrip("/"), *rest)) or "/"
    seen = upstream_path(replace(ROUTE, prefix=prefix, **changes), path)  # type: ignore[arg-type]
    assert canonical_path(seen.encode(), allow_encoded_slashes=True) == seen
    assert seen.endswith("/".join(rest))


@pytest.mark.parametrize(
    ("tenant", "principal", "lines"),
    [
        pytest.param(
            VIEW,
            None,
            [
                f"X-Tenant-ID: {TENANT}",
                "X-Subscription-Status: active",
                "X-Is-Demo: false",
                "X-Forwarded-By: penstock",
            ],
            id="nobody in a plain tenant",
        ),
        pytest.param(
            replace(VIEW, demo=True, parent_id=PARENT, subscription=Subscription("gold", "past_due")),
            None,
            [
                f"X-Tenant-ID: {TENANT}",
                f"X-Parent-Tenant-ID: {PARENT}",
                "X-Subscription-Tier: gold",
                "X-Subscription-Status: past_due",
                "X-Is-Demo: true",
                "X-Forwarded-By: penstock",
            ],
            id="nobody in a demo below another tenant",
        ),
        pytest.param(
            VIEW,
            USER,
            [
                f"X-Tenant-ID: {TENANT}",
                "X-Subscription-Status: active",
                "X-Is-Demo: false",
                "X-Forwarded-By: penstock",
                "X-User-ID: u-1",
                "X-User-Email: ann@acme.test",
                "X-User-Role: admin",
                "X-User-Type: user",
            ],
            id="a user",
        ),
        pytest.param(
            VIEW,
            SERVICE,
            [
                f"X-Tenant-ID: {TENANT}",
                "X-Subscription-Status: active",
                "X-Is-Demo: false",
                "X-Forwarded-By: penstock",
                "X-User-ID: billing-service",
                "X-User-Email: billing-service@internal",
                "X-User-Type: service",
                "X-Service-Name: billing",
            ],
            id="a service goes by its name",
        ),
        pytest.param(
            VIEW,
            Principal(PrincipalKind.CONSUMER, "c-1", TENANT, name="shop"),
            [
                f"X-Tenant-ID: {TENANT}",
                "X-Subscription-Status: active",
                "X-Is-Demo: false",
                "X-Forwarded-By: penstock",
                "X-User-ID: c-1",
                "X-User-Type: consumer",
            ],
            id="a consumer has no name for upstreams",
        ),
    ],
)
def test_the_upstream_is_told_who_calls(tenant: TenantView, principal: Principal | None, lines: list[str]) -> None:
    assert identity_lines(tenant, principal).decode() == "".join(f"{line}\r\n" for line in lines)


texts = st.text(max_size=12) | st.sampled_from(["a\r\nX-User-Role: admin", "\r\n\r\n", "a\x00b", "é\x7f", "\t"])


@given(
    st.builds(
        replace,
        st.just(VIEW),
        subscription=st.builds(Subscription, texts, texts),
        parent_id=st.none() | st.just(PARENT),
        demo=st.booleans(),
    ),
    st.none() | st.builds(Principal, st.sampled_from(PrincipalKind), texts, st.just(TENANT), texts, texts, texts),
)
def test_no_value_ends_a_line_or_adds_one(tenant: TenantView, principal: Principal | None) -> None:
    *lines, end = identity_lines(tenant, principal).split(b"\r\n")
    assert end == b""
    names = [line.partition(b": ")[0].lower() for line in lines]
    assert len(set(names)) == len(names)
    assert set(names) <= IDENTITY
    assert not any(octet < 0x20 or octet == 0x7F for line in lines for octet in line)


def test_a_whole_head() -> None:
    head = head_of(
        HOST,
        (b"Accept", b"*/*"),
        (b"X-User-ID", b"admin"),
        (b"X-Request-ID", b"theirs"),
        (b"Content-Length", b"5"),
        method=b"POST",
        target=b"/api/%61?x=1",
    )
    assert written(head, replace(ROUTE, strip_prefix=True), identity=b"X-User-ID: u-1\r\n") == [
        b"POST /a?x=1 HTTP/1.1",
        b"Host: api.example.com",
        b"Accept: */*",
        b"Content-Length: 5",
        b"X-Forwarded-For: 192.0.2.7",
        b"X-Forwarded-Proto: https",
        b"X-Forwarded-Host: api.example.com",
        b'Forwarded: for=192.0.2.7;host="api.example.com";proto=https',
        b"Via: 1.1 penstock",
        b"X-Request-Timeout: 10000",
        b"X-Request-ID: r-1",
        b"traceparent: 00-1-2-01",
        b"X-User-ID: u-1",
    ]


def test_a_request_without_host_names_the_target_and_its_own_version() -> None:
    head = read_head(b"GET", b"/api", read_block("1.0", [], 10))
    assert isinstance(head, Head)
    lines = written(head)
    assert lines[:2] == [b"GET /api HTTP/1.1", b"Host: 127.0.0.1:9001"]
    assert b"Via: 1.0 penstock" in lines
    assert not [line for line in lines if line.startswith(b"X-Forwarded-Host")]


def test_the_host_goes_on_as_the_client_spelled_it() -> None:
    assert b"Host: API.test:8443" in written(head_of((b"Host", b"API.test:8443")))


@pytest.mark.parametrize(
    ("route", "value", "sent"),
    [
        pytest.param(ROUTE, b"Bearer a.b.c", False, id="a token stays here"),
        pytest.param(FORWARDING, b"Bearer a.b.c", True, id="a token goes to a service that takes tokens"),
        pytest.param(FORWARDING, b"Basic YTpi", True, id="so does another credential"),
        pytest.param(FORWARDING, b"Bearer psk_live_x", False, id="an API key never leaves"),
        pytest.param(FORWARDING, b"Bearer  psk_live_x", False, id="nor behind spaces"),
        pytest.param(FORWARDING, b"Bearer psa_x", False, id="nor an admin token"),
        pytest.param(FORWARDING, b"Bearer psg_x", False, id="nor a gateway's credential"),
        pytest.param(FORWARDING, b"Bearer a.psk_x", False, id="nor as a part of something else"),
        pytest.param(FORWARDING, b"Bearer maps_k.psz_x.tipsk_x", True, id="but what only looks like one"),
        pytest.param(ROUTE, b"Bearer psk_live_x", False, id="nor to any other service"),
    ],
)
def test_a_credential_goes_on_only_where_it_is_wanted(route: Route, value: bytes, sent: bool) -> None:
    lines = written(head_of((b"Authorization", value)), route)
    assert [line for line in lines if line.lower().startswith(b"authorization")] == (
        [b"Authorization: " + value] if sent else []
    )


def test_an_api_key_in_its_own_field_never_leaves() -> None:
    assert not [line for line in written(head_of((b"X-API-Key", b"psk_live_x")), FORWARDING) if b"psk_" in line]


spellings = st.sampled_from(sorted(IDENTITY - {b"x-tenant-id", b"x-request-id"})).flatmap(
    lambda name: st.sampled_from([name, name.upper(), name.replace(b"-", b"_"), name.replace(b"-", b".")])
)
values = st.from_regex(rb"(?:[!-~](?:[ -~]{0,10}[!-~])?)?", fullmatch=True)


@given(
    st.lists(st.tuples(spellings, values), max_size=4), st.lists(st.tuples(st.just(b"X-Custom"), values), max_size=3)
)
def test_an_upstream_reads_identity_from_the_edge_alone(forged: list[Field], custom: list[Field]) -> None:
    lines = written(head_of(*forged, *custom), identity=identity_lines(VIEW, USER))
    said = identity_lines(VIEW, USER).split(b"\r\n")[:-1]
    assert lines[-len(said) :] == said
    folded = [line.partition(b":")[0].lower().replace(b"_", b"-").replace(b".", b"-") for line in lines]
    assert [name for name in folded if name in IDENTITY] == [
        b"x-request-id",
        *(line.partition(b":")[0].lower() for line in said),
    ]
    assert [line for line in lines if line.startswith(b"X-Custom")] == [b"X-Custom: " + value for _, value in custom]
