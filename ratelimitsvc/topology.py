"""Where the counters are: the URL of a server or of a cluster's nodes, and what a cluster says of itself. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qs, urlsplit

Address: TypeAlias = tuple[str, int]

_CLUSTER: Final = re.compile(r"(rediss?)\+cluster://(?:([^@/]*)@)?([^@/?#]+)/?(?:\?([^#]*))?")
_DEFAULT_PORT: Final = 6379


@dataclass(frozen=True, slots=True)
class ClusterUrl:
    """`redis+cluster://USER:PASSWORD@HOST:PORT,HOST:PORT?OPTION=…`, or `rediss+cluster` for TLS.

    `nodes` are those to ask first; the rest holds for every node.
    """

    scheme: str
    credentials: str | None
    nodes: tuple[Address, ...]
    options: str | None

    def of(self, node: Address) -> str:
        """The URL of one node, as redis-py takes it."""
        host, port = node
        credentials = "" if self.credentials is None else f"{self.credentials}@"
        options = "" if self.options is None else f"?{self.options}"
        return f"{self.scheme}://{credentials}{f'[{host}]' if ':' in host else host}:{port}{options}"


def cluster_url(url: str) -> ClusterUrl | None:
    """The nodes of a cluster; None for the URL of anything else. ValueError: a cluster's that cannot be."""
    if "+cluster:" not in url:
        return None
    match = _CLUSTER.fullmatch(url)
    if match is None:
        raise ValueError("not a cluster's URL")
    scheme, credentials, nodes, options = match.groups()
    if "db" in parse_qs(options or "", keep_blank_values=True):
        raise ValueError("a cluster's nodes have one database")
    return ClusterUrl(scheme, credentials, tuple(map(_address, nodes.split(","))), options)


def _address(text: str) -> Address:
    parts = urlsplit(f"//{text}")
    if not parts.hostname:
        raise ValueError("no host")
    return parts.hostname, parts.port or _DEFAULT_PORT


@dataclass(frozen=True, slots=True)
class Topology:
    """What one node knows of its cluster; a greater `rank` is to be believed more.

    `owners` has ranges of slots, first and last, with the primary that holds them; `nodes` has replicas, too.
    """

    rank: tuple[bool, int]
    owners: Mapping[tuple[int, int], Address]
    nodes: frozenset[Address]


def read_topology(asked: Address, info: bytes, slots: Sequence[Any]) -> Topology:
    """The answers of the node `asked` to CLUSTER INFO and CLUSTER SLOTS.

    A node that is cut off from most others says so, or is behind in epochs. ValueError: what it says is no topology.
    """
    said = dict(line.split(b":", 1) for line in info.split(b"\r\n") if b":" in line)
    rank = (said.get(b"cluster_state") == b"ok", int(said.get(b"cluster_current_epoch", b"0")))
    owners, nodes = {}, set[Address]()
    for first, last, *holders in slots:
        primary, *replicas = (_named(asked, host, port) for host, port, *_ in holders)
        if primary is not None:
            owners[first, last] = primary
        nodes.update(node for node in (primary, *replicas) if node is not None)
    return Topology(rank, owners, frozenset(nodes))


def _named(asked: Address, host: bytes | None, port: int) -> Address | None:
    """A node without a host is where the one that was asked is; None while the asked one waits for its name."""
    return None if host == b"?" else ((host or b"").decode() or asked[0], port)
