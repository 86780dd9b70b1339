"""Whether the URLs of the operator's own stores can be used at all, said before anything starts. Asks no server.

What it says holds no piece of a URL: in a malformed one the password may stand anywhere.
"""

from urllib.parse import SplitResult, parse_qsl, urlsplit

from penstockctl.cluster.redis_urls import RedisUrls, split_databases
from penstockctl.faults import OperatorError

_NO_REDIS_URL = "--redis-url is no URL of a Redis database: redis://HOST:PORT/NUMBER is one."
_NO_DATABASE_URL = (
    "--database-url is no URL of a PostgreSQL database: postgresql://USER:PASSWORD@HOST:PORT/NAME is one,"
    " with each special character of the password percent-encoded."
)


def redis_urls(url: str) -> RedisUrls:
    """The two logical databases of the server at `url`. OperatorError: it is no Redis URL."""
    try:
        return split_databases(url)
    except ValueError:
        raise OperatorError(_NO_REDIS_URL) from None


def check_database_url(url: str) -> None:
    """Raises OperatorError when `url` is no PostgreSQL URL (several hosts are one)."""
    try:
        parts = urlsplit(url)
        ports = _ports(parts)
    except ValueError:
        raise OperatorError(_NO_DATABASE_URL) from None
    # A `/`, `?`, `#` or `@` of a password that is not encoded ends what comes before it.
    is_whole = parts.netloc.count("@") <= 1 and "@" not in parts.path and not parts.fragment
    if parts.scheme not in ("postgresql", "postgres") or not is_whole or not all(map(_is_port, ports)):
        raise OperatorError(_NO_DATABASE_URL)


def _ports(parts: SplitResult) -> list[str]:
    """What stands in the place of a port. ValueError: the query is malformed, or a host is missing among several."""
    query = dict(parse_qsl(parts.query, strict_parsing=True)) if parts.query else {}
    hosts = parts.netloc.rpartition("@")[2].split(",")
    if len(hosts) > 1 and not all(hosts):
        raise ValueError("a host is missing")
    given = [host.rpartition("]")[2].partition(":")[2] for host in hosts]
    return [port for port in (*given, *query.get("port", "").split(",")) if port]


def _is_port(text: str) -> bool:
    return text.isdecimal() and 0 < int(text) <= 65535
