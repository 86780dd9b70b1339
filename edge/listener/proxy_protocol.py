"""The PROXY protocol, versions 1 and 2, as its receiver reads it: by one header before everything else a balancer says
whom it speaks for (https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt). Pure.

Addresses alone are taken; of what else a header of version 2 carries (TLVs), only the length matters.
"""

import re
import struct
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final, NamedTuple

V1_BYTES: Final = 107
"""Of a line of version 1, its end included: no valid one is longer."""
V2_BYTES: Final = 4096
"""Of a header of version 2. The standard lets it be 64 KiB; what balancers append is some hundred octets."""
PEEK_BYTES: Final = V2_BYTES

_V1 = b"PROXY "
_V2 = b"\r\n\r\n\0\r\nQUIT\n"
_V2_HEAD = struct.Struct("!12sBBH")
_PORT = rb"(0|[1-9][0-9]{0,4})"
_LINE = re.compile(
    rb"PROXY (?:(TCP4|TCP6) ([0-9A-Fa-f.:]+) ([0-9A-Fa-f.:]+) %b %b|UNKNOWN(?: [ -~]*)?)\r\n" % (_PORT, _PORT)
)
_STREAM_ADDRESS_BYTES = {0x00: 0, 0x11: 12, 0x21: 36, 0x31: 216}
"""Of both addresses with their ports, by family and protocol: none said, IPv4, IPv6 and Unix sockets, all streams."""


class BadProxyHeader(Exception):
    """What is there is no PROXY header, and cannot become one; the text says why."""


class ProxyHeader(NamedTuple):
    """A whole header: the client's `address` (IPv4 that is mapped into IPv6 as IPv4), empty where the sender speaks for
    itself (a health check) or for a client without one, and how many octets the header has."""

    address: str
    octets: int


def read_proxy_header(data: bytes) -> ProxyHeader | None:
    """The header that `data` begins with; None as long as all of it belongs to a header that is not whole. Raises
    BadProxyHeader as soon as no header can come of it."""
    if data.startswith(_V1):
        return _read_v1(data)
    if data.startswith(_V2):
        return _read_v2(data)
    if _V1.startswith(data) or _V2.startswith(data):
        return None
    raise BadProxyHeader("no PROXY header")


def _read_v1(data: bytes) -> ProxyHeader | None:
    end = data.find(b"\n", 0, V1_BYTES) + 1
    if not end:
        if len(data) >= V1_BYTES:
            raise BadProxyHeader(f"a line of more than {V1_BYTES} octets")
        return None
    found = _LINE.fullmatch(data, 0, end)
    if found is None:
        raise BadProxyHeader("a line that is not of version 1")
    family, *said = found.groups()
    if family is None:
        return ProxyHeader("", end)
    source, destination, *ports = said
    if max(map(int, ports)) > 0xFFFF:
        raise BadProxyHeader("a port above 65535")
    kind = IPv4Address if family == b"TCP4" else IPv6Address
    try:
        kind(destination.decode("ascii"))
        return ProxyHeader(_text(kind(source.decode("ascii"))), end)
    except AddressValueError:
        raise BadProxyHeader(f"an address that is not of {family.decode('ascii')}") from None


def _read_v2(data: bytes) -> ProxyHeader | None:
    if len(data) < _V2_HEAD.size:
        return None
    _, version_and_command, family, length = _V2_HEAD.unpack_from(data)
    end = _V2_HEAD.size + length
    if version_and_command not in (0x20, 0x21):
        raise BadProxyHeader("another version or command")
    if end > V2_BYTES:
        raise BadProxyHeader(f"a header of more than {V2_BYTES} octets")
    local = version_and_command == 0x20  # whatever such a header says of addresses does not count
    if not local and length < _address_bytes(family):
        raise BadProxyHeader("a header that is shorter than its addresses")
    if len(data) < end:
        return None
    if not local and family == 0x11:
        return ProxyHeader(_text(IPv4Address(data[16:20])), end)
    if not local and family == 0x21:
        return ProxyHeader(_text(IPv6Address(data[16:32])), end)
    return ProxyHeader("", end)


def _address_bytes(family: int) -> int:
    octets = _STREAM_ADDRESS_BYTES.get(family)
    if octets is None:
        raise BadProxyHeader("another family than TCP over IPv4 or IPv6, and Unix sockets")
    return octets


def _text(address: IPv4Address | IPv6Address) -> str:
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)
