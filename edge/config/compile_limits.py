"""Compiles the limits of a config document. Pure; bad content becomes reasons."""

from collections.abc import Mapping

from penstock.config.v1 import gateway_config_pb2 as pb

from edge.config.reasons import Reasons
from edge.limits.rules import Algorithm, LimitRules, Outage, Quota, Rate, RouteLimitRules, Unlimited

_DEFAULTS = LimitRules()
_ALGORITHMS: Mapping[int, Algorithm] = {
    pb.LIMIT_ALGORITHM_SLIDING_WINDOW: Algorithm.SLIDING_WINDOW,
    pb.LIMIT_ALGORITHM_TOKEN_BUCKET: Algorithm.TOKEN_BUCKET,
}
_OUTAGES: Mapping[int, Outage] = {
    pb.LIMIT_OUTAGE_OPEN: Outage.OPEN,
    pb.LIMIT_OUTAGE_LOCAL: Outage.LOCAL,
    pb.LIMIT_OUTAGE_STRICT: Outage.STRICT,
}


def limit_rules(limits: pb.Limits, reasons: Reasons) -> LimitRules:
    """The general limits; what the document leaves out takes the default."""
    tenant = _rate(limits, "tenant", reasons)
    return LimitRules(
        authenticated=_rate(limits, "authenticated", reasons) or _DEFAULTS.authenticated,
        anonymous=_rate(limits, "anonymous", reasons) or _DEFAULTS.anonymous,
        tenant=tenant if isinstance(tenant, Rate) else None,
        failed_authentication=_rate(limits, "failed_authentication", reasons) or _DEFAULTS.failed_authentication,
        algorithm=_algorithm(limits.algorithm, reasons) or _DEFAULTS.algorithm,
        tiers={
            tier: rate
            for tier, each in limits.tiers.items()
            if (rate := compiled_rate(each, reasons.at(f"tiers.{tier}"))) is not None
        },
        on_outage=_outage(limits.on_outage, reasons) or _DEFAULTS.on_outage,
        legacy_headers=limits.legacy_headers,
    )


def route_limit_rules(limit: pb.RouteLimit, reasons: Reasons) -> RouteLimitRules:
    """A route's own limits; what it leaves out stays with the general ones."""
    return RouteLimitRules(
        authenticated=_rate(limit, "authenticated", reasons),
        anonymous=_rate(limit, "anonymous", reasons),
        algorithm=_algorithm(limit.algorithm, reasons),
        on_outage=_outage(limit.on_outage, reasons),
    )


def _rate(limits: pb.Limits | pb.RouteLimit, field: str, reasons: Reasons) -> Quota | None:
    if not limits.HasField(field):  # type: ignore[arg-type]  # the stub wants literals
        return None
    return compiled_rate(getattr(limits, field), reasons.at(field))


def compiled_rate(rate: pb.Rate, reasons: Reasons) -> Quota | None:
    """One rate; None, and a reason, when it is none."""
    if rate.unlimited:
        if rate.requests or rate.HasField("window"):
            reasons.add("is both a rate and unlimited")
        return Unlimited.UNLIMITED
    window_millis = rate.window.seconds * 1000 + rate.window.nanos // 1_000_000
    if rate.requests < 1 or window_millis < 1:
        reasons.add("is not a rate: at least one request in at least 1 ms")
        return None
    return Rate(rate.requests, window_millis)


def _algorithm(value: int, reasons: Reasons) -> Algorithm | None:
    if value and value not in _ALGORITHMS:
        reasons.at("algorithm").add("is not known to this gateway")
    return _ALGORITHMS.get(value)


def _outage(value: int, reasons: Reasons) -> Outage | None:
    if value and value not in _OUTAGES:
        reasons.at("on_outage").add("is not known to this gateway")
    return _OUTAGES.get(value)
