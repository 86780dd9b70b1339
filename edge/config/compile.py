"""Compiles a config document into the rules that requests are served by. Pure.

configsvc has validated the document for people; this is the second look of the process that must live with it.
Bad content is answered with reasons, never with an exception: the worker keeps the rules it has.
"""

from collections.abc import Mapping

from google.protobuf.duration_pb2 import Duration
from penstock.config.v1 import gateway_config_pb2 as pb

from domain.targets import parse_target, reference_name
from domain.tenants import DEFAULT_TENANT, TenantId
from edge.config.compile_limits import compiled_rate, limit_rules, route_limit_rules
from edge.config.compile_resilience import balance, breaker, connection_limits, health_check, retries, trust
from edge.config.defaults import NO_DEFAULTS, DocumentDefaults
from edge.config.numbers import known_number, seconds_of
from edge.config.reasons import Reasons, Refused
from edge.limits.rules import Rate
from edge.routing import Auth, CorsRules, Route, Router, Service, Target, Timeouts, WebSocketLimits
from edge.snapshot import Rules, SubscriptionRules

_DEFAULT_TIMEOUTS = Timeouts()
_AUTH: Mapping[int, Auth] = {
    pb.ROUTE_AUTH_UNSPECIFIED: Auth.REQUIRED,
    pb.ROUTE_AUTH_REQUIRED: Auth.REQUIRED,
    pb.ROUTE_AUTH_OPTIONAL: Auth.OPTIONAL,
    pb.ROUTE_AUTH_NONE: Auth.NONE,
}
_TENANT_FROM_PATH: Mapping[int, bool] = {
    pb.TENANT_SOURCE_UNSPECIFIED: False,
    pb.TENANT_SOURCE_HEADER: False,
    pb.TENANT_SOURCE_PATH: True,
}
_REGISTRATION_OPEN: Mapping[int, bool] = {
    pb.REGISTRATION_UNSPECIFIED: False,
    pb.REGISTRATION_CLOSED: False,
    pb.REGISTRATION_OPEN: True,
}


def compile_rules(
    config: pb.GatewayConfig,
    tenant: TenantId,
    version: int,
    env: Mapping[str, str],
    defaults: DocumentDefaults = NO_DEFAULTS,
) -> Rules | Refused:
    """The rules of one document, or all the reasons why there are none.

    `env` resolves references such as `${SALES_SERVICE_URL}`, which only `default` may use; `defaults` hold where the
    document says nothing.
    """
    reasons, unset = Reasons(), list[str]()
    services = _services(config, env if tenant == DEFAULT_TENANT else None, reasons, unset)
    fallback = defaults.cors if tenant == DEFAULT_TENANT else None
    cors = _cors(config.cors) if config.HasField("cors") else fallback
    routes = [
        route
        for index, each in enumerate(config.routes)
        if (route := _route(each, services, cors, reasons.at(f"routes[{index}]"))) is not None
    ]
    rules = Rules(
        tenant=tenant,
        version=version,
        router=Router(routes),
        limits=limit_rules(config.limits, reasons.at("limits")) if config.HasField("limits") else defaults.limits,
        cors=cors,
        subscription=SubscriptionRules(seconds_of(config.subscription.grace), tuple(config.subscription.tiers)),
        services=tuple(services.values()),
        registration_open=known_number(_REGISTRATION_OPEN, config.registration, reasons.at("registration"), False),
        unset=tuple(sorted(set(unset))),
        imported_keys=config.imported_keys,
    )
    return rules if not reasons.found else Refused(tuple(reasons.found))


def _services(
    config: pb.GatewayConfig, env: Mapping[str, str] | None, reasons: Reasons, unset: list[str]
) -> dict[str, Service]:
    services: dict[str, Service] = {}
    for index, each in enumerate(config.services):
        here = reasons.at(f"services[{index}]")
        if not each.targets:
            here.at("targets").add("is empty")
        services[each.name] = Service(
            name=each.name,
            targets=tuple(
                target
                for number, spelled in enumerate(each.targets)
                if (target := _target(spelled, env, here.at(f"targets[{number}].url"), unset)) is not None
            ),
            timeouts=_timeouts(each.timeouts, _DEFAULT_TIMEOUTS, here.at("timeouts")),
            forward_authorization=each.forward_authorization,
            health=health_check(each, here.at("health")),
            retries=retries(each),
            breaker=breaker(each, here.at("breaker")),
            balance=balance(each.balance, here.at("balance")),
            connections=connection_limits(each, here.at("connections")),
            trust=trust(each.tls, here.at("tls")),
        )
    return services


