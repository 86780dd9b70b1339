"""Says what the edge would do with a request, and why: which route wins, and for each other why it does not. Pure.

The verdict is the router's own; the reasons are found route by route beside it, so this is for people, not for traffic.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import takewhile
from typing import Final, Literal

from penstock.config.v1 import gateway_config_pb2, tenant_pb2

from domain.builtin_paths import PATHS
from domain.targets import reference_name
from domain.tenants import TenantId
from edge.config.compile import compile_rules
from edge.config.reasons import Refused
from edge.config.tenant_view import tenant_view
from edge.http.outbound import upstream_path
from edge.http.path import ambiguity, canonical_path
from edge.limits.policy import LimitPlan, failure_limits, failure_rule, limits_for, rule_for
from edge.permission import tenant_refusal
from edge.principal import Principal, PrincipalKind
from edge.problems import Refusal
from edge.routing import Auth, CorsRules, MethodNotAllowed, Route, host_rank
from edge.snapshot import TenantView

MAX_LOSERS: Final = 20


class Outcome(Enum):
    """What becomes of the request before anybody asks who is calling; the value is the public spelling."""

    ROUTE = "route"
    BUILTIN = "builtin"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    AMBIGUOUS_PATH = "ambiguous_path"


class Loss(Enum):
    """Why a route does not take the request, in the order in which the router finds out."""

    HOST = "host"
    PREFIX = "prefix"
    HEADERS = "headers"
    WIDER_HOST = "wider_host"
    SHORTER_PREFIX = "shorter_prefix"
    METHOD = "method"
    FEWER_CONDITIONS = "fewer_conditions"
    LATER = "later"


_ORDER: Final = {loss: place for place, loss in enumerate(Loss)}


@dataclass(frozen=True, slots=True)
class Question:
    """A request: `path` as sent, `host` lower-case without port, `fields` by lower-case name."""

    method: str
    host: str
    path: bytes
    fields: Mapping[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Loser:
    """A route that does not take the request, why, and the same for people."""

    route: Route
    loss: Loss
    detail: str


@dataclass(frozen=True, slots=True)
class CallerLimits:
    """What limits one kind of caller: the document's setting that decides, whose the counter is, and the limits, None
    when there are none."""

    setting: str
    counted_by: Literal["principal", "address"]
    plan: LimitPlan | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """What the edge would do. `path` is canonical, None when it has no such form; `refusal` is what the tenant's state
    refuses, whoever calls; `authenticated` and `anonymous` are
    the limits of callers with and without a credential, None for those who may not call; `unproven` is what a
    credential that has proved nobody yet is looked up under, None where none is examined."""

    outcome: Outcome
    detail: str
    path: str | None
    builtin: str | None = None
    allow: tuple[str, ...] = ()
    route: Route | None = None
    upstream_path: str | None = None
    refusal: Refusal | None = None
    authenticated: CallerLimits | None = None
    anonymous: CallerLimits | None = None
    unproven: CallerLimits | None = None
    cors: CorsRules | None = None
    losers: tuple[Loser, ...] = ()
    losers_left_out: int = 0


def view_of(
    record: tenant_pb2.Tenant, config: gateway_config_pb2.GatewayConfig, owner: TenantId, version: int
) -> TenantView | Refused:
    """The tenant as an edge serves it by the document of `owner`, which is its own or the one that it inherits.

    References to an edge's environment are taken for set: where they lead does not matter here.
    """
    names = (reference_name(target.url) for service in config.services for target in service.targets)
    rules = compile_rules(config, owner, version, {name: "http://set.at.the.edge" for name in names if name})
    return rules if isinstance(rules, Refused) else tenant_view(TenantId(record.id), record, rules)


def explain(question: Question, tenant: TenantView, now: float) -> Explanation:
    """What an edge would do with the request as the tenant's, at a time in seconds since 1970."""
    rules, host, method = tenant.rules, question.host, question.method
    strict = canonical_path(question.path)
    path = strict if strict is not None else canonical_path(question.path, allow_encoded_slashes=True)
    if path is None:
        return _ambiguous(f"the path can be read in more than one way: {ambiguity(question.path)}", rules.cors)
    builtin = strict if strict in PATHS else None
    if builtin is not None:
        return Explanation(
            Outcome.BUILTIN, f"the edge itself answers {builtin}, before any route", path, builtin=builtin
        )
    found = rules.router.match(host, method, path, lambda: question.fields)
    if strict is None and found is None:
        return _ambiguous("the path has an encoded slash, and no route takes it", rules.cors)
    if strict is None and isinstance(found, Route) and not found.allow_encoded_slashes:
        return _ambiguous(f"the path has an encoded slash, which {found.name} does not allow", rules.cors)

    winner = found if isinstance(found, Route) else None
    losers = _losers(rules.router.routes, winner, question, path)
    shown, left_out = tuple(losers[:MAX_LOSERS]), max(0, len(losers) - MAX_LOSERS)
    if isinstance(found, MethodNotAllowed):
        detail = f"the host and prefix that decide take {', '.join(found.allow)}"
        return Explanation(
            Outcome.METHOD_NOT_ALLOWED,
            detail,
            path,
            allow=found.allow,
            cors=rules.cors,
            losers=shown,
            losers_left_out=left_out,
        )
    if winner is None:
        fields = " with these fields" if any(each.loss is Loss.HEADERS for each in losers) else ""
        detail = f"no route takes this host and path{fields}"
        return Explanation(Outcome.NOT_FOUND, detail, path, cors=rules.cors, losers=shown, losers_left_out=left_out)
    caller = Principal(PrincipalKind.CONSUMER, "", tenant.id)
    return Explanation(
        Outcome.ROUTE,
        _praise(winner, host),
        path,
        route=winner,
        upstream_path=upstream_path(winner, path),
        refusal=tenant_refusal(tenant, winner, rules.subscription, method, now),
        authenticated=None if winner.auth is Auth.NONE else _limits(tenant, winner, caller),
        anonymous=None if winner.auth is Auth.REQUIRED or winner.scopes else _limits(tenant, winner, None),
        unproven=None if winner.auth is Auth.NONE else _budget(tenant, winner),
        cors=winner.cors,
        losers=shown,
        losers_left_out=left_out,
    )


