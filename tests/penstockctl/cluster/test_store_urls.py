"""URLs of the operator's own stores."""

import pytest

from penstockctl.cluster.store_urls import check_database_url, redis_urls
from penstockctl.faults import OperatorError


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://root:p%40w@db:5432/postgres?sslmode=require",
        "postgres://@/postgres?host=/run/postgresql&port=5433",
        "postgresql://u@one:5432,two:5433/x",
        "postgresql://u@[::1]:5432,[::2]/x",
        "postgresql:///postgres",
    ],
)
def test_a_database_url_that_can_be_used_passes(url: str) -> None:
    check_database_url(url)


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("mysql://u:hush@db/x", id="another scheme"),
        pytest.param("hush", id="no URL"),
        pytest.param("postgresql://u:hush@127.0.0.1:99999/x", id="port too high"),
        pytest.param("postgresql://u:hush@127.0.0.1:0/x", id="port 0"),
        pytest.param("postgresql://u:hush@one:1,two:hush/x", id="port of the second host"),
        pytest.param("postgresql://u:hush@one,,two/x", id="a host is missing"),
        pytest.param("postgresql://u:hush@/x?host=/run&port=hush", id="port in the query"),
        pytest.param("postgresql://[::1/x", id="open bracket"),
        pytest.param("postgresql://u:hush/more@db/x", id="slash in the password"),
        pytest.param("postgresql://u:12/hush@db/x", id="slash after digits in the password"),
        pytest.param("postgresql://u:12?hush@db/x", id="question mark in the password"),
        pytest.param("postgresql://u:12#hush@db/x", id="hash in the password"),
        pytest.param("postgresql://u:hush@more@db/x", id="at in the password"),
    ],
)
def test_any_other_is_one_sentence_without_a_piece_of_it(url: str) -> None:
    with pytest.raises(OperatorError, match=r"^--database-url is no URL of a PostgreSQL database: ") as refused:
        check_database_url(url)
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("http://:hush@cache", id="another scheme"),
        pytest.param("redis://:hush@cache:99999/0", id="port too high"),
        pytest.param("redis://:hush@[::1/0", id="open bracket"),
        pytest.param("redis://:hush/more@cache/0", id="slash in the password"),
        pytest.param("redis://:12/hush@cache/0", id="slash after digits in the password"),
        pytest.param("redis://:12#hush@cache/0", id="hash in the password"),
        pytest.param("redis://cache/hush", id="database is no number"),
        pytest.param("redis://cache/-1", id="database below zero"),
        pytest.param("redis://cache/0?socket_timeout=hush", id="option is no number"),
        pytest.param("redis://cache/0?hush=1", id="unknown option"),
        pytest.param("unix://", id="no socket"),
    ],
)
def test_a_redis_url_that_cannot_be_used_is_one_sentence(url: str) -> None:
    with pytest.raises(OperatorError, match=r"^--redis-url is no URL of a Redis database: ") as refused:
        redis_urls(url)
    assert "hush" not in str(refused.value)
