"""What a worker says of itself: ready or not, the state of what it leans on, and levels for the metrics."""

from typing import Protocol

from edge.auth.authenticator import Authenticator
from edge.builtin.models import PartState, Readiness
from edge.config.feed import ConfigFeed, FeedState
from edge.limits.limiter import Limiter
from edge.tally import Tally
from edge.telemetry.recorder import Recorder
from edge.websocket.tunnels import Tunnels


class Draining(Protocol):
    """Whether the worker is about to end."""

    draining: bool


class Feeds:
    """Reads the states of a worker's parts. Does no I/O."""

    def __init__(
        self,
        config: ConfigFeed,
        authenticator: Authenticator,
        limiter: Limiter,
        recorder: Recorder,
        worker: Draining,
        tunnels: Tunnels,
    ) -> None:
        self._config = config
        self._authenticator = authenticator
        self._limiter = limiter
        self._recorder = recorder
        self._worker = worker
        self._tunnels = tunnels
        self._seen: dict[tuple[str, str], int] = {}

    @property
    def settled(self) -> bool:
        """Whether each part leans on its service, or knows that it is away: who serves earlier has an older config
        than it could have, and decides limits alone."""
        config, authenticator = self._config.state, self._authenticator
        return (
            config not in (FeedState.STARTING, FeedState.SYNCING)
            and (authenticator.connected or authenticator.away)
            and not self._limiter.connecting
        )

    def readiness(self) -> Readiness:
        """Ready is who holds a config and is not draining; an outage behind the edge is told, and changes nothing:
        else it would take every edge out of its balancer."""
        status = "draining" if self._worker.draining else "ready" if self._config.ready else "not_ready"
        return Readiness.model_validate(
            {
                "status": status,
                "revision": self._config.revision,
                "feeds": {
                    "config": self._config_state(),
                    "auth": _part(self._authenticator.lease_state, "held"),
                    "ratelimit": PartState(status="ok" if self._limiter.closed.is_set() else "degraded"),
                    "telemetry": self._telemetry_state(),
                    "redis": self._redis_state(),
                },
            }
        )

    def count(self, tally: Tally) -> None:
        """Puts the counts and levels that the parts keep themselves into the tally."""
        authenticator, recorder, limiter = self._authenticator, self._recorder, self._limiter
        self._raise(tally, "gateway_auth_cache_hits", authenticator.hits)
        self._raise(tally, "gateway_auth_cache_misses", authenticator.misses)
        self._raise(tally, "gateway_auth_stale", authenticator.stale)
        for source, number in limiter.decisions.items():
            self._raise(tally, "rate_limit_decisions", number, source.value)
        self._raise(tally, "rate_limit_batches", limiter.batches)
        for reason, number in limiter.opened.items():
            self._raise(tally, "rate_limit_breaker_opened", number, reason)
        for reason, number in recorder.dropped.items():
            self._raise(tally, "telemetry_dropped", number, reason)
        tunnels = self._tunnels
        for sender, passed in (("client", tunnels.received), ("upstream", tunnels.sent)):
            self._raise(tally, "websocket_messages", passed.messages, sender)
            self._raise(tally, "websocket_bytes", passed.octets, sender)
        for code, number in tunnels.closed.items():
            self._raise(tally, "websocket_closed", number, code)
        for bound, number in tunnels.refused.items():
            self._raise(tally, "websocket_refused", number, bound)
        tally.gauges["websocket_open"] = tunnels.open
        tally.gauges["gateway_auth_cached_principals"] = authenticator.cached_principals
        tally.gauges["telemetry_spooled_records"] = recorder.spooled
        tally.gauges["gateway_config_revision"] = self._config.revision

    def _raise(self, tally: Tally, name: str, count: int, label: str = "") -> None:
        """Adds what a part has counted since the last look: its own count begins at 0 with each start."""
        seen = self._seen.get((name, label), 0)
        if count > seen:
            tally.event(name, label, count - seen)
            self._seen[name, label] = count

    def _telemetry_state(self) -> PartState:
        away = self._recorder.collector_away
        return PartState(status="degraded" if away else "ok", detail=f"{self._recorder.spooled} records spooled")

    def _redis_state(self) -> PartState:
        """As ratelimitsvc sees its counters; unknown while it is away itself."""
        if self._limiter.closed.is_set():
            return PartState(status="ok")
        return PartState(status="degraded" if self._limiter.counters_away else "unknown")

    def _config_state(self) -> PartState:
        state = self._config.state
        return PartState(status="ok" if state is FeedState.CURRENT else "degraded", detail=state.value)


def _part(state: str, good: str) -> PartState:
    return PartState(status="ok" if state == good else "degraded", detail=state)
