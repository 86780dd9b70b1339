"""Where a request comes from, and what upstreams are told of the way that it took: X-Forwarded-*, Forwarded, Via. Pure.

Upstreams see the chain from the client on and nothing left of it, which nobody vouches for: many of them take the
leftmost entry for the client. Ours is made anew from the addresses that are believed, so both notations agree.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from domain.hosts import host_name
from edge.http.forwarded import Claims, TrustedProxies, claims, parse_address
from edge.http.head import Head

_MILLISECONDS = re.compile(rb"[1-9][0-9]{0,8}")


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end of a connection. `address` is empty for one that has none, such as a Unix socket's; `server_name`
    is the host that it asked for when TLS began, empty where it named none."""

    address: str
    tls: bool
    trusted: bool
    server_name: str = ""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request comes from: the client's `address`, the `host` that it asked for (None when a trusted proxy
    names one that is not valid), the `scheme` that it used, and the `lines` that tell the upstream so. `patience`: the
    seconds that a trusted proxy waits for the answer, None when it does not say; `authority`: the host as it was
    named, with its port. `misdirected`: the request is for
    another host than the one that its connection was made for."""

    address: str
    host: str | None = ""
    scheme: str = "http"
    lines: bytes = b""
    patience: float | None = None
    misdirected: bool = False
    authority: bytes = b""


def peer_of(address: str, *, tls: bool, proxies: TrustedProxies, server_name: str = "") -> Peer:
    """The peer with this address, as the socket or a balancer tells it."""
    if not proxies.networks and ":" not in address:
        return Peer(address, tls, False, server_name)
    parsed = parse_address(address.partition("%")[0])
    return Peer(address if parsed is None else str(parsed), tls, proxies.trusts(parsed), server_name)


_NOTHING = Claims((), b"", b"")


def find_origin(peer: Peer, head: Head, proxies: TrustedProxies) -> Origin:
    """The origin of a request that this peer sent."""
    said = claims(head.read, proxies) if peer.trusted else _NOTHING
    authority = said.authority or head.authority
    scheme = said.scheme or (b"https" if peer.tls else b"http")
    hops = [*map(str, said.hops), peer.address or "unknown"]
    host = host_name(said.authority) if said.authority else head.host
    return Origin(
        hops[0] if said.hops else peer.address,
        host,
        scheme.decode("ascii"),
        b"" if host is None else _lines(hops, scheme, authority) + _via(head),
        _patience(head) if peer.trusted else None,
        _misdirected(peer, head),
        authority,
    )


def _lines(hops: Sequence[str], scheme: bytes, authority: bytes) -> bytes:
    nodes = [f'for="[{hop}]"' if ":" in hop else f"for={hop}" for hop in hops]
    host = f';host="{authority.decode("ascii")}"' if authority else ""
    nodes[0] += f"{host};proto={scheme.decode('ascii')}"
    return b"X-Forwarded-For: %b\r\nX-Forwarded-Proto: %b\r\n%bForwarded: %b\r\n" % (
        ", ".join(hops).encode("ascii"),
        scheme,
        b"X-Forwarded-Host: %b\r\n" % authority if authority else b"",
        ", ".join(nodes).encode("ascii"),
    )


def _misdirected(peer: Peer, head: Head) -> bool:
    """Whether a client asks for another host than TLS was made for (RFC 9110 §7.4). Proxies that are believed name
    the gateway itself, or nobody, and speak for all hosts on one connection."""
    return peer.server_name not in ("", head.host) and head.host != "" and not peer.trusted


def _patience(head: Head) -> float | None:
    """X-Request-Timeout: whole milliseconds. What is none says nothing."""
    value = head.read.get(b"x-request-timeout", b"")
    return int(value) / 1000 if _MILLISECONDS.fullmatch(value) else None


def _via(head: Head) -> bytes:
    """The gateways that the request has passed, and this one (RFC 9110 §7.6.3)."""
    before = head.read.get(b"via", b"")
    return b"Via: %b%b penstock\r\n" % (before and before + b", ", b"1.1" if head.block.http_11 else b"1.0")
