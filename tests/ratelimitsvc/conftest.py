"""The deciding script on a real server, on Redis's clock or on one that the test sets."""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest
import redis

from domain.limits import Algorithm, Decision, Limit, State, SubWindows, empty
from ratelimitsvc.batch import WindowStore
from ratelimitsvc.counters import REDIS_CLOCK, script

# The clock of the script, replaced as a whole: the one in service has no way to be told the time.
TEST_CLOCK = "local now = tonumber(ARGV[2])\n"

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
        return (window if limit.algorithm is Algorithm.SLIDING_WINDOW else b"b") + limit.key

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


@pytest.fixture
def client(valkey: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(valkey) as connected:
        yield connected


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