def _limits(tenant: TenantView, route: Route, caller: Principal | None) -> CallerLimits:
    limits = limits_for(tenant, route, caller, "")
    setting = rule_for(tenant, route, caller).setting
    return CallerLimits(setting, "address" if caller is None else "principal", None if limits is None else limits.plan)


def _budget(tenant: TenantView, route: Route) -> CallerLimits:
    limits = failure_limits(tenant, route, "")
    return CallerLimits(failure_rule(tenant, route).setting, "address", None if limits is None else limits.plan)


def _ambiguous(detail: str, cors: CorsRules | None) -> Explanation:
    return Explanation(Outcome.AMBIGUOUS_PATH, detail, None, cors=cors)


def _praise(route: Route, host: str) -> str:
    """Why a route wins."""
    reasons = [f"the prefix {route.prefix}"]
    if route.hosts:
        reasons.insert(0, f"the host {host}" if host in route.hosts else "a wildcard host")
    if route.headers:
        reasons.append(f"the header conditions on {', '.join(name.decode() for name, _ in route.headers)}")
    return f"{route.name} is the first that takes it, by {', '.join(reasons)}"


def _losers(routes: Sequence[Route], winner: Route | None, question: Question, path: str) -> list[Loser]:
    """The routes that do not take the request, those that came closest first."""
    losers: list[Loser] = []
    standing: list[tuple[tuple[int, int], Route]] = []
    for route in routes:
        rank, misfit = host_rank(route, question.host), _misfit(route, question, path)
        if rank is None:
            losers.append(Loser(route, Loss.HOST, f"is for {_some(route.hosts)}"))
        elif misfit is not None:
            losers.append(misfit)
        else:
            standing.append(((rank, len(route.prefix.rstrip("/"))), route))
    deciding = max((place for place, _ in standing), default=(0, 0))
    losers += [
        _outranked(route, place, deciding, winner, question.method) for place, route in standing if route is not winner
    ]
    segments = path.split("/")
    return sorted(losers, key=lambda each: (-_ORDER[each.loss], -_shared(each.route.prefix, segments)))


def _misfit(route: Route, question: Question, path: str) -> Loser | None:
    """Why a route for the host cannot take the request at all."""
    prefix = route.prefix.rstrip("/")
    if path != prefix and not path.startswith(f"{prefix}/"):
        return Loser(route, Loss.PREFIX, f"{route.prefix} is not the path and does not end at one of its /")
    missing = [
        f"{name.decode()}: {value.decode()}" for name, value in route.headers if question.fields.get(name) != value
    ]
    return Loser(route, Loss.HEADERS, f"needs {_some(missing)}") if missing else None


def _outranked(
    route: Route, place: tuple[int, int], deciding: tuple[int, int], winner: Route | None, method: str
) -> Loser:
    """Why a route that fits by host, prefix and fields does not take the request."""
    if place[0] < deciding[0]:
        return Loser(route, Loss.WIDER_HOST, "a route for a more exact host decides")
    if place < deciding:
        return Loser(route, Loss.SHORTER_PREFIX, "a longer prefix decides")
    if route.methods and method not in route.methods:
        return Loser(route, Loss.METHOD, f"takes {_some(sorted(route.methods))} only")
    if winner is not None and len(route.headers) < len(winner.headers):
        return Loser(route, Loss.FEWER_CONDITIONS, "the winner has more header conditions")
    return Loser(route, Loss.LATER, "stands after the winner in the document")


def _some(texts: Sequence[str]) -> str:
    return ", ".join(texts[:3]) + (f" and {len(texts) - 3} more" if len(texts) > 3 else "")


def _shared(prefix: str, segments: Sequence[str]) -> int:
    """How many segments a prefix has in common with a path, from the first on."""
    pairs = zip(prefix.split("/"), segments, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