def _target(target: pb.Target, env: Mapping[str, str] | None, reasons: Reasons, unset: list[str]) -> Target | None:
    """`env` is None where references are not allowed; one to nothing is noted in `unset`.

    It takes its target alone out of service: one name that a gateway was not told must not keep it from the rest.
    """
    url, name = target.url, reference_name(target.url)
    if name is not None:
        if env is None:
            reasons.add("refers to a variable, which only the tenant default may do")
            return None
        if not env.get(name):
            unset.append(name)
            return None
        url = env[name].removesuffix("/")
    address = parse_target(url)
    if address is None:
        reasons.add("is not http://host[:port] or https://host[:port]" + (f", by way of {name}" if name else ""))
        return None
    return Target(address.host, address.port, address.tls, target.weight or 1)


def _route(route: pb.Route, services: Mapping[str, Service], cors: CorsRules | None, reasons: Reasons) -> Route | None:
    """`cors` are the document's rules for cross-origin requests."""
    service = services.get(route.service)
    if service is None:
        reasons.at("service").add("names no service of the document")
        return None
    if not route.prefix.startswith("/"):
        reasons.at("prefix").add("does not begin with /")
    return Route(
        name=route.name,
        prefix=route.prefix,
        service=service,
        timeouts=_timeouts(route.timeouts, service.timeouts, reasons.at("timeouts")),
        methods=frozenset(route.methods),
        hosts=tuple(route.hosts),
        headers=tuple(sorted((name.lower().encode(), value.encode()) for name, value in route.headers.items())),
        auth=known_number(_AUTH, route.auth, reasons.at("auth"), Auth.REQUIRED),
        scopes=frozenset(route.scopes),
        tier=route.tier,
        tenant_from_path=known_number(_TENANT_FROM_PATH, route.tenant_from, reasons.at("tenant_from"), False),
        limit=route_limit_rules(route.limit, reasons.at("limit")) if route.HasField("limit") else None,
        strip_prefix=route.strip_prefix,
        rewrite=route.rewrite,
        max_body_bytes=route.max_body_bytes if route.HasField("max_body_bytes") else None,
        websocket=_websocket(route.websocket_limits, reasons.at("websocket_limits")) if route.websocket else None,
        critical=route.critical,
        allow_encoded_slashes=route.allow_encoded_slashes,
        cors=_cors(route.cors) if route.HasField("cors") else cors,
    )


def _timeouts(timeouts: pb.Timeouts, over: Timeouts, reasons: Reasons) -> Timeouts:
    """The phases that are set, else those of `over`."""

    def phase(name: str, duration: Duration, is_set: bool, otherwise: float) -> float:
        if not is_set:
            return otherwise
        seconds = seconds_of(duration)
        if seconds <= 0:
            reasons.at(name).add("is not longer than 0 s")
        return seconds

    return Timeouts(
        connect=phase("connect", timeouts.connect, timeouts.HasField("connect"), over.connect),
        response=phase("response", timeouts.response, timeouts.HasField("response"), over.response),
        idle=phase("idle", timeouts.idle, timeouts.HasField("idle"), over.idle),
    )


def _websocket(limits: pb.WebSocketLimits, reasons: Reasons) -> WebSocketLimits:
    defaults = WebSocketLimits()
    messages, idle = defaults.messages, defaults.idle_seconds
    most = limits.max_message_bytes if limits.HasField("max_message_bytes") else defaults.max_message_bytes
    if most < 1:
        reasons.at("max_message").add("is not at least 1 byte")
    if limits.HasField("messages"):
        quota = compiled_rate(limits.messages, reasons.at("messages"))
        messages = (quota.requests, quota.window_millis / 1000) if isinstance(quota, Rate) else None
    if limits.HasField("idle"):
        idle = seconds_of(limits.idle)
        if idle <= 0:
            reasons.at("idle").add("is not longer than 0 s")
    return WebSocketLimits(most, messages, idle)


def _cors(cors: pb.Cors) -> CorsRules | None:
    if cors.off:
        return None
    defaults = CorsRules()
    return CorsRules(
        origins=frozenset(cors.origins),
        credentials=cors.credentials,
        methods=tuple(cors.methods) or defaults.methods,
        headers=tuple(name.lower() for name in cors.headers),
        expose=tuple(cors.expose),
        max_age=int(seconds_of(cors.max_age)) if cors.HasField("max_age") else defaults.max_age,
    )
