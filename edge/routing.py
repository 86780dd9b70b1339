"""Finds the route of a request: hosts, path prefixes on segment boundaries, methods and headers.

Pure: compiled once per config version, matched in time that does not depend on the number of routes.
Precedence: exact host, wildcard host (the longest first), any host; then the longest prefix; then the most header
conditions; then the order of the document. The first host and prefix with a route whose header conditions hold
decides: a method that none of its routes takes is refused there and never falls through to a shorter prefix,
which could be a catch-all under other rules.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from operator import itemgetter
from typing import TypeAlias

from edge.limits.rules import RouteLimitRules
from edge.resilience import Balance, Breaker, ConnectionLimits, HealthCheck, Retries, Trust


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
    """A group of equal targets; none where this gateway was told no address. What is None is not wanted."""

    name: str
    targets: tuple[Target, ...]
    timeouts: Timeouts = Timeouts()
    forward_authorization: bool = False
    health: HealthCheck | None = None
    retries: Retries | None = None
    breaker: Breaker | None = None
    balance: Balance = Balance()
    connections: ConnectionLimits = ConnectionLimits()
    trust: Trust = Trust()

    @property
    def health_path(self) -> str:
        """The path that is answered 2xx when a target is well; empty when none is known."""
        return self.health.path if self.health is not None else ""

    @property
    def plain(self) -> bool:
        """Whether its requests go to its one target, whatever becomes of them."""
        watched = self.health is not None or self.retries is not None or self.breaker is not None
        return len(self.targets) == 1 and not watched


@dataclass(frozen=True, slots=True)
class CorsRules:
    """Which cross-origin requests are answered, and how; `max_age` in seconds, `headers` in lower case.

    `*` stands for anything, but for nothing where credentials go.
    """

    origins: frozenset[str] = frozenset()
    credentials: bool = False
    methods: tuple[str, ...] = ("GET", "HEAD", "POST")
    headers: tuple[str, ...] = ()
    expose: tuple[str, ...] = ()
    max_age: int = 600
    answers: dict[bytes | None, bytes] = field(default_factory=dict, init=False, compare=False)
    """The header lines of answers by origin, remembered by `edge.cors`: of listed origins only, so it is bounded."""


@dataclass(frozen=True, slots=True)
class WebSocketLimits:
    """Bounds of what a client sends in one WebSocket: octets of a message, messages in each period (seconds), None
    where they are not limited; `idle_seconds`: how long nothing may pass."""

    max_message_bytes: int = 1024 * 1024
    messages: tuple[int, float] | None = (100, 1.0)
    idle_seconds: float = 300.0


@dataclass(frozen=True, slots=True)
class Route:
    """One route, compiled: `service` is resolved, `timeouts` are the route's over the service's, `cors` the route's or
    the document's, None where the edge stays out of it; `websocket` is None where there are no WebSockets."""

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
    websocket: WebSocketLimits | None = None
    critical: bool = False
    allow_encoded_slashes: bool = False
    cors: CorsRules | None = None


def host_rank(route: Route, host: str) -> int | None:
    """How exactly a route names a host: the higher, the earlier it is asked; 0 without hosts, None for other hosts."""
    if not route.hosts:
        return 0
    if host in route.hosts:
        return len(host) + 1
    fitting = [len(each) for each in route.hosts if each.startswith("*.") and host[1:].endswith(each[1:])]
    return max(fitting, default=None)


@dataclass(frozen=True, slots=True)
class MethodNotAllowed:
    """The path has routes, but none for this method; `allow` lists the methods that it has, sorted."""

    allow: tuple[str, ...]


Fields: TypeAlias = Callable[[], Mapping[bytes, bytes]]
"""Gives the fields of a request by lower-case name. Called only where header conditions ask: it is not for free."""


