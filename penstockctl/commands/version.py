"""`penstock version`."""

from importlib.metadata import version

import typer


def register(app: typer.Typer) -> None:
    @app.command("version")
    def show_version() -> None:
        """Print the version."""
        typer.echo(version("penstock"))
