"""What a worker says of itself: real parts that do not run, their states set as their loops set them."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from math import inf
from pathlib import Path

import grpc
import pytest
from penstock.telemetry.v1.record_pb2 import RequestRecord

from domain.tenants import DEFAULT_TENANT
from edge.auth.authenticator import Authenticator
from edge.builtin.models import PartState
from edge.config.feed import ConfigFeed, FeedState
from edge.instance import Instance
from edge.limits.decision import Source
from edge.limits.limiter import Limiter
from edge.readiness import Feeds
from edge.routing import Router
from edge.snapshot import GatewaySnapshot, Rules, TenantStatus, TenantView
from edge.tally import EVENTS, GAUGES, Tally
from edge.telemetry.recorder import Recorder
from edge.websocket.tunnels import Passed, Tunnels

INSTANCE = Instance("gw-1", 0, "01900000-0000-4000-8000-000000000001")
VIEW = TenantView(DEFAULT_TENANT, "default0", "default", TenantStatus.ACTIVE, Rules(DEFAULT_TENANT, 1, Router(())))
APPLIED = GatewaySnapshot(7, {DEFAULT_TENANT: VIEW}, {}, {"default0": VIEW})


@dataclass
class Drain:
    """Whether the worker is about to end."""

    draining: bool = False


@dataclass
class Parts:
    """The parts of a worker, none of them running, and what it says of them."""

    config: ConfigFeed
    authenticator: Authenticator
    limiter: Limiter
    recorder: Recorder
    drain: Drain
    feeds: Feeds
    tunnels: Tunnels

    def state(self, feed: str) -> PartState:
        return self.feeds.readiness().feeds[feed]


@pytest.fixture
async def parts(tmp_path: Path) -> AsyncIterator[Parts]:
    async with grpc.aio.insecure_channel(f"unix:{tmp_path}/nobody") as channel:
        config = ConfigFeed(channel, INSTANCE, "default", {}, None)
        authenticator = Authenticator(channel, INSTANCE)
        limiter = Limiter(channel, unit=lambda: 0.0, fail_open=lambda _reason: None)
        recorder = Recorder(tmp_path / "spool", 0, "gw-1", channel)
        drain, tunnels = Drain(), Tunnels()
        yield Parts(
            config,
            authenticator,
            limiter,
            recorder,
            drain,
            Feeds(config, authenticator, limiter, recorder, drain, tunnels),
            tunnels,
        )
        recorder.close()


@pytest.mark.parametrize(
    ("snapshot", "draining", "status"),
    [
        pytest.param(GatewaySnapshot(), False, "not_ready", id="no config yet"),
        pytest.param(GatewaySnapshot(revision=7), False, "not_ready", id="a config of no tenant"),
        pytest.param(APPLIED, False, "ready", id="a config, and all behind it away"),
        pytest.param(APPLIED, True, "draining", id="about to end"),
        pytest.param(GatewaySnapshot(), True, "draining", id="about to end before it was ready"),
    ],
)
async def test_ready_is_who_holds_a_config_and_is_not_draining(
    parts: Parts, snapshot: GatewaySnapshot, draining: bool, status: str
) -> None:
    parts.config.snapshot, parts.drain.draining = snapshot, draining
    readiness = parts.feeds.readiness()
    assert (readiness.status, readiness.revision) == (status, snapshot.revision)
    assert readiness.feeds.keys() == {"config", "auth", "ratelimit", "telemetry", "redis"}


async def test_a_worker_is_settled_once_each_part_has_its_service_or_knows_that_it_is_away(parts: Parts) -> None:
    steps: list[Callable[[], object]] = [
        lambda: setattr(parts.config, "state", FeedState.SYNCING),
        lambda: parts.authenticator._watch._in_step.set(),
        lambda: setattr(parts.limiter, "_away", None),
        lambda: setattr(parts.config, "state", FeedState.CURRENT),
    ]
    assert not parts.feeds.settled
    told = []
    for step in steps:
        step()
        told.append(parts.feeds.settled)
    assert told == [False, False, False, True]
    parts.config.state, parts.authenticator._lookups.away, parts.limiter._away = FeedState.AWAY, True, "stream"
    assert parts.feeds.settled


@pytest.mark.parametrize("state", FeedState, ids=lambda state: state.value)
async def test_a_config_is_sound_while_the_watch_is_current(parts: Parts, state: FeedState) -> None:
    parts.config.state = state
    told = parts.state("config")
    assert (told.status, told.detail) == ("ok" if state is FeedState.CURRENT else "degraded", state.value)


@pytest.mark.parametrize(
    ("until", "reachable", "state"),
    [
        pytest.param(inf, True, PartState(status="ok", detail="held"), id="a lease"),
        pytest.param(-inf, True, PartState(status="degraded", detail="out"), id="every credential is looked up"),
        pytest.param(-inf, False, PartState(status="degraded", detail="away"), id="nobody to ask"),
    ],
)
async def test_authentication_is_sound_while_a_lease_is_held(
    parts: Parts, until: float, reachable: bool, state: PartState
) -> None:
    lease = parts.authenticator._lease
    lease.until, lease.reachable = until, reachable
    assert parts.state("auth") == state


async def test_limits_and_their_counters_are_sound_while_they_are_shared(parts: Parts) -> None:
    parts.limiter.closed.set()
    assert (parts.state("ratelimit").status, parts.state("redis").status) == ("ok", "ok")


async def test_of_the_counters_nothing_is_known_while_ratelimitsvc_is_away_itself(parts: Parts) -> None:
    assert (parts.state("ratelimit").status, parts.state("redis").status) == ("degraded", "unknown")


async def test_the_counters_are_away_when_ratelimitsvc_says_so(parts: Parts) -> None:
    parts.limiter._away = "counters"
    assert (parts.state("ratelimit").status, parts.state("redis").status) == ("degraded", "degraded")


async def test_telemetry_tells_how_many_records_wait(parts: Parts) -> None:
    assert parts.state("telemetry") == PartState(status="ok", detail="0 records spooled")
    for _ in range(2):
        parts.recorder.note(RequestRecord().SerializeToString())
    assert parts.state("telemetry") == PartState(status="ok", detail="2 records spooled")
    parts.recorder._exporter.away = True
    assert parts.state("telemetry").status == "degraded"


async def test_the_counts_of_the_parts_get_into_the_tally_under_its_names(parts: Parts) -> None:
    parts.config.snapshot = APPLIED
    parts.authenticator.hits, parts.authenticator.misses, parts.authenticator.stale = 3, 2, 1
    parts.limiter.decisions |= {Source.REDIS: 6, Source.LOCAL: 5}
    parts.limiter.batches, parts.limiter.opened = 4, {"silence": 2, "stream": 1}
    parts.recorder.note(RequestRecord().SerializeToString())
    parts.recorder.note(RequestRecord(path="x" * 40_000).SerializeToString())
    parts.tunnels.received, parts.tunnels.sent, parts.tunnels.open = Passed(8, 80), Passed(9, 90), 2
    parts.tunnels.closed["1000"], parts.tunnels.refused["tenant"] = 3, 4
    tally = Tally()

    parts.feeds.count(tally)

    assert tally.events == {
        ("gateway_auth_cache_hits", ""): 3,
        ("gateway_auth_cache_misses", ""): 2,
        ("gateway_auth_stale", ""): 1,
        ("rate_limit_decisions", "redis"): 6,
        ("rate_limit_decisions", "local"): 5,
        ("rate_limit_batches", ""): 4,
        ("rate_limit_breaker_opened", "silence"): 2,
        ("rate_limit_breaker_opened", "stream"): 1,
        ("telemetry_dropped", "oversize"): 1,
        ("websocket_messages", "client"): 8,
        ("websocket_messages", "upstream"): 9,
        ("websocket_bytes", "client"): 80,
        ("websocket_bytes", "upstream"): 90,
        ("websocket_closed", "1000"): 3,
        ("websocket_refused", "tenant"): 4,
    }
    assert tally.gauges == {
        "gateway_auth_cached_principals": 0,
        "telemetry_spooled_records": 1,
        "gateway_config_revision": 7,
        "websocket_open": 2,
    }
    assert {name for name, _ in tally.events} <= EVENTS.keys()
    # The worker itself tells of its certificates.
    assert tally.gauges.keys() == GAUGES.keys() - {"gateway_certificate_expiry_seconds"}


async def test_a_count_is_added_once_however_often_it_is_looked_at(parts: Parts) -> None:
    authenticator, limiter, tally = parts.authenticator, parts.limiter, Tally()
    for number in (3, 3, 5):
        authenticator.hits = authenticator.misses = authenticator.stale = limiter.batches = number
        limiter.decisions[Source.REDIS] = limiter.opened["silence"] = number
        parts.feeds.count(tally)
    assert (len(tally.events), set(tally.events.values())) == (6, {5})


async def test_a_worker_that_starts_anew_goes_on_from_the_tally_it_finds(parts: Parts) -> None:
    tally = Tally()
    tally.event("gateway_auth_cache_hits", "", 100)
    parts.authenticator.hits = 3
    parts.feeds.count(tally)
    assert tally.events["gateway_auth_cache_hits", ""] == 103
