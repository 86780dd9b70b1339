"""From a text to a validated config with everything that is to be said about it, and back to a text. Pure."""

from collections.abc import Set
from dataclasses import dataclass
from typing import Final

from penstock.config.v1 import config_service_pb2, gateway_config_pb2

from configsvc.document import text
from configsvc.document.mapping import from_plain, to_plain
from configsvc.validate.document import validate
from configsvc.validate.findings import Finding, Findings, Path

MAX_FINDINGS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Examined:
    """A document as far as it could be read; with faults it is not fit to be published."""

    config: gateway_config_pb2.GatewayConfig
    faults: tuple[Finding, ...] = ()
    warnings: tuple[Finding, ...] = ()


def examine(source: str, form: "config_service_pb2.DocumentFormat.ValueType", for_default: bool) -> Examined:
    """Reads a document of the tenant `default` (`for_default`) or of another one."""
    parsed = text.parse_json(source) if form == config_service_pb2.DOCUMENT_FORMAT_JSON else text.parse_yaml(source)
    if parsed.fault is not None:
        return Examined(gateway_config_pb2.GatewayConfig(), (parsed.fault,))
    reading, rules = Findings(), Findings()
    config = from_plain(parsed.data, reading)
    validate(config, rules, for_default=for_default)
    unread = {each.path for each in reading.faults}
    faults = [*reading.faults, *(each for each in rules.faults if not _below(each.path, unread))]
    return Examined(config, *(tuple(map(parsed.located, _told(each))) for each in (faults, rules.warnings)))


def _told(findings: list[Finding]) -> list[Finding]:
    """As many as somebody can read; beyond that how many more there are."""
    more = len(findings) - MAX_FINDINGS
    return findings if more <= 0 else [*findings[:MAX_FINDINGS], Finding((), f"and {more} more")]


def _below(path: Path, unread: Set[Path]) -> bool:
    """Whether a rule speaks of what could not even be read: one fault for that is enough."""
    return any(path[:length] in unread for length in range(len(path) + 1))


def write(config: gateway_config_pb2.GatewayConfig, form: "config_service_pb2.DocumentFormat.ValueType") -> str:
    """The document in its canonical spelling."""
    plain = to_plain(config)
    return text.write_json(plain) if form == config_service_pb2.DOCUMENT_FORMAT_JSON else text.write_yaml(plain)
