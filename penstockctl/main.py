"""The command `penstock`. Each group of commands has a room of its own in `commands/`."""

import os
import sys
from typing import NoReturn

import typer

from penstockctl.faults import OperatorError


def build_app() -> typer.Typer:
    """The command line with all its commands."""
    # Here, because gRPC's core reads the environment when it is imported, and `main` sets it first.
    from penstockctl.commands import admin_token, health, keys, migrate, prepare, up, version

    app = typer.Typer(
        name="penstock",
        help="Penstock, a multi-tenant API gateway: run it, look at it, manage it.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,  # they show the values of local variables: secrets
    )
    for room in (up, version, health, prepare, migrate, admin_token, keys):
        room.register(app)
    return app


def main() -> None:
    """The console script. What the operator can change is told in one sentence, with exit code 1."""
    # Else gRPC's core writes lines of its own between ours, here and in every process that inherits this.
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    try:
        build_app()()
    except OperatorError as error:
        _refuse(str(error))
    except OSError as error:
        if error.filename is None:
            raise
        # A file that another user owns, a disk that is full.
        _refuse(f"{error.filename} cannot be used: {error.strerror}.")


def _refuse(sentence: str) -> NoReturn:
    print(f"penstock: {sentence}", file=sys.stderr)
    sys.exit(1)


if __name__ == "__main__":
    main()
