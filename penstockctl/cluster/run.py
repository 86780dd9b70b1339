"""`penstock up`, from an empty directory to a running cluster: the one place where its parts are put together."""

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from penstockctl.cluster.admin_api import AdminApi
from penstockctl.cluster.admin_token import ensure_admin_token
from penstockctl.cluster.data_dir import claim_data_dir
from penstockctl.cluster.demo import ensure_demo, wait_until_served
from penstockctl.cluster.interrupt import Interrupt, interruptible
from penstockctl.cluster.options import ClusterOptions
from penstockctl.cluster.output import ClusterLog, missing_lines
from penstockctl.cluster.plan import (
    Surroundings,
    data_dirs,
    plan_processes,
    process_names,
    url_host,
    worker_names,
)
from penstockctl.cluster.ports import ClusterPorts, open_ports, recorded_port
from penstockctl.cluster.prepare import prepare_cluster
from penstockctl.cluster.process_spec import ProcessSpec
from penstockctl.cluster.store_urls import check_database_url, redis_urls
from penstockctl.cluster.stores import start_stores
from penstockctl.cluster.summary import Summary, demo_url, print_summary
from penstockctl.cluster.supervisor import Supervisor, supervised
from penstockctl.faults import OperatorError
from penstockctl.private_files import write_private_text
from penstockctl.run_dir import open_run_dir
from svckit.identity import ProcessIdentity
from svckit.log_output import standard_output

_ADMINISTRATORS = frozenset({"PENSTOCK_ADMIN_DATABASE_URL", "PENSTOCK_REDIS_URL", "PGPASSWORD", "PGPASSFILE"})


async def run_cluster(options: ClusterOptions, console: Console) -> bool:
    """Run until a signal asks to stop. True: all ended in order. OperatorError: the cluster cannot be started."""
    if options.database_url is not None:
        check_database_url(options.database_url)
    if options.redis_url is not None:
        redis_urls(options.redis_url)
    with standard_output(missing_lines) as output, interruptible() as interrupt:
        log = ClusterLog(process_names(options), output, colour=console.is_terminal)
        await _run(options, console, log, interrupt)
    return not interrupt.was_forced


def environment_of_processes(inherited: Mapping[str, str], *, pretty: bool) -> dict[str, str]:
    """What every process takes over from the command's own environment: no credential of an administrator."""
    # A person at a terminal reads lines, a program reads JSON; the operator's own choice stands.
    chosen = {"PENSTOCK_LOG_PRETTY": str(pretty).lower(), **inherited}
    if inherited.get("STRUCTLOG_PRETTY_PRINT") and "PENSTOCK_LOG_PRETTY" not in inherited:
        del chosen["PENSTOCK_LOG_PRETTY"]
    return {name: value for name, value in chosen.items() if name not in _ADMINISTRATORS}


async def _run(options: ClusterOptions, console: Console, log: ClusterLog, interrupt: Interrupt) -> None:
    with ExitStack() as stack:
        data_dir = stack.enter_context(claim_data_dir(options.data_dir))
        ports = stack.enter_context(open_ports(options, data_dir / "demo.port"))
        run_dir = stack.enter_context(open_run_dir(data_dir / "run"))
        settled = replace(options, admin_port=ports.admin)
        async with supervised(log) as supervisor:
            interrupt.at_once = supervisor.kill
            environment = environment_of_processes(os.environ, pretty=console.is_terminal)
            around = await _prepare(settled, data_dir, run_dir, ports, environment, supervisor)
            summary = await _start(around, ports, supervisor, log)
            with console.capture() as captured:
                print_summary(console, summary)
            log.write(captured.get())
            while True:  # until a signal cancels
                await interrupt.restart_wanted()
                await restart(worker_names(options), supervisor, log)


async def restart(workers: Sequence[str], supervisor: Supervisor, log: ClusterLog) -> None:
    """Replace the edge workers one by one. When one will not become ready, it and those after it stay as they are."""
    for name in workers:
        log.say(f"{name} is being replaced")
        try:
            await supervisor.replace(name)
        except OperatorError as error:
            log.say(f"the restart ends here: {error}")
            return
    log.say("all edge workers have been replaced")


