"""Which addresses a tenant's targets may have. Judged on the address that is connected to, after DNS.

Without it a tenant could name our own ports, a neighbour's database or the cloud's metadata service as a target.
"""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

_NAT64: Final = IPv6Network("64:ff9b::/96")
_COMPATIBLE: Final = IPv6Network("::/96")


@dataclass(frozen=True, slots=True)
class AddressGuard:
    """`private_allowed`: whether private, loopback and link-local addresses may be targets of any tenant.

    `own_ports` are refused on loopback for everyone: they are this gateway's own listeners.
    """

    private_allowed: bool = False
    own_ports: frozenset[int] = frozenset()

    def permits(self, address: str, port: int, *, trusted: bool) -> bool:
        """Whether a target may be connected at this address. `trusted` tenants may use private ranges."""
        ip = _reached(ip_address(address.partition("%")[0]))
        if (ip.is_loopback or ip.is_unspecified) and port in self.own_ports:
            return False
        if ip.is_multicast or ip.is_unspecified:
            return False
        public = ip.is_global and not (isinstance(ip, IPv6Address) and ip.is_site_local)
        return public or trusted or self.private_allowed


def _reached(ip: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that an IPv6 address leads to by itself (mapped, compatible, NAT64, 6to4, Teredo), else `ip`."""
    if not isinstance(ip, IPv6Address):
        return ip
    if ip in _NAT64 or (ip in _COMPATIBLE and int(ip) > 1):  # RFC 6052 §2.1, RFC 4291 §2.5.5.1
        return IPv4Address(int(ip) & 0xFFFF_FFFF)
    teredo = ip.teredo
    return ip.ipv4_mapped or ip.sixtofour or (teredo[1] if teredo else None) or ip