class Router:
    """The routes of one config document, ready to be matched."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self.routes = tuple(routes)
        by_host: dict[str, list[Route]] = {}
        for route in self.routes:
            for host in route.hosts or ("",):
                by_host.setdefault(host, []).append(route)
        self._any_host = _Prefixes(by_host.pop("", ()))
        self._hosts = {host: _Prefixes(routes) for host, routes in by_host.items() if not host.startswith("*.")}
        # Keyed by what stands after the star, with its dot: `.example.com`.
        self._wildcards = {host[1:]: _Prefixes(routes) for host, routes in by_host.items() if host.startswith("*.")}

    def match(self, host: str, method: str, path: str, fields: Fields) -> Route | MethodNotAllowed | None:
        """The route of a request, the methods that would match, or None.

        `host` is lower-case without port, `path` canonical from its `/` on.
        """
        if not self._hosts and not self._wildcards:
            return self._any_host.match(method, path, fields)
        for prefixes in self._candidates(host):
            verdict = prefixes.match(method, path, fields)
            if verdict is not None:
                return verdict
        return None

    def possible(self, host: str, method: str, path: str) -> list[Route]:
        """The routes that may take a request whose header fields are not known, in the order of precedence."""
        found: list[Route] = []
        for prefixes in self._candidates(host):
            for group in prefixes.groups(path):
                found += (each for each in group.conditional if not each.methods or method in each.methods)
                verdict = group.by_method.get(method, group.otherwise)
                if verdict is not None:
                    return found if isinstance(verdict, MethodNotAllowed) else [*found, verdict]
        return found

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
        self._by_prefix = {prefix: _Group(group) for prefix, group in by_prefix.items()}
        self._longest = max(map(len, self._by_prefix), default=-1)

    def match(self, method: str, path: str, fields: Fields) -> Route | MethodNotAllowed | None:
        by_prefix, end = self._by_prefix, self._end(path)
        while end >= 0:
            group = by_prefix.get(path[:end])
            if group is not None:
                if group.conditional:
                    verdict = group.choose(method, fields)
                else:
                    verdict = group.by_method.get(method, group.otherwise)
                if verdict is not None:
                    return verdict
            end = path.rfind("/", 0, end)
        return None

    def groups(self, path: str) -> Iterator["_Group"]:
        """The groups whose prefix the path lies at or below, the longest first."""
        end = self._end(path)
        while end >= 0:
            group = self._by_prefix.get(path[:end])
            if group is not None:
                yield group
            end = path.rfind("/", 0, end)

    def _end(self, path: str) -> int:
        """Where the first look-up ends: none beyond the longest prefix, so that a path of 10,000 slashes costs no more
        than a short one."""
        longest = self._longest
        if longest < 0 or len(path) <= longest:
            return len(path) if longest >= 0 else -1
        return longest if path[longest] == "/" else path.rfind("/", 0, longest)


_ALL = "*"
"""Stands for all methods."""


class _Group:
    """The routes of one host and prefix: look-ups per set of fields that conditions name, not per route."""

    __slots__ = ("_conditions", "by_method", "conditional", "otherwise")

    def __init__(self, routes: Iterable[Route]) -> None:
        ranked = sorted(routes, key=lambda route: -len(route.headers))  # stable: then the order of the document
        self.conditional = tuple(route for route in ranked if route.headers)
        self.by_method, self.otherwise = _by_method(route for route in ranked if not route.headers)
        """What is taken without any condition, for a method and for all others."""
        alike: dict[tuple[bytes, ...], dict[tuple[bytes, ...], list[tuple[int, Route]]]] = {}
        taken: dict[tuple[tuple[bytes, bytes], ...], set[str]] = {}
        for rank, route in enumerate(self.conditional):
            methods, before = route.methods or {_ALL}, taken.setdefault(route.headers, set())
            if _ALL in before or methods <= before:
                continue  # hidden behind earlier ones
            before |= methods
            names, values = zip(*route.headers, strict=True)
            alike.setdefault(names, {}).setdefault(values, []).append((rank, route))
        self._conditions = tuple(alike.items())

    def choose(self, method: str, fields: Fields) -> Route | MethodNotAllowed | None:
        """The verdict of a group with conditions; None when none holds and no route is without."""
        given = fields()
        held: list[tuple[int, Route]] = []
        for names, by_values in self._conditions:
            held += by_values.get(tuple(map(given.get, names)), ())  # type: ignore[arg-type]  # None is no value
        for _, route in sorted(held, key=itemgetter(0)):
            if not route.methods or method in route.methods:
                return route
        verdict = self.by_method.get(method, self.otherwise)
        if not held or isinstance(verdict, Route):
            return verdict
        return MethodNotAllowed(
            tuple(sorted({*self.by_method, *(each for _, route in held for each in route.methods)}))
        )


def _by_method(routes: Iterable[Route]) -> tuple[dict[str, Route], Route | MethodNotAllowed | None]:
    """The first route for each method that routes name, and what becomes of other methods."""
    by_method: dict[str, Route] = {}
    for route in routes:
        if not route.methods:
            return by_method, route
        for method in route.methods:
            by_method.setdefault(method, route)
    return by_method, MethodNotAllowed(tuple(sorted(by_method))) if by_method else None
