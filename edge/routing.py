"""Finds the route of a request: hosts, path prefixes on segment boundaries, methods and headers.

Pure: compiled once per config version, matched in time that does not depend on the number of routes.
Precedence: exact host, wildcard host, any host; then the longest prefix; then the most header conditions; then
the order of the document.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from edge.limits.rules import RouteLimitRules


class Auth(Enum):
    """Whether a route needs a credential."""

    REQUIRED = "required"
    OPTIONAL = "optional"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Target:
    """One upstream address. `authority` is the Host that the target is asked for."""

    host: str
    port: int
    tls: bool = False
    weight: int = 1

    @property
    def name(self) -> str:
        """The target as records and metrics show it, `host:port`."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Bounds of the phases of a request, in seconds."""

    connect: float = 1.0
    response: float = 10.0
    idle: float = 60.0


@dataclass(frozen=True, slots=True)
class Service:
    """A group of equal targets."""

    name: str
    targets: tuple[Target, ...]
    timeouts: Timeouts = Timeouts()
    forward_authorization: bool = False
    hash_header: str = ""


@dataclass(frozen=True, slots=True)
class Route:
    """One route, compiled: `service` is resolved, `timeouts` are the route's over the service's."""

    name: str
    prefix: str
    service: Service
    timeouts: Timeouts
    methods: frozenset[str] = frozenset()
    hosts: tuple[str, ...] = ()
    headers: tuple[tuple[bytes, bytes], ...] = ()
    auth: Auth = Auth.REQUIRED
    scopes: frozenset[str] = frozenset()
    tier: str = ""
    tenant_from_path: bool = False
    limit: RouteLimitRules | None = None
    strip_prefix: bool = False
    rewrite: str = ""
    max_body_bytes: int | None = None
    websocket: bool = False
    critical: bool = False
    allow_encoded_slashes: bool = False


@dataclass(frozen=True, slots=True)
class MethodNotAllowed:
    """The path has routes, but none for this method; `allow` lists the methods that it has, sorted."""

    allow: tuple[str, ...]


class Router:
    """The routes of one config document, ready to be matched."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self.routes = tuple(routes)

    def match(
        self, host: str, method: str, path: str, headers: Mapping[bytes, bytes]
    ) -> Route | MethodNotAllowed | None:
        """The route of a request, the methods that would match, or None.

        `host` is lower-case without port, `path` canonical, `headers` by lower-case name.
        """
        raise NotImplementedError
