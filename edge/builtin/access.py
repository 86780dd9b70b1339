"""Who is told more than whether the edge is well: services, feeds and versions are of use to attackers, too. Pure."""

import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

# Fields of proxies. A request that has one and comes from a proxy that we do not know is from anywhere.
_FORWARDED = ("x-forwarded-for", "forwarded")


@dataclass(frozen=True, slots=True)
class DetailAccess:
    """Whoever shows `token` is told details, where there is one, and every client in `networks`."""

    token: str
    networks: tuple[IPv4Network | IPv6Network, ...]

    @classmethod
    def of(cls, token: str, networks: Iterable[str]) -> "DetailAccess":
        """The access by networks as they are spelled; ValueError for what is none."""
        return cls(token, tuple(map(ip_network, networks)))

    def admits(self, client: str, peer: str, fields: Mapping[str, str]) -> bool:
        """Whether this request is told details. `client` is the client's address as found behind known proxies, `peer`
        who the connection is from; `fields` by lower-case name."""
        return self._has_token(fields.get("authorization", "")) or self._is_near(client, peer, fields)

    def _has_token(self, authorization: str) -> bool:
        scheme, _, credential = authorization.partition(" ")
        known = hmac.compare_digest(credential.strip().encode(), self.token.encode())
        return bool(self.token) and scheme.lower() == "bearer" and known

    def _is_near(self, client: str, peer: str, fields: Mapping[str, str]) -> bool:
        if client == peer and any(name in fields for name in _FORWARDED):
            return False
        try:
            address = ip_address(client.partition("%")[0])
        except ValueError:  # of a Unix socket
            return False
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(address in network for network in self.networks)
