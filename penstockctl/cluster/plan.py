"""The processes of a local cluster: their commands, environments, gates and order. Pure: it starts nothing,
reads nothing, and knows the environment only as an argument."""

import signal
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from penstockctl.cluster.options import ClusterOptions
from penstockctl.cluster.process_spec import ProcessSpec, ReadyLine
from penstockctl.cluster.redis_urls import RedisUrls
from penstockctl.cluster.secrets import ClusterSecrets
from penstockctl.gates import GrpcServing, HttpOk
from penstockctl.spawn import Command
from svckit.settings import RimSettings


@dataclass(frozen=True, slots=True)
class Service:
    """A gRPC service: `noun` names its database (None: it has none), `port_offset` counts from the port base,
    `peers` are the services that it calls."""

    name: str
    variable: str
    port_offset: int
    noun: str | None
    peers: tuple[str, ...] = ()


SERVICES = (
    Service("authsvc", "AUTH", 0, "auth", peers=("configsvc",)),
    Service("ratelimitsvc", "RATELIMIT", 1, None, peers=("configsvc",)),
    Service("configsvc", "CONFIG", 2, "config", peers=("authsvc", "telemetrysvc")),
    Service("telemetrysvc", "TELEMETRY", 3, "telemetry"),
)
# What a worker needs besides: the last counts, the lease given up, files and channels closed.
_LAST_STEPS_SECONDS = 10.0
NOUNS = tuple(service.noun for service in SERVICES if service.noun)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the plan stands on, all of it there already.

    `stores` names the embedded servers' processes. `edge_fds` are listening sockets, one per worker slot,
    on `edge_port`; `upstream_fd` is the demo upstream's, None without it. `inherited` is the environment of the
    command itself. `redirect_fds` are like `edge_fds`, on the port that leads to https; none without it.
    """

    options: ClusterOptions
    python: str
    data_dir: Path
    run_dir: Path
    secrets: ClusterSecrets
    redis: RedisUrls = field(repr=False)
    stores: tuple[str, ...]
    edge_port: int
    edge_fds: tuple[int, ...]
    upstream_fd: int | None
    upstream_port: int | None
    inherited: Mapping[str, str] = field(repr=False)
    redirect_port: int | None = None
    redirect_fds: tuple[int, ...] = ()


# Set by the plan, or the other spellings of what it sets: not to be taken over from the operator's shell.
_OTHER_NAMES = ("HOST", "PORT", "REDIS_HOST", "REDIS_PORT", "REDIS_DB", "REDIS_PASSWORD")
_NAMES = (
    *("LISTEN", "LISTEN_FD", "READY_FD", "METRICS_LISTEN", "OWN_PORTS", "WORKER_SLOT", "ADMIN_LISTEN"),
    *("TLS_CERTIFICATES", "TLS_KEYS", "REDIRECT_LISTEN", "REDIRECT_LISTEN_FD", "REDIRECT_PORT"),
    *("IDENTITY_KEY", "TRUSTED_KEYS", "KEK", "CLUSTER_KEY", "DATABASE_URL", "REDIS_URL"),
    *("DATA_DIR", "RUN_DIR", "AUTH_ADDRESS", "RATELIMIT_ADDRESS", "CONFIG_ADDRESS", "TELEMETRY_ADDRESS"),
)
_OWN_VARIABLES = frozenset(
    name + suffix
    for name in (*_OTHER_NAMES, *(f"PENSTOCK_{each}" for each in (*_OTHER_NAMES, *_NAMES)))
    for suffix in ("", "_FILE")
)


def plan_processes(around: Surroundings) -> list[ProcessSpec]:
    """All processes but the stores, each after those it needs."""
    services = [_service(service, around) for service in SERVICES]
    names = tuple(spec.name for spec in services)
    workers = [_edge_worker(slot, name, around, names) for slot, name in enumerate(worker_names(around.options))]
    return [*services, *_upstream(around), *workers, _admin(around, names)]


def worker_names(options: ClusterOptions) -> list[str]:
    """The edge workers, by slot."""
    return [f"edge-{slot}" for slot in range(options.workers)]


def process_names(options: ClusterOptions) -> list[str]:
    """Names that appear in the log, known before anything is."""
    services = [service.name for service in SERVICES]
    return ["postgres", "valkey", *services, *worker_names(options), "upstream", "admin"]


def data_dirs(specs: Iterable[ProcessSpec]) -> set[Path]:
    """The folders that the processes keep their data in; to be there before they start."""
    environments = [spec.command.environment or {} for spec in specs]
    return {Path(each["PENSTOCK_DATA_DIR"]) for each in environments if "PENSTOCK_DATA_DIR" in each}


def service_environment(service: Service, around: Surroundings) -> dict[str, str]:
    """The environment of one of the four services."""
    listen = [f"unix:{_socket(service, around)}"]
    if around.options.grpc_port_base:
        listen.insert(0, f"{bracketed(around.options.host)}:{around.options.grpc_port_base + service.port_offset}")
    environment = {
        **_common(around, service.name, service.peers),
        "PENSTOCK_LISTEN": ",".join(listen),
        "PENSTOCK_TRUSTED_KEYS_FILE": str(around.secrets.trusted_keys_file),
        "PENSTOCK_METRICS_LISTEN": f"unix:{around.run_dir / f'{service.name}.metrics.sock'}",
    }
    if service.noun:
        environment["PENSTOCK_DATABASE_URL_FILE"] = str(around.secrets.database_url_file(service.noun))
    match service.name:
        case "authsvc":
            environment["PENSTOCK_KEK_FILE"] = str(around.secrets.kek_file)
        case "ratelimitsvc":
            environment["PENSTOCK_REDIS_URL"] = around.redis.limits
    return environment


def own_ports(around: Surroundings) -> list[int]:
    """The cluster's own TCP ports, which no tenant may name as a target."""
    base = around.options.grpc_port_base
    grpc_ports = [base + service.port_offset for service in SERVICES] if base else []
    redirect_ports = [] if around.redirect_port is None else [around.redirect_port]
    return [around.edge_port, *redirect_ports, around.options.admin_port, *grpc_ports]


