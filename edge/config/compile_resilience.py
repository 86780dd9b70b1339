"""Compiles what a service says of its targets' failures into the values of `edge.resilience`. Pure."""

import re
from collections.abc import Mapping

from google.protobuf.duration_pb2 import Duration
from penstock.config.v1 import gateway_config_pb2 as pb

from domain.authorities import read_authorities
from edge.config.numbers import known_number, seconds_of
from edge.config.reasons import Reasons
from edge.resilience import Balance, Breaker, ConnectionLimits, HealthCheck, Policy, Retries, Trust

_PATH = re.compile(r"/[!-~]*")
_HEALTH, _RETRIES, _BREAKER = HealthCheck("/"), Retries(2), Breaker(1)
_BALANCE, _CONNECTIONS = Balance(), ConnectionLimits()
_POLICY: Mapping[int, Policy] = {
    pb.BALANCE_POLICY_UNSPECIFIED: Policy.ROUND_ROBIN,
    pb.BALANCE_POLICY_ROUND_ROBIN: Policy.ROUND_ROBIN,
    pb.BALANCE_POLICY_LEAST_REQUESTS: Policy.LEAST_REQUESTS,
    pb.BALANCE_POLICY_HASH: Policy.HASH,
}


def health_check(service: pb.Service, reasons: Reasons) -> HealthCheck | None:
    """How the service's targets are checked."""
    if not service.HasField("health"):
        return None
    health = service.health
    if not _PATH.fullmatch(health.path):
        reasons.at("path").add("is not a path of visible ASCII characters")
    return HealthCheck(
        health.path,
        _span(health.interval, health.HasField("interval"), _HEALTH.interval, reasons.at("interval")),
        health.unhealthy_after or _HEALTH.unhealthy_after,
        health.healthy_after or _HEALTH.healthy_after,
    )


def retries(service: pb.Service) -> Retries | None:
    """How often its requests are sent; None where once is enough."""
    if not service.HasField("retries") or service.retries.attempts < 2:
        return None
    return Retries(service.retries.attempts, service.retries.budget_percent or _RETRIES.budget_percent)


def breaker(service: pb.Service, reasons: Reasons) -> Breaker | None:
    """When requests to a target are stopped."""
    if not service.HasField("breaker"):
        return None
    settings = service.breaker
    if not settings.failures:
        reasons.at("failures").add("is not at least 1")
    return Breaker(
        settings.failures, _span(settings.open, settings.HasField("open"), _BREAKER.open, reasons.at("open"))
    )


def balance(balance: pb.Balance, reasons: Reasons) -> Balance:
    """How a target is chosen."""
    return Balance(
        policy=known_number(_POLICY, balance.policy, reasons.at("policy"), Policy.ROUND_ROBIN),
        hash_header=balance.hash_header.lower().encode(),
        slow_start=seconds_of(balance.slow_start),
        panic_percent=balance.panic_percent if balance.HasField("panic_percent") else _BALANCE.panic_percent,
    )


def connection_limits(service: pb.Service, reasons: Reasons) -> ConnectionLimits:
    """How many connections there may be, and how long."""
    limits = service.connections
    return ConnectionLimits(
        limits.max or _CONNECTIONS.connections,
        _span(limits.idle, limits.HasField("idle"), _CONNECTIONS.idle, reasons.at("idle")),
    )


def trust(tls: pb.UpstreamTls, reasons: Reasons) -> Trust:
    """Whom its targets must prove to be."""
    if tls.ca_pem:
        try:
            read_authorities(tls.ca_pem)
        except ValueError as error:
            reasons.at("ca_pem").add(str(error))
    return Trust(tls.ca_pem, tls.server_name)


def _span(span: Duration, is_set: bool, otherwise: float, reasons: Reasons) -> float:
    seconds = seconds_of(span) if is_set else otherwise
    if seconds <= 0:
        reasons.add("is not longer than 0 s")
    return seconds
