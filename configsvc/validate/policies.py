"""The rules of limits, cross-origin requests, issuers and subscriptions. Pure."""

from collections.abc import Sequence
from operator import itemgetter
from typing import Final
from urllib.parse import urlsplit

from penstock.config.v1 import gateway_config_pb2 as pb

from configsvc.validate.findings import Findings
from configsvc.validate.lists import numbered
from configsvc.validate.names import ENTRY_KEY, METHOD, TIER, TOKEN
from configsvc.validate.services import check_span
from domain.origins import ORIGIN

MAX_LIST: Final = 64
MAX_DESCRIPTORS: Final = 1_000
MAX_ENTRIES: Final = 8
MAX_URL: Final = 2_048
MAX_PEM: Final = 16_384
_YEAR_SECONDS: Final = 366 * 86_400
# What public keys can verify: a shared secret in a document would be a secret in a document.
ALGORITHMS: Final = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)
_A_TIER: Final = "must be 1–64 characters of [A-Za-z0-9._-]"


def check_limits(config: pb.GatewayConfig, findings: Findings) -> None:
    """Checks the general limits."""
    limits, here = config.limits, findings.at("limits")
    for field in ("authenticated", "anonymous", "tenant", "failed_authentication"):
        if limits.HasField(field):
            check_rate(getattr(limits, field), here.at(field))
    here.at("tiers").expect(len(limits.tiers) <= MAX_LIST, f"must be at most {MAX_LIST}")
    for tier, rate in sorted(limits.tiers.items(), key=itemgetter(0)):
        here.at("tiers", tier).expect(TIER.fullmatch(tier) is not None, _A_TIER)
        check_rate(rate, here.at("tiers", tier))
    check_descriptors(limits.descriptors, here.at("descriptors"))


def check_descriptors(descriptors: Sequence[pb.DescriptorLimit], findings: Findings) -> None:
    """Checks the limits of Envoy's descriptors."""
    findings.expect(len(descriptors) <= MAX_DESCRIPTORS, f"must be at most {MAX_DESCRIPTORS}")
    seen: set[bytes] = set()
    for index, descriptor in enumerate(descriptors):
        here = findings.at(index)
        named = not descriptor.name or TIER.fullmatch(descriptor.name) is not None
        here.at("name").expect(named, "must be 1–64 characters of [A-Za-z0-9._-]")
        here.at("match").expect(1 <= len(descriptor.match) <= MAX_ENTRIES, f"must be 1–{MAX_ENTRIES} entries")
        for number, entry in enumerate(descriptor.match):
            place = here.at("match", number)
            place.expect(
                ENTRY_KEY.fullmatch(entry.key) is not None, "must have a key of 1–128 visible ASCII characters"
            )
            place.expect(
                not entry.HasField("value") or 1 <= len(entry.value) <= 256, "must have 1–256 characters after ="
            )
        match = pb.DescriptorLimit(match=descriptor.match).SerializeToString(deterministic=True)
        here.at("match").expect(match not in seen, "is there already")
        seen.add(match)
        if descriptor.HasField("limit"):
            check_rate(descriptor.limit, here.at("limit"))
        else:
            here.at("limit").fault("is missing")


def check_rate(rate: pb.Rate, findings: Findings) -> None:
    """Checks a rate: the number of its requests as well as its window, or that it has neither."""
    if rate.unlimited:
        findings.expect(not rate.requests and not rate.HasField("window"), "must be either a rate or unlimited")
        return
    findings.expect(1 <= rate.requests <= 1_000_000, "must allow 1–1,000,000 requests")
    check_span(rate.window, 0.001, _YEAR_SECONDS, findings)


def check_cors(cors: pb.Cors, findings: Findings) -> None:
    """Checks the rules for cross-origin requests, of the document or of a route."""
    if cors.off:
        findings.expect(cors == pb.Cors(off=True), "must be off alone, or rules")
        return
    findings.at("origins").expect(1 <= len(cors.origins) <= 1_000, "must be 1–1000")
    anyone = "*" in cors.origins
    findings.at("origins").expect(not anyone or len(cors.origins) == 1, "must have * alone")
    starred = [name for name in ("origins", "methods", "headers", "expose") if "*" in getattr(cors, name)]
    findings.at("credentials").expect(
        not (starred and cors.credentials), f"must not be true together with * in {' and '.join(starred)}"
    )
    for index, origin in enumerate(cors.origins):
        fits = origin == "*" or ORIGIN.fullmatch(origin) is not None
        findings.at("origins", index).expect(fits, "must be an origin in lower case such as https://app.example.com")
    for name in ("methods", "headers", "expose"):
        findings.at(name).expect(len(getattr(cors, name)) <= MAX_LIST, f"must be at most {MAX_LIST}")
    for index, method in enumerate(cors.methods):
        fits = method == "*" or METHOD.fullmatch(method) is not None
        findings.at("methods", index).expect(fits, "must be a method in upper case, or *")
    for name, headers in (("headers", cors.headers), ("expose", cors.expose)):
        for index, header in enumerate(headers):
            findings.at(name, index).expect(TOKEN.fullmatch(header) is not None, "must be the name of a header")
    if cors.HasField("max_age"):
        check_span(cors.max_age, 0, 86_400, findings.at("max_age"))


def check_issuers(config: pb.GatewayConfig, findings: Findings) -> None:
    """Checks the issuers of tokens."""
    findings.at("issuers").expect(len(config.issuers) <= MAX_LIST, f"must be at most {MAX_LIST}")
    seen: set[str] = set()
    for index, issuer in enumerate(config.issuers):
        here = findings.at("issuers", index)
        here.at("issuer").expect(1 <= len(issuer.issuer) <= 512, "must be 1–512 characters")
        here.at("issuer").expect(issuer.issuer not in seen, "is there already")
        seen.add(issuer.issuer)
        one = bool(issuer.jwks_url) != bool(issuer.public_key_pem)
        here.expect(one, "must have either jwks_url or public_key")
        if issuer.jwks_url:
            fits = len(issuer.jwks_url) <= MAX_URL and _is_https(issuer.jwks_url)
            here.at("jwks_url").expect(fits, f"must be an https:// URL of at most {MAX_URL} characters")
        here.at("public_key").expect(len(issuer.public_key_pem) <= MAX_PEM, f"must be at most {MAX_PEM} characters")
        here.at("audience").expect(1 <= len(issuer.audience) <= 512, "must be 1–512 characters")
        here.at("algorithms").expect(bool(issuer.algorithms), "must name at least one algorithm")
        for number, algorithm, repeated in numbered(issuer.algorithms):
            here.at("algorithms", number).expect(
                algorithm in ALGORITHMS, f"must be one of {', '.join(sorted(ALGORITHMS))}"
            )
            here.at("algorithms", number).expect(not repeated, "is there already")


def check_subscription(policy: pb.SubscriptionPolicy, findings: Findings) -> None:
    """Checks the tiers and the grace period."""
    findings.at("tiers").expect(len(policy.tiers) <= MAX_LIST, f"must be at most {MAX_LIST}")
    for index, tier, repeated in numbered(policy.tiers):
        here = findings.at("tiers", index)
        here.expect(TIER.fullmatch(tier) is not None, _A_TIER)
        here.expect(not repeated, "is there already")
    if policy.HasField("grace"):
        check_span(policy.grace, 0, _YEAR_SECONDS, findings.at("grace"))


def _is_https(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme == "https" and bool(parts.hostname) and parts.port != 0 and url.isprintable()
    except ValueError:
        return False