def _service(service: Service, around: Surroundings) -> ProcessSpec:
    return ProcessSpec(
        name=service.name,
        command=_python_module(service.name, service_environment(service, around), around),
        gate=GrpcServing(f"unix:{_socket(service, around)}"),
        after=around.stores,
    )


def _edge_worker(slot: int, name: str, around: Surroundings, services: tuple[str, ...]) -> ProcessSpec:
    fds = (around.edge_fds[slot], *around.redirect_fds[slot : slot + 1])
    environment = {
        **_common(around, "edge", services),
        **_tls(around, slot),
        "PENSTOCK_LISTEN_FD": str(around.edge_fds[slot]),
        "PENSTOCK_WORKER_SLOT": str(slot),
        "PENSTOCK_OWN_PORTS": ",".join(map(str, own_ports(around))),
        # On one machine every target is private; our own ports stay closed to all.
        "PENSTOCK_TARGETS_PRIVATE_ALLOWED": "true",
        "PENSTOCK_DATA_DIR": str(around.data_dir / "edge"),
        "PENSTOCK_RUN_DIR": str(around.run_dir),
        "PENSTOCK_REDIS_URL": around.redis.shared,
        "PENSTOCK_CLUSTER_KEY_FILE": str(around.secrets.cluster_key_file),
    }
    return ProcessSpec(
        name=name,
        command=_python_module("edge", environment, around, fds),
        gate=ReadyLine("PENSTOCK_READY_FD"),
        after=services,
        drain_seconds=_worker_drain_seconds(around.inherited),
    )


def _tls(around: Surroundings, slot: int) -> dict[str, str]:
    """What a worker is told of TLS; nothing where the edge serves over plain HTTP."""
    if not around.options.tls_certificates:
        return {}
    told = {
        "PENSTOCK_TLS_CERTIFICATES": around.options.tls_certificates,
        "PENSTOCK_TLS_KEYS": around.options.tls_keys,
        "PENSTOCK_REDIRECT_PORT": str(around.edge_port),
    }
    if around.redirect_fds:
        told["PENSTOCK_REDIRECT_LISTEN_FD"] = str(around.redirect_fds[slot])
    return told


def _worker_drain_seconds(inherited: Mapping[str, str]) -> float:
    """A worker drains, then ships its telemetry for as long at most. A setting that is no number is its own to tell."""
    try:
        seconds = float(inherited.get("PENSTOCK_DRAIN_SECONDS", RimSettings.model_fields["drain_seconds"].default))
    except ValueError:
        seconds = 0.0
    return 2 * seconds + _LAST_STEPS_SECONDS


def _admin(around: Surroundings, services: tuple[str, ...]) -> ProcessSpec:
    options = around.options
    environment = {
        **_common(around, "admin", ("authsvc", "configsvc", "telemetrysvc")),
        "PENSTOCK_ADMIN_LISTEN": f"{bracketed(options.host)}:{options.admin_port}",
        "PENSTOCK_RUN_DIR": str(around.run_dir),
    }
    return ProcessSpec(
        name="admin",
        command=_python_module("edge.admin", environment, around),
        gate=HttpOk(f"http://{url_host(options.host)}:{options.admin_port}/livez"),
        after=services,
    )


def _upstream(around: Surroundings) -> list[ProcessSpec]:
    if around.upstream_fd is None:
        return []
    environment = {name: value for name, value in around.inherited.items() if name not in _OWN_VARIABLES}
    arguments = ("--fd", str(around.upstream_fd))
    return [
        ProcessSpec(
            name="upstream",
            command=_python_module("examples.upstream", environment, around, (around.upstream_fd,), arguments),
            gate=HttpOk(f"http://127.0.0.1:{around.upstream_port}/health"),
        )
    ]


def _python_module(
    module: str,
    environment: dict[str, str],
    around: Surroundings,
    fds: tuple[int, ...] = (),
    arguments: tuple[str, ...] = (),
) -> Command:
    return Command(
        argv=(around.python, "-m", module, *arguments),
        environment=environment,
        stop_signal=signal.SIGTERM,
        death_signal=signal.SIGKILL,
        inherited_fds=fds,
    )


def _common(around: Surroundings, identity: str, peers: tuple[str, ...]) -> dict[str, str]:
    """What every process of ours is told, and where it finds those that it calls. No secret but its own key."""
    inherited = {name: value for name, value in around.inherited.items() if name not in _OWN_VARIABLES}
    addresses = {
        f"PENSTOCK_{service.variable}_ADDRESS": f"unix:{_socket(service, around)}"
        for service in SERVICES
        if service.name in peers
    }
    return {
        **inherited,
        **addresses,
        "PYTHONUNBUFFERED": "1",
        "PENSTOCK_IDENTITY_KEY_FILE": str(around.secrets.identity_file(identity)),
    }


def _socket(service: Service, around: Surroundings) -> Path:
    return around.run_dir / f"{service.name}.sock"


def url_host(host: str) -> str:
    """`host` as it stands in a URL by which this machine reaches itself."""
    if host in ("0.0.0.0", ""):  # noqa: S104 - a wildcard to listen on is no address to call
        return "127.0.0.1"
    if host == "::":
        return "[::1]"
    return bracketed(host)


def bracketed(host: str) -> str:
    """`host` as it stands before a port (RFC 3986 §3.2.2)."""
    return f"[{host}]" if ":" in host else host
