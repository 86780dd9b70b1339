"""The header by which a balancer names its client: what is read, what is refused, and where it ends."""

import struct
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.listener.proxy_protocol import V1_BYTES, V2_BYTES, BadProxyHeader, ProxyHeader, read_proxy_header

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
REST = b"GET / HTTP/1.1\r\n"


def version_2(block: bytes, *, command: int = 0x21, family: int = 0x11, length: int | None = None) -> bytes:
    """A header of version 2 around this block; its length is told as it is, unless another one is given."""
    return SIGNATURE + struct.pack("!BBH", command, family, len(block) if length is None else length) + block


def block_of(source: str, destination: str = "", tlvs: bytes = b"") -> bytes:
    """Addresses and ports, then the rest."""
    from_, to = ip_address(source), ip_address(destination or source)
    return from_.packed + to.packed + struct.pack("!HH", 4711, 443) + tlvs


V4, V6 = block_of("203.0.113.9"), block_of("2001:db8::9")
TLVS = b"\x02\x00\x0bexample.com" + b"\x20\x00\x05\x01\x00\x00\x00\x00"

READ = {
    "IPv4 by 1": (b"PROXY TCP4 203.0.113.9 10.0.0.1 4711 443\r\n", "203.0.113.9"),
    "IPv6 by 1": (b"PROXY TCP6 2001:db8::9 2001:db8::1 4711 443\r\n", "2001:db8::9"),
    "IPv6 by 1, written otherwise": (b"PROXY TCP6 2001:DB8:0:0:0:0:0:9 ::1 65535 0\r\n", "2001:db8::9"),
    "a check by 1": (b"PROXY UNKNOWN\r\n", ""),
    "a check by 1 that says more": (b"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", ""),
    "the longest line": (b"PROXY UNKNOWN " + b"x" * 91 + b"\r\n", ""),
    "IPv4 by 2": (version_2(V4), "203.0.113.9"),
    "IPv6 by 2": (version_2(V6, family=0x21), "2001:db8::9"),
    "IPv4 in IPv6 by 2": (version_2(block_of("::ffff:203.0.113.9"), family=0x21), "203.0.113.9"),
    "a Unix socket by 2": (version_2(b"/run/x".ljust(108, b"\0") * 2, family=0x31), ""),
    "no family by 2": (version_2(b"", family=0x00), ""),
    "no family by 2, and what it does not mean": (version_2(b"abc", family=0x00), ""),
    "a check by 2": (version_2(b"", command=0x20, family=0x00), ""),
    "a check by 2 that names addresses": (version_2(V4, command=0x20), ""),
    "a check by 2 of an unknown family": (version_2(b"abc", command=0x20, family=0xEE), ""),
    "TLVs by 2": (version_2(V4 + TLVS), "203.0.113.9"),
    "TLVs that are none": (version_2(V4 + b"\xff\xff\xff"), "203.0.113.9"),
    "the longest header": (version_2(V4 + bytes(V2_BYTES - 28)), "203.0.113.9"),
}
ATTACKS = {
    "HTTP": b"GET / HTTP/1.1\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00",
    "lower case": b"proxy TCP4 203.0.113.9 10.0.0.1 4711 443\r\n",
    "a space first": b" PROXY TCP4 203.0.113.9 10.0.0.1 4711 443\r\n",
    "two spaces": b"PROXY  TCP4 203.0.113.9 10.0.0.1 4711 443\r\n",
    "a tabulator": b"PROXY TCP4\t203.0.113.9 10.0.0.1 4711 443\r\n",
    "a space last": b"PROXY TCP4 203.0.113.9 10.0.0.1 4711 443 \r\n",
    "a bare line end": b"PROXY TCP4 203.0.113.9 10.0.0.1 4711 443\n",
    "a second line end within": b"PROXY UNKNOWN \r\r\n",
    "another protocol": b"PROXY UDP4 203.0.113.9 10.0.0.1 4711 443\r\n",
    "TCP5": b"PROXY TCP5 203.0.113.9 10.0.0.1 4711 443\r\n",
    "UNKNOWN that goes on": b"PROXY UNKNOWNS\r\n",
    "IPv6 as IPv4": b"PROXY TCP4 2001:db8::9 10.0.0.1 4711 443\r\n",
    "IPv4 as IPv6": b"PROXY TCP6 203.0.113.9 ::1 4711 443\r\n",
    "a zone": b"PROXY TCP6 fe80::1%eth0 ::1 4711 443\r\n",
    "octal": b"PROXY TCP4 203.0.113.010 10.0.0.1 4711 443\r\n",
    "hexadecimal": b"PROXY TCP4 0xcb.0.113.9 10.0.0.1 4711 443\r\n",
    "a number for an address": b"PROXY TCP4 3405803785 10.0.0.1 4711 443\r\n",
    "a name for an address": b"PROXY TCP4 localhost 10.0.0.1 4711 443\r\n",
    "a bad destination": b"PROXY TCP4 203.0.113.9 10.0.0 4711 443\r\n",
    "no ports": b"PROXY TCP4 203.0.113.9 10.0.0.1\r\n",
    "one port": b"PROXY TCP4 203.0.113.9 10.0.0.1 4711\r\n",
    "a port too large": b"PROXY TCP4 203.0.113.9 10.0.0.1 65536 443\r\n",
    "a port with a zero first": b"PROXY TCP4 203.0.113.9 10.0.0.1 04711 443\r\n",
    "a negative port": b"PROXY TCP4 203.0.113.9 10.0.0.1 -1 443\r\n",
    "more than a line says": b"PROXY TCP4 203.0.113.9 10.0.0.1 4711 443 x\r\n",
    "another request in the line": b"PROXY TCP4 203.0.113.9 10.0.0.1 4711 443\nPROXY UNKNOWN\r\n",
    "octets that are no text": b"PROXY TCP4 203.0.113.9\xff 10.0.0.1 4711 443\r\n",
    "digits of another script": "PROXY TCP4 203.0.113.٩ 10.0.0.1 4711 443\r\n".encode(),
    "a line without end": b"PROXY UNKNOWN " + b"x" * 93,
    "a line that ends one octet late": b"PROXY UNKNOWN " + b"x" * 92 + b"\r\n",
    "a signature that is spoilt": SIGNATURE[:-1] + b"\r" + bytes(4),
    "version 1 in binary": version_2(V4, command=0x11),
    "version 3": version_2(V4, command=0x31),
    "an unknown command": version_2(V4, command=0x22),
    "UDP": version_2(V4, family=0x12),
    "UDP over IPv6": version_2(V6, family=0x22),
    "a Unix datagram": version_2(bytes(216), family=0x32),
    "a family without protocol": version_2(V4, family=0x10),
    "an unknown family": version_2(V4, family=0x41),
    "addresses cut short": version_2(V4[:-1]),
    "IPv4's length for IPv6": version_2(V4, family=0x21),
    "a Unix address cut short": version_2(bytes(215), family=0x31),
    "a length beyond the bound": version_2(b"", length=V2_BYTES - 15),
    "the greatest length": version_2(b"", length=65535),
    "a check beyond the bound": version_2(b"", command=0x20, length=65535),
}


