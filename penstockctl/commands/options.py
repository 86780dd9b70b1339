"""How options are read that typer would take too kindly: an empty value is a variable of a script that is not set,
never a wish for the current folder or for a library's own defaults."""

from pathlib import Path

import typer

from penstockctl.faults import OperatorError


def read_data_dir(value: str | Path) -> Path:
    """The folder that --data-dir names. Whether it can be used is seen where it is used."""
    if not str(value):
        raise OperatorError(_empty("--data-dir"))
    return Path(value)


def refuse_empty(option: typer.CallbackParam, value: str | None) -> str | None:
    """`value` as it is."""
    if value is not None and not value.strip():
        raise OperatorError(_empty(option.opts[0]))
    return value


def _empty(option: str) -> str:
    return f"{option} is empty: give it a value, or leave it out."