async def _prepare(
    options: ClusterOptions,
    data_dir: Path,
    run_dir: Path,
    ports: ClusterPorts,
    environment: Mapping[str, str],
    supervisor: Supervisor,
) -> Surroundings:
    stores = await start_stores(options, data_dir, run_dir, environment, supervisor)
    prepared = await prepare_cluster(data_dir, stores.database_url, stores.redis_url)
    return Surroundings(
        options=options,
        python=sys.executable,
        data_dir=data_dir,
        run_dir=run_dir,
        secrets=prepared.secrets,
        redis=redis_urls(stores.redis_url),
        stores=stores.names,
        edge_port=ports.edge_port,
        edge_fds=tuple(listener.fileno() for listener in ports.edge),
        redirect_port=ports.redirect_port,
        redirect_fds=tuple(listener.fileno() for listener in ports.redirect),
        upstream_fd=ports.upstream.fileno() if ports.upstream else None,
        upstream_port=ports.upstream_port,
        inherited=environment,
    )


async def _start(around: Surroundings, ports: ClusterPorts, supervisor: Supervisor, log: ClusterLog) -> Summary:
    """The processes, the operator's token and the demo tenant: whoever sees the edge ready finds the files of both."""
    host = url_host(around.options.host)
    edge_url, admin_url = f"{around.options.edge_scheme}://{host}:{ports.edge_port}", f"http://{host}:{ports.admin}"
    token_file = around.data_dir / "admin.token"
    services, admin, workers = _in_order(plan_processes(around))
    await supervisor.start(services)
    identity = ProcessIdentity.load(around.secrets.identity_file("ctl"))
    token, _ = await ensure_admin_token(token_file, f"unix:{around.run_dir / 'authsvc.sock'}", identity)
    # A restart has the demo's key already, so that its edge need not wait for the management.
    demo_is_new = around.options.demo and not (around.data_dir / "demo.key").exists()
    await supervisor.start(admin if demo_is_new else [*admin, *workers])
    async with AdminApi(admin_url, token) as api:
        demo_key = await _set_up_demo(api, around.data_dir, ports.upstream_port, log)
    if demo_is_new:
        await supervisor.start(workers)
    if demo_key and not await _demo_is_served(edge_url, demo_key, log):
        demo_key = None
    return Summary(
        edge_url=edge_url,
        admin_url=admin_url,
        admin_token_file=token_file,
        run_dir=around.run_dir,
        data_dir=around.data_dir,
        grpc_ports=ports.grpc,
        demo_key=demo_key,
        redirect_url=None if ports.redirect_port is None else f"http://{host}:{ports.redirect_port}",
    )


def _in_order(specs: list[ProcessSpec]) -> tuple[list[ProcessSpec], list[ProcessSpec], list[ProcessSpec]]:
    """Services with the demo upstream, the management process, the edge workers. Their data folders are there then."""
    for folder in data_dirs(specs):
        folder.mkdir(mode=0o700, exist_ok=True)
    admin = [spec for spec in specs if spec.name == "admin"]
    workers = [spec for spec in specs if spec.name.startswith("edge-")]
    return [spec for spec in specs if spec not in (*admin, *workers)], admin, workers


async def _set_up_demo(api: AdminApi, data_dir: Path, upstream_port: int | None, log: ClusterLog) -> str | None:
    """The demo's API key. A demo that was changed or deleted does not keep the cluster down: None then."""
    if upstream_port is None:
        return None
    port_file = data_dir / "demo.port"
    moved = recorded_port(port_file) != upstream_port
    try:
        key = await ensure_demo(api, data_dir / "demo.key", f"http://127.0.0.1:{upstream_port}", upstream_moved=moved)
    except OperatorError as error:
        log.say(f"the demo is not ready: {error}")
        return None
    write_private_text(port_file, f"{upstream_port}\n")
    return key


async def _demo_is_served(edge_url: str, key: str, log: ClusterLog) -> bool:
    try:
        await wait_until_served(demo_url(edge_url), key)
    except OperatorError as error:
        log.say(f"the demo is not ready: {error}")
        return False
    return True