@pytest.mark.parametrize(("octets", "address"), READ.values(), ids=READ.keys())
def test_a_header_names_its_client_and_ends_where_it_ends(octets: bytes, address: str) -> None:
    assert read_proxy_header(octets) == ProxyHeader(address, len(octets))
    assert read_proxy_header(octets + REST) == ProxyHeader(address, len(octets))


@pytest.mark.parametrize(("octets", "address"), READ.values(), ids=READ.keys())
def test_no_part_of_a_header_is_read_before_it_is_whole(octets: bytes, address: str) -> None:
    assert [read_proxy_header(octets[:end]) for end in range(len(octets))] == [None] * len(octets)


@pytest.mark.parametrize("octets", ATTACKS.values(), ids=ATTACKS.keys())
def test_what_is_no_header_is_refused(octets: bytes) -> None:
    with pytest.raises(BadProxyHeader):
        read_proxy_header(octets)
    with pytest.raises(BadProxyHeader):
        read_proxy_header(octets + REST)


def test_a_reason_says_nothing_of_what_was_sent() -> None:
    with pytest.raises(BadProxyHeader, match=r"^an address that is not of TCP4$"):
        read_proxy_header(b"PROXY TCP4 999.0.113.9 10.0.0.1 4711 443\r\n")


ADDRESSES = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6, network="2000::/3"))
PORTS = st.integers(0, 65535)


@given(source=ADDRESSES, data=st.data(), ports=st.tuples(PORTS, PORTS), rest=st.binary(max_size=64))
def test_what_balancers_write_is_read(
    source: IPv4Address | IPv6Address, data: st.DataObject, ports: tuple[int, int], rest: bytes
) -> None:
    destination = data.draw(st.ip_addresses(v=source.version))
    line = f"PROXY TCP{source.version} {source} {destination} {ports[0]} {ports[1]}\r\n".encode()
    assert read_proxy_header(line + rest) == ProxyHeader(str(source), len(line))
    block = source.packed + destination.packed + struct.pack("!HH", *ports)
    tlvs = data.draw(st.binary(max_size=64))
    header = version_2(block + tlvs, family=0x11 if source.version == 4 else 0x21)
    assert read_proxy_header(header + rest) == ProxyHeader(str(source), len(header))


@given(
    st.one_of(
        st.binary(max_size=200),
        st.binary(max_size=200).map(lambda rest: b"PROXY " + rest),
        st.binary(max_size=200).map(lambda rest: SIGNATURE + rest),
        st.tuples(
            st.sampled_from([octets for octets, _ in READ.values()]), st.integers(0, 300), st.binary(max_size=3)
        ).map(lambda each: each[0][: each[1]] + each[2] + each[0][each[1] + len(each[2]) :]),
    )
)
def test_any_octets_are_a_header_the_beginning_of_one_or_refused(octets: bytes) -> None:
    try:
        header = read_proxy_header(octets)
    except BadProxyHeader:
        return
    if header is None:
        assert len(octets) < V2_BYTES
        assert len(octets) < V1_BYTES or octets.startswith(SIGNATURE)
    else:
        assert 0 < header.octets <= len(octets)
        assert header.address == "" or str(ip_address(header.address)) == header.address
        # nothing behind the header changes what it says, and it was not whole any earlier
        assert read_proxy_header(octets[: header.octets]) == header
        assert read_proxy_header(octets[: header.octets - 1]) is None
