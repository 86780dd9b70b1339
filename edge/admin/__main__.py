"""`python -m edge.admin`: the management process. Exit codes: 0 after a signal, 1 on failure, 2 on wrong settings."""

import time
from contextlib import AsyncExitStack
from importlib.metadata import version
from typing import Final

from edge.admin.app import build_app
from edge.admin.server import ListenError, listening, serve
from edge.admin.services import Addresses, open_services
from edge.admin.settings import AdminSettings
from edge.metrics import render
from edge.tally_files import load_tallies
from svckit.identity import ProcessIdentity
from svckit.log_output import LogOutput
from svckit.rim import run_process

NAME: Final = "admin"


async def work(settings: AdminSettings, _output: LogOutput) -> None:
    """Serves until a signal comes."""
    identity = ProcessIdentity.load_own(NAME, settings.identity_key_file)
    async with AsyncExitStack() as stack:
        listeners = stack.enter_context(listening(settings.admin_listen))
        addresses = Addresses(settings.auth_address, settings.config_address, settings.telemetry_address)
        services = await open_services(stack, addresses, identity)
        app = build_app(
            services,
            edge_metrics=lambda: render(load_tallies(settings.run_dir, time.time())),
            metrics_public=settings.metrics_public,
            forward_auth_networks=settings.forward_auth_networks,
            version=version("penstock"),
        )
        await serve(app, listeners, settings.drain_seconds)


if __name__ == "__main__":
    run_process(NAME, AdminSettings, work, spoken=(ListenError,))
