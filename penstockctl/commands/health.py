"""`penstock health`: asks every gRPC service for its health and the edge for its readiness."""

import asyncio
import os
from collections.abc import Mapping
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from penstockctl.cluster.plan import SERVICES, url_host
from penstockctl.gates import Gate, GrpcServing, HttpOk, is_open


def register(app: typer.Typer) -> None:
    @app.command("health")
    def show_health(
        host: Annotated[str, typer.Option(help="Where the suite listens.")] = "127.0.0.1",
        edge_port: Annotated[int, typer.Option(help="The gateway's port.")] = 8000,
        grpc_port_base: Annotated[int, typer.Option(help="The first of the four gRPC ports.")] = 50051,
    ) -> None:
        """Ask everything whether it serves; exit code 1 when something does not.

        PENSTOCK_AUTH_ADDRESS and so on name a service's address when it is another.
        """
        gates = health_gates(host, edge_port, grpc_port_base, os.environ)
        answers = asyncio.run(_ask_all(gates))
        _print(gates, answers)
        if not all(answers):
            raise typer.Exit(1)


def health_gates(
    host: str, edge_port: int, grpc_port_base: int, environment: Mapping[str, str]
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
    gates["edge"] = HttpOk(f"http://{url_host(host)}:{edge_port}/readyz")
    return gates


async def _ask_all(gates: Mapping[str, Gate]) -> list[bool]:
    return await asyncio.gather(*(is_open(gate) for gate in gates.values()))


def _print(gates: Mapping[str, GrpcServing | HttpOk], answers: list[bool]) -> None:
    table = Table("process", "address", "state", box=None)
    for (name, gate), serves in zip(gates.items(), answers, strict=True):
        address = gate.target if isinstance(gate, GrpcServing) else gate.url
        table.add_row(name, address, "[green]serving[/]" if serves else "[red]not serving[/]")
    Console().print(table)
