"""Where a request comes from, and that both notations tell the upstream the same of it."""

from ipaddress import ip_network

import pytest

from edge.http.forwarded import ProxyHeaders, TrustedProxies
from edge.http.head import Head, read_head
from edge.http.origin import Origin, Peer, find_origin, peer_of
from tests.edge.heads import block_of, head_of

NETWORKS = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
PROXIES = TrustedProxies(NETWORKS)
STRANGER = Peer("192.0.2.7", tls=False, trusted=False)
PROXY = Peer("10.0.0.1", tls=False, trusted=True)
CLAIMED = (
    (b"X-Forwarded-For", b"8.8.8.8, 203.0.113.9"),
    (b"X-Forwarded-Proto", b"https"),
    (b"X-Forwarded-Host", b"Shop.test:8443"),
    (b"Forwarded", b"for=6.6.6.6;host=evil.test"),
)


def told(origin: Origin) -> list[str]:
    """The lines for the upstream."""
    *lines, end = origin.lines.decode().split("\r\n")
    assert end == ""
    return lines


@pytest.mark.parametrize(
    ("address", "proxies", "peer"),
    [
        pytest.param("192.0.2.7", TrustedProxies(), Peer("192.0.2.7", True, False), id="nobody is trusted"),
        pytest.param("192.0.2.7", PROXIES, Peer("192.0.2.7", True, False), id="a stranger"),
        pytest.param("10.0.0.1", PROXIES, Peer("10.0.0.1", True, True), id="a proxy"),
        pytest.param("::ffff:10.0.0.1", PROXIES, Peer("10.0.0.1", True, True), id="a proxy at an IPv6 socket"),
        pytest.param("::ffff:192.0.2.7", TrustedProxies(), Peer("192.0.2.7", True, False), id="IPv4 at an IPv6 socket"),
        pytest.param("fd00::1", PROXIES, Peer("fd00::1", True, True), id="a proxy by IPv6"),
        pytest.param("fe80::1%eth0", PROXIES, Peer("fe80::1", True, False), id="a neighbour without its zone"),
        pytest.param("", PROXIES, Peer("", True, False), id="a Unix socket"),
    ],
)
def test_a_peer_is_known_by_one_form_of_its_address(address: str, proxies: TrustedProxies, peer: Peer) -> None:
    assert peer_of(address, tls=True, proxies=proxies) == peer


def test_a_strangers_words_are_neither_believed_nor_passed_on() -> None:
    origin = find_origin(STRANGER, head_of(*CLAIMED), PROXIES)
    assert (origin.address, origin.host, origin.scheme) == ("192.0.2.7", "api.example.com", "http")
    assert told(origin) == [
        "X-Forwarded-For: 192.0.2.7",
        "X-Forwarded-Proto: http",
        "X-Forwarded-Host: api.example.com",
        'Forwarded: for=192.0.2.7;host="api.example.com";proto=http',
        "Via: 1.1 penstock",
    ]


def test_a_proxys_words_are_believed_and_the_chain_goes_on_from_the_client() -> None:
    origin = find_origin(PROXY, head_of(*CLAIMED), PROXIES)
    assert (origin.address, origin.host, origin.scheme) == ("203.0.113.9", "shop.test", "https")
    assert told(origin) == [
        "X-Forwarded-For: 203.0.113.9, 10.0.0.1",
        "X-Forwarded-Proto: https",
        "X-Forwarded-Host: Shop.test:8443",
        'Forwarded: for=203.0.113.9;host="Shop.test:8443";proto=https, for=10.0.0.1',
        "Via: 1.1 penstock",
    ]


def test_a_proxy_that_writes_the_other_notation_is_read_in_it() -> None:
    head = head_of((b"X-Forwarded-For", b"6.6.6.6"), (b"Forwarded", b'for="[2001:db8::7]:1";proto=https, for=10.0.0.2'))
    origin = find_origin(PROXY, head, TrustedProxies(NETWORKS, ProxyHeaders.FORWARDED))
    assert (origin.address, origin.host, origin.scheme) == ("2001:db8::7", "api.example.com", "https")
    assert told(origin)[0] == "X-Forwarded-For: 2001:db8::7, 10.0.0.2, 10.0.0.1"
    assert told(origin)[3] == (
        'Forwarded: for="[2001:db8::7]";host="api.example.com";proto=https, for=10.0.0.2, for=10.0.0.1'
    )


def test_a_proxy_that_says_nothing_is_the_client() -> None:
    origin = find_origin(PROXY, head_of(), PROXIES)
    assert (origin.address, origin.host, origin.scheme) == ("10.0.0.1", "api.example.com", "http")
    assert told(origin)[0] == "X-Forwarded-For: 10.0.0.1"


@pytest.mark.parametrize("host", [b"no host", b"a_b.test", b"a.test:99999", b"a.test, b c", b"a\xff.test", b"[::1"])
def test_a_host_that_is_none_is_no_host(host: bytes) -> None:
    """And not another one: that could be another tenant's."""
    assert find_origin(PROXY, head_of((b"X-Forwarded-Host", host)), PROXIES).host is None


def test_a_scheme_is_the_connections_own_where_no_proxy_says_it() -> None:
    assert find_origin(Peer("192.0.2.7", tls=True, trusted=False), head_of(*CLAIMED), PROXIES).scheme == "https"


def test_a_peer_without_an_address_is_unknown_to_the_upstream() -> None:
    origin = find_origin(Peer("", tls=False, trusted=False), head_of(), PROXIES)
    assert origin.address == ""
    assert told(origin)[0] == "X-Forwarded-For: unknown"
    assert told(origin)[3].startswith("Forwarded: for=unknown;")


def test_a_request_that_names_no_host_says_none() -> None:
    head = read_head(b"GET", b"/", block_of(version="1.0"))
    assert isinstance(head, Head)
    origin = find_origin(STRANGER, head, PROXIES)
    assert told(origin) == [
        "X-Forwarded-For: 192.0.2.7",
        "X-Forwarded-Proto: http",
        "Forwarded: for=192.0.2.7;proto=http",
        "Via: 1.0 penstock",
    ]


@pytest.mark.parametrize(
    ("sent", "told_so"),
    [
        pytest.param([b"1.1 cdn"], "Via: 1.1 cdn, 1.1 penstock", id="one before us"),
        pytest.param(
            [b"1.0 a, 1.1 b (x, y)", b"1.1 penstock"], "Via: 1.0 a, 1.1 b (x, y), 1.1 penstock, 1.1 penstock", id="more"
        ),
    ],
)
def test_the_way_is_told_in_its_order(sent: list[bytes], told_so: str) -> None:
    origin = find_origin(STRANGER, head_of(*((b"Via", each) for each in sent)), PROXIES)
    assert told(origin)[-1] == told_so


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        pytest.param([b"1500"], 1.5, id="milliseconds"),
        pytest.param([b"1"], 0.001, id="one"),
        pytest.param([b"999999999"], 999999.999, id="eleven days"),
        *(
            pytest.param([value], None, id=repr(value.decode()))
            for value in (b"", b"0", b"-1", b"1.5", b"1e3", b"10s", b"1 000", b"9999999999", "٣".encode())
        ),
        pytest.param([b"1500", b"2000"], None, id="two"),
    ],
)
def test_a_proxy_says_how_long_it_waits_and_a_stranger_does_not(value: list[bytes], seconds: float | None) -> None:
    head = head_of(*((b"X-Request-Timeout", each) for each in value))
    assert find_origin(PROXY, head, PROXIES).patience == seconds
    assert find_origin(STRANGER, head, PROXIES).patience is None
