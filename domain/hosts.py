"""Hosts of requests: one spelling for each."""

import re
from functools import lru_cache

_HOST = re.compile(rb"([A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?\.?|\[[0-9A-Fa-f:.]+\])(?::(\d{1,5}))?")


def _host_name(authority: bytes) -> str | None:
    match = _HOST.fullmatch(authority)
    if match is None or (match[2] is not None and not 0 < int(match[2]) < 65536):
        return None
    return match[1].decode("ascii").lower().removesuffix(".")


_remembered_host_name = lru_cache(maxsize=1024)(_host_name)


def host_name(authority: bytes) -> str | None:
    """The host of an authority: lower-case, without port and final dot; None when it is not valid."""
    return _remembered_host_name(authority) if len(authority) <= 255 else None
