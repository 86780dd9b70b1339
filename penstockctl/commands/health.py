"""`penstock health`: asks every gRPC service for its health, the edge for its readiness, the management for a sign
of life."""

import asyncio
import os
from collections.abc import Mapping
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from penstockctl.cluster.plan import SERVICES, url_host
from penstockctl.commands.options import refuse_empty
from penstockctl.faults import OperatorError
from penstockctl.gates import Gate, GrpcServing, HttpOk, is_open


def register(app: typer.Typer) -> None:
    @app.command("health")
    def show_health(
        host: Annotated[str, typer.Option(callback=refuse_empty, help="Where the suite listens.")] = "127.0.0.1",
        edge_port: Annotated[int, typer.Option(help="The gateway's port.", min=1, max=65535)] = 8000,
        admin_port: Annotated[int, typer.Option(help="The management's port.", min=1, max=65535)] = 8001,
        grpc_port_base: Annotated[
            int, typer.Option(help="The first of the four gRPC ports.", min=1, max=65532)
        ] = 50051,
        tls: Annotated[bool, typer.Option("--tls", help="The gateway serves over TLS.")] = False,
        only: Annotated[
            list[str] | None, typer.Option(help="Ask this process alone; may be given several times.")
        ] = None,
    ) -> None:
        """Ask everything whether it serves; exit code 1 when something does not.

        PENSTOCK_AUTH_ADDRESS and so on name a service's address when it is another. With PENSTOCK_TLS_CERTIFICATES the
        gateway is known to serve over TLS.
        """
        tls = tls or bool(os.environ.get("PENSTOCK_TLS_CERTIFICATES"))
        gates = chosen(health_gates(host, edge_port, admin_port, grpc_port_base, os.environ, tls=tls), only or [])
        answers = asyncio.run(_ask_all(gates))
        _print(gates, answers)
        if not all(answers):
            raise typer.Exit(1)


def health_gates(
    host: str,
    edge_port: int,
    admin_port: int,
    grpc_port_base: int,
    environment: Mapping[str, str],
    *,
    tls: bool = False,
) -> dict[str, GrpcServing | HttpOk]:
    """What to ask, by process."""
    gates: dict[str, GrpcServing | HttpOk] = {
        service.name: GrpcServing(
            environment.get(
                f"PENSTOCK_{service.variable}_ADDRESS",
                f"{url_host(host)}:{grpc_port_base + service.port_offset}",
            )
        )
        for service in SERVICES
    }
    gates["edge"] = HttpOk(f"{'https' if tls else 'http'}://{url_host(host)}:{edge_port}/readyz")
    # Not /readyz: that says whether the services serve, who are asked themselves.
    gates["admin"] = HttpOk(f"http://{url_host(host)}:{admin_port}/livez")
    return gates


def chosen(gates: Mapping[str, GrpcServing | HttpOk], only: list[str]) -> dict[str, GrpcServing | HttpOk]:
    """The gates of the processes named, all when none is. OperatorError: there is no such process."""
    for name in only:
        if name not in gates:
            raise OperatorError(f"There is no process {name} to ask: --only takes {', '.join(gates)}.")
    return {name: gate for name, gate in gates.items() if name in only or not only}


async def _ask_all(gates: Mapping[str, Gate]) -> list[bool]:
    return await asyncio.gather(*(is_open(gate) for gate in gates.values()))


def _print(gates: Mapping[str, GrpcServing | HttpOk], answers: list[bool]) -> None:
    table = Table("process", "address", "state", box=None)
    for (name, gate), serves in zip(gates.items(), answers, strict=True):
        address = gate.target if isinstance(gate, GrpcServing) else gate.url
        table.add_row(name, address, "[green]serving[/]" if serves else "[red]not serving[/]")
    Console().print(table)
