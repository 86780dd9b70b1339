"""The life of a service: NOT_SERVING → start → SERVING → SIGTERM → NOT_SERVING → drain → stop → close.

The process answers health from its first moment and waits for its stores as long as it takes. A failed
background task or start ends it with code 1; SIGTERM and SIGINT end it with code 0: open calls have
`drain_seconds` after the signal, then what was opened is closed (a pool of connections takes 5 s at most).
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeAlias, TypeVar

import grpc
import structlog
from prometheus_client import CollectorRegistry

from svckit import health
from svckit.drain import Drain
from svckit.identity import ProcessIdentity, TrustedKeys
from svckit.interceptors.chain import chain
from svckit.interceptors.identity import MethodTable
from svckit.message_bounds import MessageBounds, bounds_of
from svckit.metrics import RpcMetrics, metrics_page, new_registry
from svckit.rim import run_process, stop_signals
from svckit.settings import ProcessSettings
from svckit.switchboard import Mount, Switchboard

S = TypeVar("S", bound=ProcessSettings)
# What a process does in place of serving.
Command: TypeAlias = Callable[[S], Coroutine[Any, Any, None]]

SERVER_OPTIONS: Final[tuple[tuple[str, int], ...]] = (
    ("grpc.so_reuseport", 0),  # a taken port is an error, not a silent second server
    # Our clients ping every 2 s (svckit/channels.py); the default would answer ENHANCE_YOUR_CALM.
    ("grpc.http2.min_ping_interval_without_data_ms", 1_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # A client that is stopped or gone without a FIN is noticed and its streams are cancelled.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.http2.ping_timeout_ms", 5_000),
    ("grpc.http2.max_pings_without_data", 0),
)
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Runtime(Generic[S]):
    """What a service's composition root builds on."""

    name: str
    settings: S
    identity: ProcessIdentity
    trusted: TrustedKeys
    registry: CollectorRegistry
    # What counts rpcs on the registry, for servers that a service has besides.
    metrics: RpcMetrics
    # Open streams and long waits end when it starts.
    drain: Drain
    # Background loops; cancelled after the server has stopped and before resources close.
    tasks: asyncio.TaskGroup


@dataclass(frozen=True, slots=True)
class ServiceSpec(Generic[S]):
    """A service, ready to be run.

    `methods` names every rpc and who may call it. `start` is the composition root: it opens resources on the
    stack (waiting for stores as long as needed), starts loops on `runtime.tasks` and returns what to mount;
    when it returns, the service is SERVING. `away` are exceptions that mean "store out of reach".
    Messages are bounded by the service's name (svckit/message_bounds.py).
    """

    name: str
    methods: MethodTable
    start: Callable[[AsyncExitStack, Runtime[S]], Awaitable[Sequence[Mount]]]
    away: tuple[type[Exception], ...] = ()


def main(spec: ServiceSpec[S], settings_class: type[S]) -> None:
    """The entry point of a service process. Exits 2 when settings or key files are at fault, 1 on failure."""
    run_process(spec.name, settings_class, lambda settings, _output: run_service(spec, settings))


def serve_or_migrate(
    arguments: Sequence[str],
    spec: ServiceSpec[S],
    settings_class: type[S],
    migrate: Command[S],
    **others: Command[S],
) -> None:
    """The entry point of a service with a database: serves without arguments; told `migrate`, or the name of one of
    the `others`, does that instead and ends.

    Exits as `main` does, and 2 on any other arguments.
    """
    commands = {"migrate": migrate, **others}
    match arguments:
        case []:
            main(spec, settings_class)
        case [name] if command := commands.get(name):
            run_process(spec.name, settings_class, lambda settings, _output: command(settings))
        case _:
            print(f"usage: python -m {spec.name} [{' | '.join(commands)}]", file=sys.stderr)
            sys.exit(2)


async def run_service(spec: ServiceSpec[S], settings: S) -> None:
    """Runs the service until SIGTERM or SIGINT; raises what made it fail."""
    identity = ProcessIdentity.load_own(spec.name, settings.identity_key_file)
    trusted = TrustedKeys.load(settings.trusted_keys_file)
    registry, drain = new_registry(), Drain()
    metrics = RpcMetrics(registry)
    services = service_names(spec.methods)
    status = health.Health(services, drain)
    table = {**spec.methods, **health.METHODS}
    interceptors = chain(
        name=spec.name,
        table=table,
        trusted=trusted,
        metrics=metrics,
        away=spec.away,
        max_calls=settings.max_calls,
    )
    switchboard = Switchboard(table, interceptors)
    switchboard.mount(health.health_mounts(status, services, drain))

    def stop() -> None:
        status.set_serving(False)
        drain.start()

    async with AsyncExitStack() as stack:
        stack.enter_context(stop_signals(stop))
        if settings.metrics_listen:
            await stack.enter_async_context(metrics_page(settings.metrics_listen, registry))
        server, addresses = await stack.enter_async_context(
            listening(switchboard, settings.listen, bounds_of(spec.name))
        )
        log.info("listening", addresses=addresses)
        try:
            async with asyncio.TaskGroup() as tasks:
                runtime = Runtime(spec.name, settings, identity, trusted, registry, metrics, drain, tasks)
                mounts = await drain.unless_started(spec.start(stack, runtime))
                if mounts is not None:
                    switchboard.mount(mounts)
                    status.set_serving(True)
                    log.info("serving")
                await drain.wait()
                log.info("draining")
                await server.stop(settings.drain_seconds)
                raise _Finished
        except* _Finished:
            log.info("stopped")


@asynccontextmanager
async def listening(
    switchboard: Switchboard, addresses: Iterable[str], bounds: MessageBounds
) -> AsyncIterator[tuple[grpc.aio.Server, tuple[str, ...]]]:
    """A started server on `addresses` (`host:port`, port 0 for any, or `unix:/path`), stopped on exit.

    Yields it with the addresses that it is bound to. RuntimeError when one cannot be bound.
    """
    server = grpc.aio.server(
        handlers=(switchboard,),
        options=(
            *SERVER_OPTIONS,
            ("grpc.max_receive_message_length", bounds.request),
            ("grpc.max_send_message_length", bounds.answer),
        ),
    )
    bound = tuple(_bound(address, server.add_insecure_port(address)) for address in addresses)
    await server.start()
    try:
        yield server, bound
    finally:
        await server.stop(None)


def service_names(table: MethodTable) -> tuple[str, ...]:
    """The full names of the services that have a method in the table."""
    return tuple(sorted({method.split("/")[1] for method in table}))


def _bound(address: str, port: int) -> str:
    return address if address.startswith("unix:") else f"{address.rpartition(':')[0]}:{port}"


class _Finished(Exception):
    """Ends the task group of a service whose server has stopped: cancels its background loops."""
