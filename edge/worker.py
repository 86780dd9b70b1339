"""The composition root of an edge worker: builds its parts, serves until SIGTERM, drains, flushes and returns.

The order of the end: not ready → answers say `Connection: close`, WebSockets are closed with 1012 → no new
connections → requests end, silent connections close → telemetry is shipped → loops stop → files and channels close.
"""

import asyncio
import os
import random
import signal
import socket
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from functools import partial
from importlib.metadata import version

import grpc
import structlog
from redis.asyncio import Redis

from domain.builtin_paths import PATHS
from edge.access_log import AccessLog
from edge.auth.authenticator import Authenticator
from edge.bridge import Bridge
from edge.builtin.app import builtin_app
from edge.client import ClientConnection, ClientLimits, HeadLimits, hosted_by
from edge.collector import quiet_collector
from edge.config.feed import ConfigFeed
from edge.config.seal import Seal
from edge.config.warm import WarmCopies
from edge.config.warm_disk import WarmDisk
from edge.config.warm_redis import WarmRedis
from edge.deadlines import Deadlines
from edge.environment import detail_access, document_defaults, listen_address, redirects, redis_url
from edge.forwarding import Forwarder
from edge.http.forwarded import ProxyHeaders, TrustedProxies
from edge.inbound import InboundRequest
from edge.instance import Instance
from edge.journey import Journey
from edge.limits.crowds import AddressCounters
from edge.limits.limiter import Limiter
from edge.listener.acceptor import Acceptor, OpeningLimits
from edge.listener.redirect import Redirector
from edge.listener.rotation import Certificates
from edge.listener.tls import ignore_unreadable_names
from edge.pace import LeastPace
from edge.readiness import Feeds
from edge.records import Records
from edge.sampling import Share
from edge.server import EdgeServer, edge_server, listening_socket
from edge.service_health import AskedServices
from edge.settings import EdgeSettings
from edge.snapshot import GatewaySnapshot, Rules
from edge.tally_files import TallyFile
from edge.target_records import TargetRecords
from edge.telemetry.recorder import Recorder
from edge.upstream.checks import Checker
from edge.upstream.fleet import Fleets
from edge.upstream.guard import AddressGuard
from edge.upstream.pool import UpstreamPool
from edge.upstream.probe import Probe
from edge.upstream.verdicts import SharedVerdicts
from edge.websocket.tunnels import Bounds, Tunnels
from svckit.channels import open_channel
from svckit.identity import ProcessIdentity
from svckit.rim import stop_signals

log = structlog.get_logger(__name__)

DRAIN_IDLE_SECONDS = 2.0
"""Half the time to drain at most: longer than most clients rest between two requests of theirs, short enough for
whoever waits for the end."""
SETTLE_SECONDS = 2.0
"""How long a worker waits for what it leans on, before it serves without."""
LOG_SECONDS = 0.1
TALLY_SECONDS = 1.0


class Worker:
    """What the connections of a worker share."""

    def __init__(
        self,
        slot: int,
        limits: ClientLimits,
        deadlines: Deadlines,
        proxies: TrustedProxies,
        tls_lines: tuple[bytes, ...],
    ) -> None:
        self.slot = slot
        self.tls_lines = tls_lines
        self.limits = limits
        self.proxies = proxies
        self.deadlines = deadlines
        self.draining = False
        self.now = time.time
        self.journey: Journey

    def answer(self, request: InboundRequest, client: ClientConnection) -> Awaitable[bool]:
        """Answers one request; tells whether the connection may carry another."""
        return self.journey.answer(request, client)


