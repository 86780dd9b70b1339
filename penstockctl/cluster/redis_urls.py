"""The two logical databases of one Redis server. Pure."""

from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit


@dataclass(frozen=True, slots=True)
class RedisUrls:
    """`limits` is the rate limiter's alone; `shared` holds warm copies of config and events."""

    limits: str
    shared: str


def split_databases(url: str) -> RedisUrls:
    """The database that `url` names (0 when it names none) for the limits, the next one for the rest.

    The number goes into the query, which works for `redis://`, `rediss://` and `unix://` alike.
    ValueError: `url` is of another scheme, or its database is no number.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("redis", "rediss", "unix"):
        raise ValueError("not a Redis URL")
    query = dict(parse_qsl(parts.query))
    is_socket = parts.scheme == "unix"
    in_path = "" if is_socket else parts.path.strip("/")
    first = int(query.pop("db", in_path or "0"))
    # Put together by hand: urlunsplit makes `unix:/path` of it, which redis-py does not take.
    address = f"{parts.scheme}://{parts.netloc}{parts.path if is_socket else ''}"

    def numbered(number: int) -> str:
        return f"{address}?{urlencode({**query, 'db': number})}"

    return RedisUrls(limits=numbered(first), shared=numbered(first + 1))
