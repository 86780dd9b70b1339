"""The friendly form of a config document, key by key, and its translation to GatewayConfig and back. Pure.

This is the only place that knows both forms. A key that is not in these tables is a fault.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from penstock.config.v1 import gateway_config_pb2 as pb

from configsvc.document.codecs import (
    Choice,
    Codec,
    Count,
    EntryTexts,
    Flag,
    Percent,
    RateMap,
    RateText,
    Size,
    Text,
    TextMap,
    Texts,
    Time,
)
from configsvc.validate.findings import Findings

# Friendly key → the message's field and how its value is written.
Keys = Mapping[str, tuple[str, Codec]]


@dataclass(frozen=True, slots=True)
class Part:
    """A message of its own, under its own keys."""

    keys: Keys

    def read(self, data: Any, message: Any, field: str, findings: Findings) -> None:
        part = getattr(message, field)
        part.SetInParent()
        read_keys(data, part, self.keys, findings)

    def write(self, message: Any, field: str) -> Any:
        return write_keys(getattr(message, field), self.keys) if message.HasField(field) else None


@dataclass(frozen=True, slots=True)
class Parts:
    """A list of messages."""

    keys: Keys

    def read(self, data: Any, message: Any, field: str, findings: Findings) -> None:
        if not isinstance(data, list):
            findings.fault("must be a list")
            return
        for index, each in enumerate(data):
            read_keys(each, getattr(message, field).add(), self.keys, findings.at(index))

    def write(self, message: Any, field: str) -> Any:
        return [write_keys(each, self.keys) for each in getattr(message, field)] or None


@dataclass(frozen=True, slots=True)
class TimeoutText:
    """One duration, which bounds the answer, or the phases by name."""

    def read(self, data: Any, message: Any, field: str, findings: Findings) -> None:
        if isinstance(data, dict):
            _PHASES.read(data, message, field, findings)
        else:
            Time().read(data, getattr(message, field), "response", findings)

    def write(self, message: Any, field: str) -> Any:
        phases = _PHASES.write(message, field)
        return phases["response"] if phases is not None and set(phases) == {"response"} else phases


@dataclass(frozen=True, slots=True)
class BalanceText:
    """The name of a policy, or `{policy, header}`."""

    def read(self, data: Any, message: Any, field: str, findings: Findings) -> None:
        _BALANCE.read({"policy": data} if isinstance(data, str) else data, message, field, findings)

    def write(self, message: Any, field: str) -> Any:
        balance = _BALANCE.write(message, field)
        return balance["policy"] if balance is not None and set(balance) == {"policy"} else balance


@dataclass(frozen=True, slots=True)
class Inherit:
    """`inherit: default`, the only tenant that can be inherited from."""

    def read(self, data: Any, message: Any, field: str, findings: Findings) -> None:
        findings.expect(data == "default", "must be default")
        setattr(message, field, True)

    def write(self, message: Any, field: str) -> Any:
        return "default" if getattr(message, field) else None


@dataclass(frozen=True, slots=True)
class CorsText:
    """`off`, or the rules."""

    def read(self, data: Any, message: Any, field: str, findings: Findings) -> None:
        if data == "off":
            getattr(message, field).off = True
        else:
            _CORS.read(data, message, field, findings)

    def write(self, message: Any, field: str) -> Any:
        return "off" if getattr(message, field).off else _CORS.write(message, field)


_PHASES: Final = Part({phase: (phase, Time()) for phase in ("connect", "response", "idle")})
_BALANCE: Final = Part(
    {
        "policy": ("policy", Choice(pb.BalancePolicy.DESCRIPTOR, "BALANCE_POLICY_")),
        "header": ("hash_header", Text()),
        "slow_start": ("slow_start", Time()),
        "panic": ("panic_percent", Percent(least=0)),
    }
)
_CORS: Final = Part(
    {
        "origins": ("origins", Texts()),
        "credentials": ("credentials", Flag()),
        "methods": ("methods", Texts()),
        "headers": ("headers", Texts()),
        "expose": ("expose", Texts()),
        "max_age": ("max_age", Time()),
    }
)
_ALGORITHM: Final = Choice(pb.LimitAlgorithm.DESCRIPTOR, "LIMIT_ALGORITHM_")
_OUTAGE: Final = Choice(pb.LimitOutage.DESCRIPTOR, "LIMIT_OUTAGE_")

_TARGET: Final[Keys] = {"url": ("url", Text()), "weight": ("weight", Count())}
_SERVICE: Final[Keys] = {
    "name": ("name", Text()),
    "targets": ("targets", Parts(_TARGET)),
    "timeout": ("timeouts", TimeoutText()),
    "health": (
        "health",
        Part(
            {
                "path": ("path", Text()),
                "interval": ("interval", Time()),
                "unhealthy_after": ("unhealthy_after", Count()),
                "healthy_after": ("healthy_after", Count()),
            }
        ),
    ),
    "retries": ("retries", Part({"attempts": ("attempts", Count()), "budget": ("budget_percent", Percent())})),
    "breaker": ("breaker", Part({"failures": ("failures", Count()), "open": ("open", Time())})),
    "balance": ("balance", BalanceText()),
    "forward_authorization": ("forward_authorization", Flag()),
    "connections": ("connections", Part({"max": ("max", Count()), "idle": ("idle", Time())})),
    "tls": ("tls", Part({"ca": ("ca_pem", Text()), "server_name": ("server_name", Text())})),
}
_ROUTE: Final[Keys] = {
    "name": ("name", Text()),
    "prefix": ("prefix", Text()),
    "methods": ("methods", Texts()),
    "hosts": ("hosts", Texts()),
    "headers": ("headers", TextMap()),
    "service": ("service", Text()),
    "auth": ("auth", Choice(pb.RouteAuth.DESCRIPTOR, "ROUTE_AUTH_")),
    "scopes": ("scopes", Texts()),
    "tier": ("tier", Text()),
    "tenant_from": ("tenant_from", Choice(pb.TenantSource.DESCRIPTOR, "TENANT_SOURCE_")),
    "limit": (
        "limit",
        Part(
            {
                "authenticated": ("authenticated", RateText()),
                "anonymous": ("anonymous", RateText()),
                "algorithm": ("algorithm", _ALGORITHM),
                "on_outage": ("on_outage", _OUTAGE),
            }
        ),
    ),
    "strip_prefix": ("strip_prefix", Flag()),
    "rewrite": ("rewrite", Text()),
    "timeout": ("timeouts", TimeoutText()),
    "max_body": ("max_body_bytes", Size()),
    "websocket": ("websocket", Flag()),
    "websocket_limits": (
        "websocket_limits",
        Part(
            {
                "max_message": ("max_message_bytes", Size()),
                "messages": ("messages", RateText()),
                "idle": ("idle", Time()),
            }
        ),
    ),
    "critical": ("critical", Flag()),
    "allow_encoded_slashes": ("allow_encoded_slashes", Flag()),
    "cors": ("cors", CorsText()),
}
_LIMITS: Final[Keys] = {
    "authenticated": ("authenticated", RateText()),
    "anonymous": ("anonymous", RateText()),
    "tenant": ("tenant", RateText()),
    "failed_authentication": ("failed_authentication", RateText()),
    "legacy_headers": ("legacy_headers", Flag()),
    "algorithm": ("algorithm", _ALGORITHM),
    "tiers": ("tiers", RateMap()),
    "on_outage": ("on_outage", _OUTAGE),
    "descriptors": (
        "descriptors",
        Parts(
            {
                "name": ("name", Text()),
                "match": ("match", EntryTexts()),
                "limit": ("limit", RateText()),
                "algorithm": ("algorithm", _ALGORITHM),
            }
        ),
    ),
}
_ISSUER: Final[Keys] = {
    "issuer": ("issuer", Text()),
    "jwks_url": ("jwks_url", Text()),
    "public_key": ("public_key_pem", Text()),
    "audience": ("audience", Text()),
    "algorithms": ("algorithms", Texts()),
}
DOCUMENT: Final[Keys] = {
    "inherit": ("inherit_default", Inherit()),
    "services": ("services", Parts(_SERVICE)),
    "routes": ("routes", Parts(_ROUTE)),
    "limits": ("limits", Part(_LIMITS)),
    "cors": ("cors", CorsText()),
    "issuers": ("issuers", Parts(_ISSUER)),
    "subscription": ("subscription", Part({"grace": ("grace", Time()), "tiers": ("tiers", Texts())})),
    "registration": ("registration", Choice(pb.Registration.DESCRIPTOR, "REGISTRATION_")),
    "imported_keys": ("imported_keys", Flag()),
}


def from_plain(data: Any, findings: Findings) -> pb.GatewayConfig:
    """The config of a document's plain data; what is wrong with it is noted, and left out of the config."""
    config = pb.GatewayConfig()
    if data is not None:  # an empty document is a config without routes
        read_keys(data, config, DOCUMENT, findings)
    return config


def to_plain(config: pb.GatewayConfig) -> dict[str, Any]:
    """The plain data of a config, keys in the order of the tables."""
    return write_keys(config, DOCUMENT)


def read_keys(data: Any, message: Any, keys: Keys, findings: Findings) -> None:
    """Reads a mapping into a message."""
    if not isinstance(data, dict):
        findings.fault("must be a mapping")
        return
    for key, value in data.items():
        here = findings.at(key)
        if key not in keys:
            here.fault(f"is not a key here; known are {', '.join(keys)}")
            continue
        field, codec = keys[key]
        codec.read(value, message, field, here)


def write_keys(message: Any, keys: Keys) -> dict[str, Any]:
    """The plain data of a message, without what is not set."""
    written = ((key, codec.write(message, field)) for key, (field, codec) in keys.items())
    return {key: data for key, data in written if data is not None}
