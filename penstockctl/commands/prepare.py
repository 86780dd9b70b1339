"""`penstock prepare`: what a cluster needs before its processes start, for clusters that are not `penstock up`."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from penstockctl.cluster.data_dir import claim_data_dir
from penstockctl.cluster.databases import database_name
from penstockctl.cluster.plan import NOUNS
from penstockctl.cluster.prepare import Prepared, prepare_cluster
from penstockctl.commands.options import read_data_dir, refuse_empty


def register(app: typer.Typer) -> None:
    @app.command("prepare")
    def prepare(
        database_url: Annotated[
            str,
            typer.Option(
                envvar="PENSTOCK_ADMIN_DATABASE_URL",
                callback=refuse_empty,
                help="PostgreSQL, as an administrator of it.",
            ),
        ],
        data_dir: Annotated[
            Path, typer.Option(parser=read_data_dir, metavar="DIR", help="Where the keys and URLs are kept.")
        ] = Path(".data"),
        redis_url: Annotated[
            str | None,
            typer.Option(
                envvar="PENSTOCK_REDIS_URL", callback=refuse_empty, help="Redis or Valkey: its URLs are kept too."
            ),
        ] = None,
    ) -> None:
        """Make keys, databases, roles and the files with the stores' URLs; what is there stays as it is."""
        with claim_data_dir(data_dir) as claimed:
            _print(asyncio.run(prepare_cluster(claimed, database_url, redis_url)))


def _print(prepared: Prepared) -> None:
    """Names of files and databases, never what they hold."""
    typer.echo(f"In {prepared.secrets.folder}, for the owner alone:")
    for path in prepared.made:
        typer.echo(f"  made  {path.name}")
    for path in prepared.kept:
        typer.echo(f"  kept  {path.name}")
    typer.echo("Databases, each with a role of its name: " + ", ".join(map(database_name, NOUNS)))
