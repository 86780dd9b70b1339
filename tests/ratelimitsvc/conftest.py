"""The deciding script on real servers, on Redis's clock or on one that the test sets."""

import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

import pytest
import redis

from domain.limits import Algorithm, Decision, Limit, State, SubWindows, empty
from ratelimitsvc.batch import WindowStore
from ratelimitsvc.counters import REDIS_CLOCK, script
from ratelimitsvc.slots import tagged
from ratelimitsvc.topology import cluster_url
from tests.ratelimitsvc.servers import program, run_cluster, run_node
from tests.support.background import opened_in_background

# The clock of the script, replaced as a whole: the one in service has no way to be told the time.
TEST_CLOCK = "local now = tonumber(ARGV[2])\n"

SERVERS: Final = ("valkey", "valkey-cluster", "redis", "redis-cluster")
"""Values of the fixture `server_url`, to be given by `indirect`; without one it is Valkey alone."""

REQUIRED: Final = "PENSTOCK_TEST_REDIS"
"""Set to `required` where a missing redis-server must fail the tests instead of skipping them."""

Check = tuple[Sequence[Limit], int]


@dataclass(frozen=True, slots=True)
class Deciding:
    """Runs the script by an ordinary client; sliding windows are kept in `store`, large ones by sub-windows."""

    client: redis.Redis
    clock: str
    store: WindowStore
    exact_up_to: int = 1_000_000

    def empty(self, limit: Limit) -> State:
        """What the limit's counter is in the model, before anything is counted."""
        return SubWindows() if self._by_sub_windows(limit) else empty(limit.algorithm)

    def key(self, limit: Limit) -> bytes:
        """The key of the limit's counter."""
        window = b"a" if self._by_sub_windows(limit) else b"w" if self.store == "ring" else b"z"
        return name_on(self.client, (window if limit.algorithm is Algorithm.SLIDING_WINDOW else b"b") + limit.key)

    def _by_sub_windows(self, limit: Limit) -> bool:
        return limit.algorithm is Algorithm.SLIDING_WINDOW and limit.limit > self.exact_up_to

    def decide(self, checks: Sequence[Check], now: int = 0) -> tuple[int, list[Decision]]:
        """The time of the decision and the decisions on `checks`: limits and cost, a negative one being a refund."""
        keys = [self.key(limit) for limits, _ in checks for limit in limits]
        numbers: list[int] = []
        for limits, cost in checks:
            numbers += (cost, len(limits))
            for limit in limits:
                numbers += (-limit.limit if limit.shadow else limit.limit, limit.window_micros)
        arguments = (struct.pack(f"<{len(numbers)}d", *numbers), now)
        answer = self.client.register_script(script(self.clock))(keys, arguments)
        assert isinstance(answer, bytes)
        return int(struct.unpack_from("<d", answer)[0]), [
            Decision(
                allowed == 1,
                binding,
                remaining,
                int(reset),
                int(retry),
                tuple(n for n in range(8) if missed >> n & 1),
                error,
            )
            for allowed, binding, missed, remaining, error, reset, retry in struct.iter_unpack("<BBBIIdd", answer[8:])
        ]


def name_on(client: redis.Redis, counter: bytes) -> bytes:
    """The name of a counter on this server."""
    return tagged(counter) if isinstance(client, redis.RedisCluster) else counter


def counters(client: redis.Redis) -> list[bytes]:
    """The names of all counters, of a cluster on all of its nodes."""
    return list(client.scan_iter())


def installed(name: str) -> Path:
    """The server's program; skips the test where there is none, or fails it where it is required."""
    found = program(name)
    if found is None:
        missing = "redis-server is not installed"
        if os.environ.get(REQUIRED) == "required":
            pytest.fail(missing)
        pytest.skip(missing)
    return found


@pytest.fixture(scope="session")
def valkey_cluster(short_dir: Path) -> Iterator[str]:
    """The URL of three nodes of Valkey."""
    with opened_in_background(run_cluster(installed("valkey"), short_dir / "vkc")) as cluster:
        yield cluster.url


@pytest.fixture(scope="session")
def redis_node(short_dir: Path) -> Iterator[str]:
    """The URL of a Redis."""
    with opened_in_background(run_node(installed("redis"), short_dir / "rd")) as node:
        yield node.url


@pytest.fixture(scope="session")
def redis_cluster(short_dir: Path) -> Iterator[str]:
    """The URL of three nodes of Redis."""
    with opened_in_background(run_cluster(installed("redis"), short_dir / "rdc")) as cluster:
        yield cluster.url


_FIXTURES: Final = dict(zip(SERVERS, ("valkey", "valkey_cluster", "redis_node", "redis_cluster"), strict=True))


@pytest.fixture
def server_url(request: pytest.FixtureRequest) -> str:
    """The URL of a server or cluster without counters."""
    url = str(request.getfixturevalue(_FIXTURES[getattr(request, "param", "valkey")]))
    with connected(url) as client:
        client.flushall()
    return url


def connected(url: str) -> redis.Redis:
    """An ordinary client. That of a cluster answers to the same commands, and is of another type all the same."""
    cluster = cluster_url(url)
    if cluster is None:
        return redis.Redis.from_url(url)
    return cast(redis.Redis, redis.RedisCluster.from_url(cluster.of(cluster.nodes[0])))


@pytest.fixture
def client(server_url: str) -> Iterator[redis.Redis]:
    with connected(server_url) as found:
        yield found


@pytest.fixture(params=["ring", "zset"])
def store(request: pytest.FixtureRequest) -> WindowStore:
    """Where sliding windows are kept: what asks for it runs on each."""
    chosen: WindowStore = request.param
    return chosen


@pytest.fixture
def on_redis_clock(client: redis.Redis, store: WindowStore) -> Deciding:
    return Deciding(client, REDIS_CLOCK, store)


@pytest.fixture
def on_test_clock(client: redis.Redis, store: WindowStore) -> Deciding:
    return Deciding(client, TEST_CLOCK, store)
