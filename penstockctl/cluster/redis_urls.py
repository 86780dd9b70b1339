"""The two logical databases of one Redis server. Pure."""

from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit

from redis.asyncio import ConnectionPool


@dataclass(frozen=True, slots=True)
class RedisUrls:
    """`limits` is the rate limiter's alone; `shared` holds warm copies of config and events."""

    limits: str
    shared: str


def split_databases(url: str) -> RedisUrls:
    """The database that `url` names (0 when it names none) for the limits, the next one for the rest.

    The number goes into the query, which works for `redis://`, `rediss://` and `unix://` alike.
    ValueError: `url` is of another scheme, or has a port, a database or an option that cannot be.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("redis", "rediss", "unix") or parts.fragment:
        raise ValueError("not a Redis URL")
    query = dict(parse_qsl(parts.query))
    is_socket = parts.scheme == "unix"
    in_path = "" if is_socket else parts.path.strip("/")
    first = int(query.pop("db", in_path or "0"))
    if first < 0 or (is_socket and not parts.path):
        raise ValueError("not a Redis database")
    # Put together by hand: urlunsplit makes `unix:/path` of it, which redis-py does not take.
    address = f"{parts.scheme}://{parts.netloc}{parts.path if is_socket else ''}"

    def numbered(number: int) -> str:
        return f"{address}?{urlencode({**query, 'db': number})}"

    _refuse_unusable(numbered(first))
    return RedisUrls(limits=numbered(first), shared=numbered(first + 1))


def _refuse_unusable(url: str) -> None:
    """Raises ValueError when redis-py cannot make a connection of `url`; it connects to nothing here."""
    try:
        ConnectionPool.from_url(url).make_connection()  # type: ignore[no-untyped-call]
    except TypeError:  # an option that this kind of connection does not have
        raise ValueError("an unknown option") from None
