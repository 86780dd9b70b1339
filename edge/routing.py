"""Finds the route of a request: hosts, path prefixes on segment boundaries, methods and headers.

Pure: compiled once per config version, matched in time that does not depend on the number of routes.
Precedence: exact host, wildcard host (the longest first), any host; then the longest prefix; then the most header
conditions; then the order of the document. The first host and prefix with a route whose header conditions hold
decides: a method that none of its routes takes is refused there and never falls through to a shorter prefix,
which could be a catch-all under other rules.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from itertools import accumulate

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
    name: str = field(init=False, compare=False)
    """The target as records and metrics show it, `host:port`."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", f"{self.host}:{self.port}")


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Bounds of the phases of a request, in seconds."""

    connect: float = 1.0
    response: float = 10.0
    idle: float = 60.0
    line: bytes = field(init=False, compare=False, repr=False)
    """Tells the upstream how long its answer is waited for, in milliseconds."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "line", b"X-Request-Timeout: %d\r\n" % max(1, int(self.response * 1000)))

    def within(self, seconds: float) -> "Timeouts":
        """The same, but no longer than this until the answer's head; at least a millisecond."""
        most = max(0.001, seconds)
        return replace(self, connect=min(self.connect, most), response=min(self.response, most))


@dataclass(frozen=True, slots=True)
class Service:
    """A group of equal targets."""

    name: str
    targets: tuple[Target, ...]
    timeouts: Timeouts = Timeouts()
    forward_authorization: bool = False
    shares: tuple[int, ...] = field(init=False, compare=False)
    """The targets' weights, summed up."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "shares", tuple(accumulate(target.weight for target in self.targets)))

    def at_turn(self, turn: int) -> Target:
        """The target of the turn: each has as many of a round's turns as its weight says."""
        return self.targets[bisect_right(self.shares, turn % self.shares[-1])]


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
        by_host: dict[str, list[Route]] = {}
        for route in self.routes:
            for host in route.hosts or ("",):
                by_host.setdefault(host, []).append(route)
        self.reads_headers = any(route.headers for route in self.routes)
        self._any_host = _Prefixes(by_host.pop("", ()))
        self._hosts = {host: _Prefixes(routes) for host, routes in by_host.items() if not host.startswith("*.")}
        # Keyed by what stands after the star, with its dot: `.example.com`.
        self._wildcards = {host[1:]: _Prefixes(routes) for host, routes in by_host.items() if host.startswith("*.")}

    def match(
        self, host: str, method: str, path: str, headers: Mapping[bytes, bytes]
    ) -> Route | MethodNotAllowed | None:
        """The route of a request, the methods that would match, or None.

        `host` is lower-case without port, `path` canonical from its `/` on, `headers` by lower-case name.
        """
        if not self._hosts and not self._wildcards:
            return self._any_host.match(method, path, headers)
        for prefixes in self._candidates(host):
            verdict = prefixes.match(method, path, headers)
            if verdict is not None:
                return verdict
        return None

    def _candidates(self, host: str) -> Iterator["_Prefixes"]:
        exact = self._hosts.get(host)
        if exact is not None:
            yield exact
        if self._wildcards:
            # From the second character on: a star stands for at least one label.
            dot = host.find(".", 1)
            while dot >= 0:
                wildcard = self._wildcards.get(host[dot:])
                if wildcard is not None:
                    yield wildcard
                dot = host.find(".", dot + 1)
        yield self._any_host


class _Prefixes:
    """The routes of one host, by prefix: a look-up per segment of the path, not per route."""

    def __init__(self, routes: Iterable[Route]) -> None:
        by_prefix: dict[str, list[Route]] = {}
        for route in routes:
            by_prefix.setdefault(route.prefix.rstrip("/"), []).append(route)
        self._by_prefix = {
            prefix: tuple(sorted(group, key=lambda route: -len(route.headers)))  # stable: then document order
            for prefix, group in by_prefix.items()
        }
        self._longest = max(map(len, self._by_prefix), default=-1)

    def match(self, method: str, path: str, headers: Mapping[bytes, bytes]) -> Route | MethodNotAllowed | None:
        longest = self._longest
        if longest < 0:
            return None
        end = len(path)
        # No look-ups beyond the longest prefix: a path of 10,000 slashes costs no more than a short one.
        if end > longest and path[longest] != "/":
            end = path.rfind("/", 0, longest)
        elif end > longest:
            end = longest
        while end >= 0:
            group = self._by_prefix.get(path[:end])
            if group is not None:
                verdict = _choose(group, method, headers)
                if verdict is not None:
                    return verdict
            end = path.rfind("/", 0, end)
        return None


def _choose(group: tuple[Route, ...], method: str, headers: Mapping[bytes, bytes]) -> Route | MethodNotAllowed | None:
    """The first route of one prefix that takes the request; None when no route's header conditions hold."""
    refused: list[Route] = []
    for route in group:
        if route.headers and any(headers.get(name) != value for name, value in route.headers):
            continue
        if not route.methods or method in route.methods:
            return route
        refused.append(route)
    if not refused:
        return None
    return MethodNotAllowed(tuple(sorted(frozenset().union(*(route.methods for route in refused)))))
