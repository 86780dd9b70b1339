"""`penstock admin-token`: the operator's credential for the management API, made or exchanged over authsvc."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from penstockctl.cluster.admin_token import ensure_admin_token, rotate_admin_token
from penstockctl.cluster.data_dir import refuse_strangers
from penstockctl.cluster.secrets import ClusterSecrets
from penstockctl.commands.options import read_data_dir, refuse_empty
from penstockctl.faults import OperatorError
from svckit.identity import IdentityError, ProcessIdentity


def register(app: typer.Typer) -> None:
    @app.command("admin-token")
    def admin_token(
        data_dir: Annotated[
            Path, typer.Option(parser=read_data_dir, metavar="DIR", help="Where the keys are kept, and the token.")
        ] = Path(".data"),
        authsvc: Annotated[
            str,
            typer.Option(
                envvar="PENSTOCK_AUTH_ADDRESS", callback=refuse_empty, help="Its address: HOST:PORT or unix:/PATH."
            ),
        ] = "127.0.0.1:50051",
        rotate: Annotated[bool, typer.Option("--rotate", help="Make a new token and end the present one.")] = False,
    ) -> None:
        """Have a valid operator's token in DATA_DIR/admin.token. The token itself is not printed."""
        refuse_strangers(data_dir)
        path, identity = data_dir / "admin.token", _identity(data_dir)
        if rotate:
            asyncio.run(rotate_admin_token(path, authsvc, identity))
            typer.echo(f"{path} has a new token; the one before it has ended.")
        else:
            _, is_new = asyncio.run(ensure_admin_token(path, authsvc, identity))
            typer.echo(f"{path} has a new token." if is_new else f"{path} has a valid token.")


def _identity(data_dir: Path) -> ProcessIdentity:
    try:
        return ProcessIdentity.load(ClusterSecrets(data_dir / "secrets").identity_file("ctl"))
    except IdentityError as error:
        raise OperatorError(f"There is no cluster in {data_dir} ({error}): give its --data-dir.") from None
