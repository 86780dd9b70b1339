"""Which addresses a tenant's targets may have. Judged on the address that is connected to, after DNS.

Without it a tenant could name our own ports, a neighbour's database or the cloud's metadata service as a target.
"""

from dataclasses import dataclass
from ipaddress import ip_address


@dataclass(frozen=True, slots=True)
class AddressGuard:
    """`private_allowed`: whether private, loopback and link-local addresses may be targets of any tenant.

    `own_ports` are refused on loopback for everyone: they are this gateway's own listeners.
    """

    private_allowed: bool = False
    own_ports: frozenset[int] = frozenset()

    def permits(self, address: str, port: int, *, trusted: bool) -> bool:
        """Whether a target may be connected at this address. `trusted` tenants may use private ranges."""
        ip = ip_address(address.partition("%")[0])
        if mapped := getattr(ip, "ipv4_mapped", None):
            ip = mapped
        if (ip.is_loopback or ip.is_unspecified) and port in self.own_ports:
            return False
        if ip.is_multicast or ip.is_unspecified:
            return False
        return ip.is_global or trusted or self.private_allowed
