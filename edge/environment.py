"""What follows from settings that other gateways know by other names: an address, a URL, rules of documents. Pure."""

from pathlib import Path
from typing import Final
from urllib.parse import quote

from edge.builtin.access import DetailAccess
from edge.config.defaults import DocumentDefaults
from edge.limits.rules import Algorithm, LimitRules, Rate
from edge.listener.certificates import CertificateFiles
from edge.routing import CorsRules
from edge.settings import EdgeSettings

# What a number or a window means when it is set alone.
_REQUESTS: Final = 300
_WINDOW_SECONDS: Final = 60
# The environment names origins alone, so the rest must do for an ordinary client of an API with JSON.
_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_HEADERS: Final = ("authorization", "content-type", "x-api-key", "x-request-id", "x-tenant-id")


def listen_address(settings: EdgeSettings) -> str:
    """Where a worker without an inherited socket listens, as `host:port`."""
    return settings.listen[0] if settings.listen else f"{_bracketed(settings.host)}:{settings.port}"


def redirects(settings: EdgeSettings) -> bool:
    """Whether there is a plain port that leads to https."""
    return bool(settings.redirect_listen) or settings.redirect_listen_fd is not None


def certificate_files(settings: EdgeSettings) -> list[CertificateFiles]:
    """Where the certificates and their keys are; none: the edge serves over plain HTTP. ValueError when they are not
    as many."""
    pairs = zip(settings.tls_certificates, settings.tls_keys, strict=True)
    return [CertificateFiles(Path(certificate), Path(key)) for certificate, key in pairs]


def redis_url(settings: EdgeSettings) -> str | None:
    """The Redis of the warm copy, by its URL or by its parts; None when neither is set."""
    if settings.redis_url is not None:
        return settings.redis_url.get_secret_value()
    if not settings.redis_host:
        return None
    password = settings.redis_password.get_secret_value() if settings.redis_password is not None else ""
    access = f":{quote(password, safe='')}@" if password else ""
    return f"redis://{access}{_bracketed(settings.redis_host)}:{settings.redis_port}/{settings.redis_db}"


def detail_access(settings: EdgeSettings) -> DetailAccess:
    """Who is told the details of health and readiness."""
    token = settings.health_token.get_secret_value() if settings.health_token is not None else ""
    return DetailAccess.of(token, settings.health_networks)


def document_defaults(settings: EdgeSettings) -> DocumentDefaults:
    """What holds where a document says nothing."""
    return DocumentDefaults(_limits(settings), _cors(settings))


def _limits(settings: EdgeSettings) -> LimitRules:
    requests, window = settings.rate_limit_requests, settings.rate_limit_window_seconds
    if requests is None and window is None:
        return LimitRules()
    rate = Rate(requests or _REQUESTS, (window or _WINDOW_SECONDS) * 1000)
    return LimitRules(authenticated=rate, anonymous=rate, algorithm=Algorithm.TOKEN_BUCKET)


def _cors(settings: EdgeSettings) -> CorsRules | None:
    if not settings.cors_origins:
        return None
    return CorsRules(
        origins=frozenset(settings.cors_origins),
        credentials=settings.cors_allow_credentials,
        methods=_METHODS,
        headers=_HEADERS,
    )


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host
