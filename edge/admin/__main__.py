"""`python -m edge.admin`: the management process. Exit codes: 0 after a signal, 1 on failure, 2 on wrong settings."""

import asyncio
import sys
from contextlib import AsyncExitStack
from importlib.metadata import version

import structlog
import uvloop

from edge.admin.app import build_app
from edge.admin.server import ListenError, listening, serve
from edge.admin.services import Addresses, open_services
from edge.admin.settings import AdminSettings
from edge.metrics import render
from edge.tally_files import load_tallies
from svckit import logs
from svckit.identity import IdentityError, ProcessIdentity
from svckit.settings import SettingsError, load_settings

NAME = "admin"
log = structlog.get_logger()


def main() -> int:
    """Runs the process; returns its exit code."""
    try:
        settings = load_settings(AdminSettings)
        identity = _identity(settings)
    except (SettingsError, IdentityError) as error:
        print(f"{NAME}: cannot start:\n{error}", file=sys.stderr)
        return 2
    with logs.logging_to_stdout(NAME, settings.log_level, settings.log_pretty):
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(_run(settings, identity))
        except ListenError as error:
            print(f"{NAME}: {error}", file=sys.stderr)
            return 1
        except Exception:
            log.exception("ended by a failure")
            return 1
    return 0


async def _run(settings: AdminSettings, identity: ProcessIdentity) -> None:
    async with AsyncExitStack() as stack:
        listeners = stack.enter_context(listening(settings.admin_listen))
        addresses = Addresses(settings.auth_address, settings.config_address, settings.telemetry_address)
        services = await open_services(stack, addresses, identity)
        app = build_app(
            services,
            edge_metrics=lambda: render(load_tallies(settings.run_dir)),
            metrics_public=settings.metrics_public,
            version=version("penstock"),
        )
        await serve(app, listeners, settings.drain_seconds)


def _identity(settings: AdminSettings) -> ProcessIdentity:
    identity = ProcessIdentity.load(settings.identity_key_file)
    if identity.name != NAME:
        raise IdentityError(f"{settings.identity_key_file} is the key of {identity.name}, not of {NAME}")
    return identity


if __name__ == "__main__":
    sys.exit(main())
