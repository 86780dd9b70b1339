"""All ports of the cluster, taken or found free before anything starts, so that a clash is told at once."""

import socket
from collections.abc import Container, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from penstockctl.cluster.options import ClusterOptions
from penstockctl.cluster.plan import SERVICES
from penstockctl.cluster.sockets import find_free_port, open_listeners, port_of, refuse_taken_port
from penstockctl.faults import OperatorError
from penstockctl.private_files import read_kept

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class ClusterPorts:
    """`edge` has a socket per worker slot, and so has `redirect`, if there is such a port; `upstream` is the demo's,
    None without it; `grpc` by service."""

    edge: tuple[socket.socket, ...]
    redirect: tuple[socket.socket, ...]
    upstream: socket.socket | None
    admin: int
    grpc: dict[str, int]

    @property
    def edge_port(self) -> int:
        return port_of(self.edge[0])

    @property
    def redirect_port(self) -> int | None:
        return port_of(self.redirect[0]) if self.redirect else None

    @property
    def upstream_port(self) -> int | None:
        return port_of(self.upstream) if self.upstream else None


@contextmanager
def open_ports(options: ClusterOptions, upstream_port_file: Path) -> Iterator[ClusterPorts]:
    """Hold what the supervisor itself listens on; OperatorError names the option of a port that is taken."""
    refuse_clashes(options)
    with ExitStack() as stack:
        edge = stack.enter_context(open_listeners(options.host, options.edge_port, options.workers, "--edge-port"))
        redirect: tuple[socket.socket, ...] = ()
        if options.redirect_port is not None:
            listeners = open_listeners(options.host, options.redirect_port, options.workers, "--redirect-port")
            redirect = stack.enter_context(listeners)
        if options.admin_port:
            refuse_taken_port(options.host, options.admin_port, "--admin-port")
        grpc = _grpc_ports(options)
        for port in grpc.values():
            refuse_taken_port(options.host, port, "--grpc-port-base")
        chosen = {options.edge_port, options.redirect_port or 0, options.admin_port, *grpc.values()}
        upstream = stack.enter_context(_open_upstream(upstream_port_file, chosen)) if options.demo else None
        yield ClusterPorts(edge, redirect, upstream, options.admin_port or find_free_port(options.host), grpc)


def refuse_clashes(options: ClusterOptions) -> None:
    """Raises OperatorError when two options choose the same port, or one has no use."""
    if options.redirect_port is not None and not options.tls_certificates:
        raise OperatorError("--redirect-port leads to https: give the gateway --tls-certificates and --tls-keys.")
    grpc = _grpc_ports(options).values()
    taken: dict[int, str] = {}
    for option, port in (
        ("--edge-port", options.edge_port),
        ("--admin-port", options.admin_port),
        ("--redirect-port", options.redirect_port),
    ):
        if not port:
            continue
        if port in taken:
            raise OperatorError(f"{taken[port]} and {option} are both {port}: choose different ones.")
        taken[port] = option
        if port in grpc:
            raise OperatorError(
                f"{option} {port} is one of the four ports {min(grpc)} to {max(grpc)} that --grpc-port-base chooses:"
                " choose different ones."
            )


def recorded_port(path: Path) -> int | None:
    """The port in `path`, if it holds one."""
    text = read_kept(path) or ""
    return int(text) if text.isdecimal() else None


def _grpc_ports(options: ClusterOptions) -> dict[str, int]:
    base = options.grpc_port_base
    return {service.name: base + service.port_offset for service in SERVICES} if base else {}


@contextmanager
def _open_upstream(path: Path, chosen: Container[int]) -> Iterator[socket.socket]:
    """The port of the last start if it is still free, and not `chosen` now: the demo tenant's config names it."""
    recorded = recorded_port(path) or 0
    with ExitStack() as stack:
        try:
            listeners = stack.enter_context(open_listeners(LOOPBACK, 0 if recorded in chosen else recorded, 1, ""))
        except OperatorError:
            listeners = stack.enter_context(open_listeners(LOOPBACK, 0, 1, ""))
        yield listeners[0]