async def run_worker(
    settings: EdgeSettings,
    identity: ProcessIdentity,
    instance: Instance,
    seal: Seal,
    certificates: Certificates | None,
    write_lines: Callable[[bytes], object],
) -> None:
    """Runs one worker until SIGTERM or SIGINT. `write_lines` takes whole lines of the access log and never waits."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    listener = listening_socket(listen_address(settings), settings.listen_fd)
    redirecting = _redirect_socket(settings)
    async with AsyncExitStack() as stack:
        stack.enter_context(stop_signals(stop.set))

        async def channel(address: str, audience: str) -> grpc.aio.Channel:
            return await stack.enter_async_context(open_channel(address, identity, audience))

        feed = ConfigFeed(
            await channel(settings.config_address, "configsvc"),
            instance,
            settings.scope,
            os.environ,
            warm_copies(settings, seal, stack),
            defaults=document_defaults(settings),
        )
        authenticator = Authenticator(
            await channel(settings.auth_address, "authsvc"), instance, max_stale_seconds=settings.auth_max_stale
        )
        recorder = Recorder(
            settings.data_dir / "spool",
            settings.worker_slot,
            instance.gateway_id,
            await channel(settings.telemetry_address, "telemetrysvc"),
        )
        stack.callback(recorder.close)
        tally_file = TallyFile(settings.run_dir, recorder.place)
        tally = tally_file.resume()
        limiter = Limiter(
            await channel(settings.ratelimit_address, "ratelimitsvc"),
            unit=random.SystemRandom().random,
            fail_open=lambda reason: tally.event("rate_limit_fail_open", reason),
            addresses=AddressCounters(settings.address_counters),
        )
        deadlines = Deadlines()
        pool = UpstreamPool(guard_of(settings), deadlines, head_bytes=settings.upstream_header_bytes)
        stack.callback(pool.close)
        access_log = AccessLog("edge", write_lines, pretty=settings.log_pretty, environment=settings.environment)
        stack.callback(access_log.flush)

        proxies = TrustedProxies(settings.trusted_proxies, ProxyHeaders(settings.proxy_headers))
        worker = Worker(instance.slot, client_limits(settings), deadlines, proxies, tls_lines(settings))
        records = Records(
            tally,
            access_log if settings.access_log else None,
            recorder.note,
            Share(settings.access_log_sample),
        )
        tunnels = Tunnels(Bounds(settings.websocket_tunnels, settings.websocket_tunnels_of_tenant))
        feeds = Feeds(feed, authenticator, limiter, recorder, worker, tunnels)
        service_health = AskedServices(lambda: rules_of_default(feed.snapshot), Probe(pool))
        target_records = TargetRecords(tally, recorder.note_health)
        fleets = Fleets(pool, target_records, loop.time)
        checker = Checker(
            fleets,
            lambda: feed.snapshot,
            Probe(pool),
            SharedVerdicts(settings.run_dir),
            target_records.seen,
            random.SystemRandom().random,
            lambda: worker.draining,
        )
        worker.journey = Journey(
            feed,
            authenticator,
            limiter,
            Forwarder(
                pool,
                deadlines,
                loop,
                fleets=fleets,
                traces=Share(settings.trace_sample),
                max_body_bytes=settings.max_body_bytes,
            ),
            Bridge(builtin_app(version("penstock"), feeds.readiness, service_health, detail_access(settings)), PATHS),
            records.keep,
            lambda: worker.draining,
            records.begin if settings.log_level == "debug" else None,
            tunnels,
        )
        protocol, acceptors = hosted_by(worker), []
        accept = partial(
            Acceptor,
            balancers=settings.proxy_protocol_from,
            limits=opening_limits(settings),
            dropped=partial(tally.event, "gateway_connections_dropped"),
        )
        if certificates is not None:
            ignore_unreadable_names()
        if certificates is not None or settings.proxy_protocol_from:
            acceptors.append((accept(listener, tls=certificates), protocol))
        if redirecting is not None:
            redirector = Redirector(worker, settings.redirect_port, records.keep)
            acceptors.append((accept(redirecting, tls=None), hosted_by(redirector)))
        server = edge_server(protocol, settings.drain_seconds, acceptors)

        async def publish_counts() -> None:
            while True:
                await asyncio.sleep(TALLY_SECONDS)
                feeds.count(tally)
                target_records.count(fleets.out_of_use())
                tally.services = dict(service_health.last())
                if certificates is not None:
                    tally.gauges["gateway_certificate_expiry_seconds"] = certificates.not_after.timestamp()
                tally_file.write(tally)

        async def flush_log() -> None:
            while True:
                await asyncio.sleep(LOG_SECONDS)
                access_log.flush()

        async with asyncio.TaskGroup() as tasks:
            loops = [
                tasks.create_task(run())
                for run in (
                    feed.run,
                    authenticator.run,
                    limiter.run,
                    recorder.run,
                    deadlines.run,
                    pool.run,
                    checker.run,
                    publish_counts,
                    flush_log,
                    *([certificates.run] if certificates is not None else []),
                )
            ]

            def look_again() -> None:
                feed.try_again()
                if certificates is not None:
                    certificates.look_now()

            loop.add_signal_handler(signal.SIGHUP, look_again)
            # meanwhile connections wait in the listener's queue, or go to the worker that this one replaces
            await feed.begun.wait()
            await _settle(feeds, stop)
            if settings.ready_fd is not None:
                loops.append(tasks.create_task(_tell_ready(server, feeds, settings.ready_fd)))
            await _serve(server, listener, redirecting, worker, feed, stop)
            if not await recorder.flush(settings.drain_seconds):
                log.warning("telemetry stays in the spool for the next start", records=recorder.spooled)
            feeds.count(tally)
            tally.forget_levels()
            tally_file.write(tally)
            for each in loops:
                each.cancel()
        await authenticator.leave()


async def _settle(feeds: Feeds, stop: asyncio.Event) -> None:
    """Waits until the worker leans on its services or knows that they are away."""
    with suppress(TimeoutError):
        async with asyncio.timeout(SETTLE_SECONDS):
            while not (feeds.settled or stop.is_set()):  # noqa: ASYNC110 - the states of three parts are no event
                await asyncio.sleep(0.01)


async def _tell_ready(server: EdgeServer, feeds: Feeds, descriptor: int) -> None:
    """Writes a line to the supervisor once the worker accepts connections and can serve them."""
    while not (server.started and feeds.readiness().status == "ready"):  # noqa: ASYNC110 - nor are these
        await asyncio.sleep(0.02)
    with suppress(BrokenPipeError):
        os.write(descriptor, b"ready\n")
    os.close(descriptor)


async def _serve(
    server: EdgeServer,
    listener: socket.socket,
    redirecting: socket.socket | None,
    worker: Worker,
    feed: ConfigFeed,
    stop: asyncio.Event,
) -> None:
    """Serves until it is told to stop, then lets requests end."""
    redirect = {} if redirecting is None else {"redirect": redirecting.getsockname()}
    quiet_collector()
    async with asyncio.TaskGroup() as tasks:
        serving = tasks.create_task(server.serve(sockets=[listener]))
        log.info("serving", slot=worker.slot, address=listener.getsockname(), **redirect)
        await stop.wait()
        log.info("draining")
        worker.draining = True
        feed.leave()
        server.should_exit = True
        await serving


def rules_of_default(snapshot: GatewaySnapshot) -> Rules | None:
    """The rules of the tenant `default`, None before the first config."""
    return snapshot.default.rules if snapshot.default is not None else None


def warm_copies(settings: EdgeSettings, seal: Seal, stack: AsyncExitStack) -> WarmCopies:
    """The config's copies on disk and, where one is configured, in Redis."""
    redis = None
    if (url := redis_url(settings)) is not None:
        client = Redis.from_url(url)
        stack.push_async_callback(client.aclose)
        redis = WarmRedis(client, settings.scope, seal)
    return WarmCopies(WarmDisk(settings.data_dir, settings.scope, seal), redis)


