"""`penstock migrate`: brings every service's database to the current form, without starting the services."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from penstockctl.cluster.data_dir import refuse_strangers
from penstockctl.cluster.options import ClusterOptions
from penstockctl.cluster.plan import SERVICES, Service, Surroundings, service_environment
from penstockctl.cluster.prepare import prepare_cluster
from penstockctl.cluster.secrets import ClusterSecrets, open_secrets
from penstockctl.cluster.store_urls import redis_urls
from penstockctl.commands.options import read_data_dir, refuse_empty
from penstockctl.faults import OperatorError
from penstockctl.gates import PostgresAnswers, is_open
from penstockctl.private_files import make_private_folder, read_kept
from penstockctl.spawn import Command, collect


def register(app: typer.Typer) -> None:
    @app.command("migrate")
    def migrate(
        data_dir: Annotated[
            Path, typer.Option(parser=read_data_dir, metavar="DIR", help="The cluster's data directory.")
        ] = Path(".data"),
        database_url: Annotated[
            str | None, typer.Option(callback=refuse_empty, help="An own PostgreSQL, as an administrator of it.")
        ] = None,
    ) -> None:
        """Run each service's migrations. Embedded databases answer only while `penstock up` runs."""
        refuse_strangers(data_dir)
        if not data_dir.is_dir() and database_url is None:
            raise OperatorError(f"There is no cluster in {data_dir}: give its --data-dir, or a --database-url.")
        make_private_folder(data_dir)
        asyncio.run(migrate_all(data_dir.resolve(), database_url))


async def migrate_all(data_dir: Path, database_url: str | None) -> None:
    """OperatorError: no database is known or answers, or a service's migrations fail."""
    if database_url is not None:
        secrets = (await prepare_cluster(data_dir, database_url, None)).secrets
    else:
        secrets = open_secrets(data_dir / "secrets")
    for service in SERVICES:
        if service.noun:
            await _migrate(service, service.noun, _surroundings(data_dir, secrets))


async def _migrate(service: Service, noun: str, around: Surroundings) -> None:
    url_file = around.secrets.database_url_file(noun)
    url = read_kept(url_file)
    if url is None:
        raise OperatorError(f"No database of {service.name} is known in {around.data_dir}: give --database-url.")
    if not await is_open(PostgresAnswers(url)):
        raise OperatorError(f"The database of {service.name} does not answer: is `penstock up` running?")
    command = Command((around.python, "-m", service.name, "migrate"), service_environment(service, around))
    code, text = await collect(command)
    typer.echo(text.rstrip() or f"{service.name}: done")
    if code != 0:
        raise OperatorError(f"The migrations of {service.name} failed (exit code {code}), see above.")


def _surroundings(data_dir: Path, secrets: ClusterSecrets) -> Surroundings:
    """What a service is told that only migrates: nothing listens, and Redis is not asked."""
    return Surroundings(
        options=ClusterOptions(data_dir=data_dir),
        python=sys.executable,
        data_dir=data_dir,
        run_dir=data_dir / "run",
        secrets=secrets,
        redis=redis_urls(os.environ.get("PENSTOCK_REDIS_URL", "redis://127.0.0.1:6379")),
        stores=(),
        edge_port=0,
        edge_fds=(),
        upstream_fd=None,
        upstream_port=None,
        inherited=os.environ,
    )
