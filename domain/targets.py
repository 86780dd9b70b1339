"""Addresses of upstream targets as config documents spell them: `http://host[:port]` or `https://host[:port]`.

One strict spelling, no path, no user, no query; whether the address may be connected to is not decided here.
"""

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final

_URL: Final = re.compile(r"(https?)://(?:\[([0-9a-fA-F:.]{2,45})\]|([0-9A-Za-z_.-]{1,253}))(?::([0-9]{1,5}))?")
_LABEL: Final = re.compile(r"[0-9a-z_](?:[0-9a-z_-]{0,61}[0-9a-z_])?")
# A whole value that stands for an address known to the gateway's own environment.
REFERENCE: Final = re.compile(r"\$\{([A-Z][A-Z0-9_]{0,100}_SERVICE_URL)\}")


@dataclass(frozen=True, slots=True)
class TargetAddress:
    """Where a target is; `host` is a lower-case name or a canonical IP address without brackets."""

    tls: bool
    host: str
    port: int


def parse_target(url: str) -> TargetAddress | None:
    """The address that `url` spells, or None."""
    match = _URL.fullmatch(url)
    if match is None:
        return None
    scheme, ipv6, name, port_text = match.groups()
    host = _ipv6(ipv6) if ipv6 is not None else _host(name.lower())
    tls = scheme == "https"
    port = int(port_text) if port_text else (443 if tls else 80)
    if host is None or not 1 <= port <= 65_535:
        return None
    return TargetAddress(tls, host, port)


def reference_name(url: str) -> str | None:
    """The variable that `url` refers to when it is a reference such as `${SALES_SERVICE_URL}`, else None."""
    match = REFERENCE.fullmatch(url)
    return match.group(1) if match else None


def _ipv6(text: str) -> str | None:
    try:
        return str(IPv6Address(text))
    except AddressValueError:
        return None


def _host(name: str) -> str | None:
    labels = name.split(".")
    if not all(_LABEL.fullmatch(label) for label in labels):
        return None
    if not labels[-1][0].isdigit():
        return name
    # Resolvers read `127.1`, `0x7f.1` and `2130706433` as addresses: only the one plain spelling passes.
    try:
        return str(IPv4Address(name))
    except AddressValueError:
        return None