def client_limits(settings: EdgeSettings) -> ClientLimits:
    """The bounds of clients' connections, by the settings."""
    return ClientLimits(
        HeadLimits(
            line_bytes=settings.request_line_bytes,
            fields_bytes=settings.header_bytes,
            field_count=settings.header_count,
            extension_bytes=settings.chunk_extension_bytes,
        ),
        pipelined=settings.pipelined_requests,
        pace=LeastPace(settings.upload_pace),
        head_seconds=settings.head_seconds,
        body_seconds=settings.body_seconds,
        idle_seconds=settings.idle_seconds,
        drain_idle_seconds=min(DRAIN_IDLE_SECONDS, settings.drain_seconds / 2),
    )


def opening_limits(settings: EdgeSettings) -> OpeningLimits:
    """The bounds of connections that are being opened, by the settings."""
    return OpeningLimits(settings.handshake_seconds, settings.handshakes, settings.body_seconds)


def tls_lines(settings: EdgeSettings) -> tuple[bytes, ...]:
    """The header lines of all answers over TLS."""
    return (b"Strict-Transport-Security: %b\r\n" % settings.hsts.encode("ascii"),) if settings.hsts else ()


def _redirect_socket(settings: EdgeSettings) -> socket.socket | None:
    if not redirects(settings):
        return None
    return listening_socket("".join(settings.redirect_listen), settings.redirect_listen_fd)


def guard_of(settings: EdgeSettings) -> AddressGuard:
    """Which addresses targets may have, by the settings."""
    return AddressGuard(settings.targets_private_allowed, frozenset(map(int, settings.own_ports)))
