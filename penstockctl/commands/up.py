"""`penstock up`: the whole suite on this machine."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from penstockctl.cluster.options import ClusterOptions
from penstockctl.cluster.run import run_cluster
from penstockctl.commands.options import read_data_dir, refuse_empty


def register(app: typer.Typer) -> None:
    @app.command("up")
    def start_cluster(
        data_dir: Annotated[
            Path, typer.Option(parser=read_data_dir, metavar="DIR", help="Where everything is kept.")
        ] = Path(".data"),
        host: Annotated[str, typer.Option(callback=refuse_empty, help="The address to listen on.")] = "127.0.0.1",
        edge_port: Annotated[int, typer.Option(help="The gateway's port.", min=0, max=65535)] = 8000,
        admin_port: Annotated[int, typer.Option(help="The management's port.", min=0, max=65535)] = 8001,
        grpc_port_base: Annotated[
            int, typer.Option(help="The first of four gRPC ports; 0: Unix sockets only.", min=0, max=65532)
        ] = 50051,
        workers: Annotated[int, typer.Option(help="Edge processes on one port.", min=1, max=256)] = 1,
        demo: Annotated[bool, typer.Option("--demo/--no-demo", help="The demo tenant and upstream.")] = True,
        redis_url: Annotated[
            str | None,
            typer.Option(
                envvar="PENSTOCK_REDIS_URL",
                callback=refuse_empty,
                help="An own Redis or Valkey instead of the embedded one.",
            ),
        ] = None,
        tls_certificates: Annotated[
            str,
            typer.Option(
                envvar="PENSTOCK_TLS_CERTIFICATES",
                metavar="FILE,FILE",
                help="Certificates of the gateway, each with its chain; it then serves over TLS.",
            ),
        ] = "",
        tls_keys: Annotated[
            str,
            typer.Option(envvar="PENSTOCK_TLS_KEYS", metavar="FILE,FILE", help="Their keys, in the same order."),
        ] = "",
        redirect_port: Annotated[
            int | None, typer.Option(help="A plain port that leads to the gateway's.", min=0, max=65535)
        ] = None,
        database_url: Annotated[
            str | None,
            typer.Option(
                envvar="PENSTOCK_ADMIN_DATABASE_URL",
                callback=refuse_empty,
                help="An own PostgreSQL, as an administrator of it.",
            ),
        ] = None,
    ) -> None:
        """Start the whole suite on this machine, until Ctrl-C."""
        options = ClusterOptions(
            data_dir=data_dir,
            host=host,
            edge_port=edge_port,
            admin_port=admin_port,
            grpc_port_base=grpc_port_base,
            workers=workers,
            demo=demo,
            redis_url=redis_url,
            database_url=database_url,
            tls_certificates=tls_certificates,
            tls_keys=tls_keys,
            redirect_port=redirect_port,
        )
        if not asyncio.run(run_cluster(options, Console())):
            raise typer.Exit(1)
