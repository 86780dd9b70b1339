"""The rules of services and their targets. Pure."""

from collections.abc import Iterable
from typing import Final

from google.protobuf.duration_pb2 import Duration
from penstock.config.v1 import gateway_config_pb2 as pb

from configsvc.validate.findings import Findings
from configsvc.validate.lists import numbered
from configsvc.validate.names import HOST, NAME, TOKEN, canonical_path
from domain.authorities import read_authorities
from domain.targets import parse_target, reference_name

MAX_SERVICES: Final = 1_000
MAX_TARGETS: Final = 256
_MILLI: Final = 0.001
_PHASE_BOUNDS: Final = {"connect": (_MILLI, 60), "response": (_MILLI, 3_600), "idle": (_MILLI, 86_400)}
_A_NAME: Final = "must be 1–128 characters of [a-z0-9._-]"


def check_services(config: pb.GatewayConfig, findings: Findings, *, for_default: bool) -> None:
    """Checks each service; warns of those that no route uses."""
    findings.at("services").expect(len(config.services) <= MAX_SERVICES, f"must be at most {MAX_SERVICES}")
    check_names([each.name for each in config.services], "services", findings)
    used = {route.service for route in config.routes}
    for index, service in enumerate(config.services):
        here = findings.at("services", index)
        if service.name not in used:
            here.warn("is used by no route")
        _check_targets(service, here.at("targets"), for_default=for_default)
        check_timeouts(service.timeouts, here.at("timeout"))
        _check_resilience(service, here)


def check_names(names: Iterable[str], kind: str, findings: Findings) -> None:
    """Checks the form of names, and that no two are the same."""
    for index, name, repeated in numbered(names):
        here = findings.at(kind, index, "name")
        here.expect(NAME.fullmatch(name) is not None, _A_NAME)
        here.expect(not name or not repeated, "is there already")


def check_timeouts(timeouts: pb.Timeouts, findings: Findings) -> None:
    """Checks the phases that are set."""
    for phase, (least, most) in _PHASE_BOUNDS.items():
        if timeouts.HasField(phase):  # type: ignore[arg-type]  # the stub wants literals
            check_span(getattr(timeouts, phase), least, most, findings.at(phase))


def check_span(span: Duration, least: float, most: float, findings: Findings) -> None:
    """Checks a duration against bounds in seconds."""
    seconds = span.seconds + span.nanos / 1_000_000_000
    findings.expect(least <= seconds <= most, f"must be {least:g} s – {most:g} s")


def _check_targets(service: pb.Service, findings: Findings, *, for_default: bool) -> None:
    findings.expect(1 <= len(service.targets) <= MAX_TARGETS, f"must be 1–{MAX_TARGETS}")
    for index, target in enumerate(service.targets):
        here = findings.at(index, "url")
        if reference_name(target.url) is not None:
            here.expect(for_default, "must not refer to a variable: only the document of default may")
        else:
            here.expect(parse_target(target.url) is not None, "must be http://host[:port] or https://host[:port]")
        findings.at(index, "weight").expect(target.weight <= 1000, "must be 1–1000")


def _check_resilience(service: pb.Service, findings: Findings) -> None:
    if service.HasField("health"):
        health, here = service.health, findings.at("health")
        here.at("path").expect(canonical_path(health.path), "must be a path such as /health")
        if health.HasField("interval"):
            check_span(health.interval, 1, 3_600, here.at("interval"))
        here.at("unhealthy_after").expect(health.unhealthy_after <= 100, "must be 1–100")
        here.at("healthy_after").expect(health.healthy_after <= 100, "must be 1–100")
    if service.HasField("retries"):
        findings.at("retries", "attempts").expect(1 <= service.retries.attempts <= 5, "must be 1–5")
        findings.at("retries", "budget").expect(service.retries.budget_percent <= 100, "must be 1%–100%")
    if service.HasField("breaker"):
        here = findings.at("breaker")
        here.at("failures").expect(1 <= service.breaker.failures <= 1_000, "must be 1–1000")
        if service.breaker.HasField("open"):
            check_span(service.breaker.open, 0.1, 3_600, here.at("open"))
    if service.HasField("connections"):
        here = findings.at("connections")
        here.at("max").expect(service.connections.max <= 65_535, "must be 1–65535")
        if service.connections.HasField("idle"):
            check_span(service.connections.idle, 0.1, 3_600, here.at("idle"))
    if service.HasField("tls"):
        _check_tls(service, findings.at("tls"))
    _check_balance(service.balance, findings.at("balance"))


def _check_tls(service: pb.Service, findings: Findings) -> None:
    if service.tls.ca_pem:
        try:
            read_authorities(service.tls.ca_pem)
        except ValueError as error:
            findings.at("ca").fault(str(error))
    if service.tls.server_name:
        here = findings.at("server_name")
        here.expect(HOST.fullmatch(service.tls.server_name) is not None, "must be a host name in lower case")
    plain = [index for index, each in enumerate(service.targets) if each.url.startswith("http://")]
    if len(plain) == len(service.targets):
        findings.warn("has no effect: no target is https")


def _check_balance(balance: pb.Balance, findings: Findings) -> None:
    if balance.hash_header:
        here = findings.at("header")
        here.expect(balance.policy == pb.BALANCE_POLICY_HASH, "needs the policy hash")
        here.expect(TOKEN.fullmatch(balance.hash_header) is not None, "must be the name of a header")
    if balance.HasField("slow_start"):
        here = findings.at("slow_start")
        check_span(balance.slow_start, 0, 3_600, here)
        here.expect(balance.policy != pb.BALANCE_POLICY_HASH, "does not go with the policy hash")
    findings.at("panic").expect(balance.panic_percent <= 100, "must be 0%–100%")
