"""The rules of routes. Pure."""

from collections.abc import Sequence
from typing import Final

from penstock.config.v1 import gateway_config_pb2 as pb

from configsvc.validate.findings import Findings
from configsvc.validate.lists import numbered
from configsvc.validate.names import FIELD_VALUE, HOST_PATTERN, METHOD, SCOPE, TOKEN, canonical_path
from configsvc.validate.policies import check_cors, check_rate
from configsvc.validate.services import check_names, check_span, check_timeouts

MAX_ROUTES: Final = 20_000
MAX_CONDITIONS: Final = 64
# Of no use to a gateway: a tunnel through it, and the echo of a request with its credentials.
_REFUSED_METHODS: Final = frozenset({"CONNECT", "TRACE"})


def check_routes(config: pb.GatewayConfig, findings: Findings) -> None:
    """Checks each route, and that what it names is there."""
    findings.at("routes").expect(len(config.routes) <= MAX_ROUTES, f"must be at most {MAX_ROUTES}")
    check_names([each.name for each in config.routes], "routes", findings)
    services = {each.name for each in config.services}
    tiers = frozenset(config.subscription.tiers)
    for index, route in enumerate(config.routes):
        here = findings.at("routes", index)
        here.at("service").expect(route.service in services, "must name a service of the document")
        known_tier = not route.tier or route.tier in tiers
        here.at("tier").expect(known_tier, "must be one of subscription.tiers, which says how tiers rank")
        _check_conditions(route, here)
        _check_forwarding(route, here)
        _check_scopes(route, here)
        _check_websocket(route, here)
        for field in ("authenticated", "anonymous"):
            if route.limit.HasField(field):
                check_rate(getattr(route.limit, field), here.at("limit", field))
        if route.HasField("cors"):
            check_cors(route.cors, here.at("cors"))


def check_methods(methods: Sequence[str], findings: Findings) -> None:
    """Checks a list of request methods."""
    for index, method, repeated in numbered(methods):
        here = findings.at(index)
        fits = METHOD.fullmatch(method) is not None and method not in _REFUSED_METHODS
        here.expect(fits, "must be a method in upper case, not CONNECT or TRACE")
        here.expect(not repeated, "is there already")


def _check_conditions(route: pb.Route, findings: Findings) -> None:
    findings.at("prefix").expect(
        canonical_path(route.prefix), "must be a path in its one spelling: begins with /, no /, . or .. at its end"
    )
    for name, values in (("methods", route.methods), ("hosts", route.hosts), ("headers", route.headers)):
        findings.at(name).expect(len(values) <= MAX_CONDITIONS, f"must be at most {MAX_CONDITIONS}")
    check_methods(route.methods, findings.at("methods"))
    for index, host, repeated in numbered(route.hosts):
        here = findings.at("hosts", index)
        here.expect(HOST_PATTERN.fullmatch(host) is not None, "must be a host in lower case, or *.example.com")
        here.expect(not repeated, "is there already")
    lower: set[str] = set()
    for name, value in sorted(route.headers.items()):  # a map of protobuf has an order of the day
        here = findings.at("headers", name)
        here.expect(TOKEN.fullmatch(name) is not None, "must be the name of a header")
        here.expect(name.lower() not in lower, "is there already, in another spelling")
        here.expect(FIELD_VALUE.fullmatch(value) is not None, "must have a value of visible ASCII characters")
        lower.add(name.lower())


def _check_forwarding(route: pb.Route, findings: Findings) -> None:
    here = findings.at("rewrite")
    here.expect(not route.rewrite or canonical_path(route.rewrite), "must be a path such as /v2")
    here.expect(not (route.rewrite and route.strip_prefix), "must not stand beside strip_prefix")
    check_timeouts(route.timeouts, findings.at("timeout"))


def _check_websocket(route: pb.Route, findings: Findings) -> None:
    takes_get = not route.methods or "GET" in route.methods
    findings.at("websocket").expect(
        takes_get or not route.websocket, "must not stand where methods leave GET out: a WebSocket begins with it"
    )
    if not route.HasField("websocket_limits"):
        return
    limits, here = route.websocket_limits, findings.at("websocket_limits")
    here.expect(route.websocket, "must stand beside websocket: true")
    if limits.HasField("max_message_bytes"):
        here.at("max_message").expect(1 <= limits.max_message_bytes < 2**53, "must be at least 1 byte")
    if limits.HasField("messages"):
        check_rate(limits.messages, here.at("messages"))
    if limits.HasField("idle"):
        check_span(limits.idle, 1, 86_400, here.at("idle"))


def _check_scopes(route: pb.Route, findings: Findings) -> None:
    findings.at("scopes").expect(len(route.scopes) <= MAX_CONDITIONS, f"must be at most {MAX_CONDITIONS}")
    for index, scope in enumerate(route.scopes):
        fits = SCOPE.fullmatch(scope) is not None
        findings.at("scopes", index).expect(fits, "must be 1–128 characters of [A-Za-z0-9._:-]")
    needless = bool(route.scopes or route.tier) and route.auth == pb.ROUTE_AUTH_NONE
    findings.at("auth").expect(not needless, "must not be none where scopes or a tier are asked for")
