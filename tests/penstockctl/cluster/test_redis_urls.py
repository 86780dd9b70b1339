"""The two logical databases of one Redis."""

import pytest

from penstockctl.cluster.redis_urls import RedisUrls, split_databases


@pytest.mark.parametrize(
    ("url", "limits", "shared"),
    [
        ("unix:///run/valkey.sock", "unix:///run/valkey.sock?db=0", "unix:///run/valkey.sock?db=1"),
        ("redis://h:6379", "redis://h:6379?db=0", "redis://h:6379?db=1"),
        ("redis://:pw@h:6379/3", "redis://:pw@h:6379?db=3", "redis://:pw@h:6379?db=4"),
        ("rediss://h/0?ssl_ca_certs=x", "rediss://h?ssl_ca_certs=x&db=0", "rediss://h?ssl_ca_certs=x&db=1"),
        ("unix:///s?db=5", "unix:///s?db=5", "unix:///s?db=6"),
    ],
)
def test_the_named_database_is_for_limits_and_the_next_is_shared(url: str, limits: str, shared: str) -> None:
    assert split_databases(url) == RedisUrls(limits, shared)
