"""What trusted proxies say of a client, read from right to left, and nothing that anybody else says."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.http.forwarded import MAX_HOPS, Claims, ProxyHeaders, TrustedProxies, claims, parse_address

NETWORKS = tuple(map(ip_network, ("10.0.0.0/8", "2001:db8:1::/48", "192.0.2.1/32")))
X_FORWARDED = TrustedProxies(NETWORKS)
FORWARDED = TrustedProxies(NETWORKS, ProxyHeaders.FORWARDED)
CLIENT = "203.0.113.9"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        pytest.param("192.0.2.7", "192.0.2.7", id="IPv4"),
        pytest.param("2001:DB8:0::7", "2001:db8::7", id="IPv6 in its short form"),
        pytest.param("::ffff:192.0.2.7", "192.0.2.7", id="IPv4 mapped into IPv6"),
        pytest.param("::FFFF:c000:207", "192.0.2.7", id="the same in hexadecimal digits"),
        pytest.param("fe80::1%eth0", None, id="a zone"),
        pytest.param("192.0.2.07", None, id="a leading zero, which some read as octal"),
        pytest.param("192.0.2", None, id="three parts"),
        pytest.param("3221225991", None, id="one number"),
        pytest.param("unknown", None, id="no address"),
        pytest.param("", None, id="nothing"),
        pytest.param("0000:0000:0000:0000:0000:ffff:255.255.255.255", "255.255.255.255", id="the longest"),
        pytest.param("0" * 46, None, id="one that is longer"),
    ],
)
def test_an_address_has_one_form(text: str, address: str | None) -> None:
    assert parse_address(text) == (None if address is None else ip_address(address))


@pytest.mark.parametrize(
    ("address", "trusted"),
    [
        pytest.param("10.255.0.1", True, id="in a network"),
        pytest.param("11.0.0.1", False, id="in none"),
        pytest.param("192.0.2.1", True, id="the one address"),
        pytest.param("192.0.2.2", False, id="the one after it"),
        pytest.param("2001:db8:1::7", True, id="IPv6 in a network"),
        pytest.param("2001:db8:2::7", False, id="IPv6 in none"),
        pytest.param("::ffff:10.0.0.1", True, id="IPv4 mapped into IPv6"),
    ],
)
def test_members_of_the_networks_are_trusted(address: str, trusted: bool) -> None:
    assert X_FORWARDED.trusts(parse_address(address)) is trusted
    assert not TrustedProxies().trusts(parse_address(address))


def test_who_has_no_address_is_not_trusted() -> None:
    assert not X_FORWARDED.trusts(None)


@pytest.mark.parametrize(
    ("chain", "hops"),
    [
        pytest.param("", [], id="nothing"),
        pytest.param(CLIENT, [CLIENT], id="the client"),
        pytest.param(f"evil, 8.8.8.8, {CLIENT}", [CLIENT], id="what the client wrote stands left of it"),
        pytest.param(f"{CLIENT}, 10.0.0.2", [CLIENT, "10.0.0.2"], id="a proxy more"),
        pytest.param(f"8.8.8.8,{CLIENT},10.0.0.3\t,10.0.0.2", [CLIENT, "10.0.0.3", "10.0.0.2"], id="two proxies more"),
        pytest.param("10.0.0.9, 10.0.0.2", ["10.0.0.9", "10.0.0.2"], id="a client among the proxies"),
        pytest.param(f"10.0.0.3, {CLIENT}, 10.0.0.2", [CLIENT, "10.0.0.2"], id="a trusted address beyond the client"),
        pytest.param(f"{CLIENT}:4711", [CLIENT], id="with a port"),
        pytest.param("[2001:db8::7]:4711", ["2001:db8::7"], id="IPv6 in brackets with a port"),
        pytest.param("[2001:db8::7]", ["2001:db8::7"], id="IPv6 in brackets"),
        pytest.param("2001:DB8::7", ["2001:db8::7"], id="IPv6 without them"),
        pytest.param("::ffff:203.0.113.9", [CLIENT], id="IPv4 mapped into IPv6"),
        pytest.param(f"{CLIENT}, ::ffff:10.0.0.2", [CLIENT, "10.0.0.2"], id="a proxy mapped into IPv6"),
        *(
            pytest.param(f"{CLIENT}, {entry}, 10.0.0.2", ["10.0.0.2"], id=f"{name} ends the walk")
            for entry, name in [
                ("unknown", "unknown"),
                ("_hidden", "a hidden name"),
                ("", "an empty entry"),
                ("10.0.0.1.5", "no address"),
                ("010.0.0.1", "an octal number"),
                ("10.0.0.1:port", "a strange port"),
                ("10.0.0.1:123456", "a long port"),
                ("10.0.0.1 10.0.0.2", "two in one"),
                ("[10.0.0.1]", "IPv4 in brackets"),
                ("[2001:db8:1::1", "an open bracket"),
                ("fe80::1%eth0", "a zone"),
                ('"10.0.0.1"', "a quoted address"),
                ("for=10.0.0.1", "the other notation"),
                ("10.0.0.1\xff", "an octet beyond ASCII"),
            ]
        ),
    ],
)
def test_x_forwarded_for_is_believed_from_the_right_up_to_the_client(chain: str, hops: list[str]) -> None:
    said = claims({b"x-forwarded-for": chain.encode("latin-1")}, X_FORWARDED)
    assert list(map(str, said.hops)) == hops


@pytest.mark.parametrize(
    ("chain", "hops", "scheme", "authority"),
    [
        pytest.param(f"for={CLIENT}", [CLIENT], "", "", id="the client"),
        pytest.param(f'For="{CLIENT}:80";PROTO=HTTPS;host=a.test', [CLIENT], "https", "a.test", id="all of it"),
        pytest.param(f'for={CLIENT} ; proto=http;host="a.test:8443"', [CLIENT], "http", "a.test:8443", id="blanks"),
        pytest.param(f"for={CLIENT};;by=_x;", [CLIENT], "", "", id="empty pairs"),
        pytest.param('for="[2001:db8::7]:4711"', ["2001:db8::7"], "", "", id="IPv6"),
        pytest.param(f'for="\\{CLIENT}"', [CLIENT], "", "", id="an escaped character"),
        pytest.param(f'for="{CLIENT}:_port"', [CLIENT], "", "", id="a hidden port"),
        pytest.param(f"for={CLIENT};proto=ftp", [CLIENT], "", "", id="another scheme is none"),
        pytest.param(
            f"for=8.8.8.8;host=evil, for={CLIENT};host=a.test, for=10.0.0.2;host=inner",
            [CLIENT, "10.0.0.2"],
            "",
            "a.test",
            id="host and scheme are those that the client's own proxy saw",
        ),
        pytest.param("for=8.8.8.8, for=unknown;proto=https", [], "https", "", id="a client that is not named"),
        pytest.param("for=8.8.8.8, for=_a;host=a.test, for=10.0.0.2", ["10.0.0.2"], "", "a.test", id="a hidden one"),
        pytest.param("for=8.8.8.8, proto=https", [], "https", "", id="an element without a client"),
        pytest.param(f"for={CLIENT}, , for=10.0.0.2;host=b", ["10.0.0.2"], "", "b", id="an empty element"),
        *(
            pytest.param(f"for={CLIENT}, {entry}, for=10.0.0.2", ["10.0.0.2"], "", "", id=f"{name} ends the walk")
            for entry, name in [
                ("10.0.0.1", "the other notation"),
                ("for=10.0.0.1:80", "a port without quotes"),
                ("for=2001:db8:1::1", "IPv6 without quotes"),
                ('for="2001:db8:1::1"', "IPv6 without brackets"),
                ("for=10.0.0.1;for=10.0.0.1", "a parameter twice"),
                ("for = 10.0.0.1", "blanks around the sign"),
                ('for="10.0.0.1', "an open quote"),
                ('for="10.0.0.1"x', "octets after a quote"),
                ("for=", "no value"),
                ("=10.0.0.1", "no name"),
                ('for=10.0.0.1;ext="a,b"', "a comma within quotes"),
                (";", "nothing but a semicolon"),
            ]
        ),
    ],
)
def test_forwarded_is_believed_from_the_right_up_to_the_client(
    chain: str, hops: list[str], scheme: str, authority: str
) -> None:
    said = claims({b"forwarded": chain.encode()}, FORWARDED)
    assert (list(map(str, said.hops)), said.scheme, said.authority) == (hops, scheme.encode(), authority.encode())


@pytest.mark.parametrize(
    ("proto", "host", "scheme", "authority"),
    [
        pytest.param(b"https", b"a.test:8443", b"https", b"a.test:8443", id="one value each"),
        pytest.param(b"HTTP", b"A.test", b"http", b"A.test", id="in upper case"),
        pytest.param(
            b"http, https", b"evil.test, a.test", b"https", b"a.test", id="the last of several is the proxy's"
        ),
        pytest.param(b"wss", b"", b"", b"", id="neither"),
    ],
)
def test_scheme_and_host_are_the_nearest_proxys(proto: bytes, host: bytes, scheme: bytes, authority: bytes) -> None:
    read = {b"x-forwarded-proto": proto, b"x-forwarded-host": host}
    assert claims(read, X_FORWARDED) == Claims((), scheme, authority)


def test_the_notation_that_the_proxies_do_not_write_is_not_read() -> None:
    """They hand it through as the client wrote it."""
    x_forwarded = {b"x-forwarded-for": b"8.8.8.8", b"x-forwarded-proto": b"https", b"x-forwarded-host": b"evil.test"}
    forwarded = {b"forwarded": b"for=8.8.8.8;proto=https;host=evil.test"}
    assert claims(x_forwarded, FORWARDED) == claims(forwarded, X_FORWARDED) == Claims((), b"", b"")


@pytest.mark.parametrize("proxies", [X_FORWARDED, FORWARDED], ids=["X-Forwarded-For", "Forwarded"])
def test_a_long_chain_is_not_read_to_its_end(proxies: TrustedProxies) -> None:
    name, entry = (b"forwarded", "for=10.0.0.2") if proxies is FORWARDED else (b"x-forwarded-for", "10.0.0.2")
    chain = ", ".join([entry] * 3000)
    assert len(claims({name: chain.encode()}, proxies).hops) == MAX_HOPS


untrusted = st.ip_addresses(v=4).filter(lambda each: not X_FORWARDED.trusts(each)).map(str)
trusted = st.ip_addresses(v=4, network="10.0.0.0/8").map(str)


@given(st.text(max_size=60), untrusted, st.lists(trusted, max_size=4))
def test_whatever_a_client_sends_its_address_is_found(theirs: str, client: str, ways: list[str]) -> None:
    """Each proxy on the way adds whom it heard."""
    heard = [client, *ways]
    x_forwarded_for = ", ".join([theirs, *heard]).encode(errors="ignore")
    forwarded = ", ".join([theirs, *(f"for={each}" for each in heard)]).encode(errors="ignore")
    for said in (
        claims({b"x-forwarded-for": x_forwarded_for}, X_FORWARDED),
        claims({b"forwarded": forwarded}, FORWARDED),
    ):
        assert list(map(str, said.hops)) == heard


@given(st.binary(max_size=80) | st.text('for=";,\\ 10.2_[]:', max_size=80).map(str.encode))
def test_no_chain_is_too_strange_to_be_read(chain: bytes) -> None:
    claims({b"x-forwarded-for": chain}, X_FORWARDED)
    claims({b"forwarded": chain}, FORWARDED)
