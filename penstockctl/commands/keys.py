"""`penstock keys`: the API keys of a tenant's consumers, over the management API. A secret is printed once, alone on
the standard output, so that a script can take it; everything else is said beside it."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias, TypeVar
from urllib.parse import quote

import orjson
import typer
from rich.console import Console
from rich.table import Table

from domain.api_keys import parse_admin_token
from penstockctl.cluster.admin_api import AdminApi
from penstockctl.commands.options import refuse_empty
from penstockctl.faults import OperatorError
from penstockctl.key_files import batches
from penstockctl.private_files import read_kept

NOT_YET: Final = 3
"""The exit code when a key is withdrawn and some edges have not acknowledged yet."""
T = TypeVar("T")

Tenant: TypeAlias = Annotated[str, typer.Argument(help="The tenant's slug or UUID.", callback=refuse_empty)]
KeyId: TypeAlias = Annotated[str, typer.Argument(help="The key's id: 8 characters.", callback=refuse_empty)]
Admin: TypeAlias = Annotated[
    str, typer.Option(envvar="PENSTOCK_ADMIN_URL", callback=refuse_empty, help="The management API.")
]
TokenFile: TypeAlias = Annotated[
    Path, typer.Option(envvar="PENSTOCK_ADMIN_TOKEN_FILE", help="A file with a token for it.")
]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print the answer of the management API.")]
ADMIN: Final = "http://127.0.0.1:8001"
TOKEN_FILE: Final = Path(".data/admin.token")


def register(app: typer.Typer) -> None:
    keys = typer.Typer(name="keys", help="Manage API keys.", no_args_is_help=True)
    for command in (create, list_, rotate, disable, enable, revoke, import_):
        keys.command(command.__name__.rstrip("_"))(command)
    app.add_typer(keys)


def create(
    tenant: Tenant,
    name: Annotated[str, typer.Argument(help="The key's name.", callback=refuse_empty)],
    consumer: Annotated[str | None, typer.Option(help="Who owns it; by default the key's name.")] = None,
    scope: Annotated[list[str] | None, typer.Option(help="What it may do; may be given several times.")] = None,
    label: Annotated[list[str] | None, typer.Option(help="NAME=VALUE; may be given several times.")] = None,
    tier: Annotated[str, typer.Option(help="The limit tier; by default the tenant's own.")] = "",
    expires_at: Annotated[str | None, typer.Option(help="When it ends: an RFC 3339 time.")] = None,
    test: Annotated[bool, typer.Option("--test", help="Make a test key, psk_test_….")] = False,
    admin: Admin = ADMIN,
    token_file: TokenFile = TOKEN_FILE,
    as_json: AsJson = False,
) -> None:
    """Make a key and print its secret, this once."""
    given = {
        "name": name,
        "consumer": consumer,
        "scopes": scope or [],
        "labels": _labels(label or []),
        "tier": tier,
        "expires_at": expires_at,
        "test": test,
    }
    _, made = _ask(admin, token_file, lambda api: api.call("POST", _path(tenant), json=given))
    _print_made(made, as_json)


def list_(
    tenant: Tenant,
    consumer: Annotated[str, typer.Option(help="Only this consumer's.")] = "",
    label: Annotated[list[str] | None, typer.Option(help="Only those with this label, NAME=VALUE.")] = None,
    admin: Admin = ADMIN,
    token_file: TokenFile = TOKEN_FILE,
    as_json: AsJson = False,
) -> None:
    """List keys, newest first; no secrets."""
    filters = {"consumer": consumer, "label": label or []}
    found = _ask(admin, token_file, lambda api: api.items(_path(tenant), filters))
    if as_json:
        _print_json(found)
        return
    table = Table(box=None)
    for heading in ("id", "name", "consumer", "state", "scopes", "labels", "ends", "last used"):
        table.add_column(heading, no_wrap=heading in ("id", "ends", "last used"), overflow="fold")
    for key in found:
        labels = " ".join(f"{label_name}={value}" for label_name, value in key["labels"].items())
        times = (_moment(key[name]) for name in ("expires_at", "last_used_at"))
        table.add_row(key["id"], key["name"], key["consumer"], key["state"], " ".join(key["scopes"]), labels, *times)
    # Names may hold brackets, which are no markup. What no terminal shows is not cut to a width.
    Console(markup=False, highlight=False, width=None if sys.stdout.isatty() else 10_000).print(table)


def rotate(
    tenant: Tenant,
    key_id: KeyId,
    grace_seconds: Annotated[int, typer.Option(help="How long the old key goes on.", min=0, max=604800)] = 0,
    admin: Admin = ADMIN,
    token_file: TokenFile = TOKEN_FILE,
    as_json: AsJson = False,
) -> None:
    """Replace a key by a new one of the same consumer and print its secret, this once."""
    given = {"grace_seconds": grace_seconds}
    _, made = _ask(admin, token_file, lambda api: api.call("POST", _path(tenant, key_id, "rotate"), json=given))
    _print_made(made, as_json)


def disable(
    tenant: Tenant,
    key_id: KeyId,
    admin: Admin = ADMIN,
    token_file: TokenFile = TOKEN_FILE,
    as_json: AsJson = False,
) -> None:
    """Switch a key off until it is enabled. Exit code 3 while some edges have not acknowledged."""
    _, answer = _ask(admin, token_file, lambda api: api.call("POST", _path(tenant, key_id, "disable")))
    _print_withdrawn(answer, as_json)


def enable(
    tenant: Tenant,
    key_id: KeyId,
    admin: Admin = ADMIN,
    token_file: TokenFile = TOKEN_FILE,
    as_json: AsJson = False,
) -> None:
    """Switch a disabled key on again."""
    _, key = _ask(admin, token_file, lambda api: api.call("POST", _path(tenant, key_id, "enable")))
    if as_json:
        _print_json(key)
    else:
        typer.echo(f"{key['display']} is {key['state']}.")


def revoke(
    tenant: Tenant,
    key_id: KeyId,
    admin: Admin = ADMIN,
    token_file: TokenFile = TOKEN_FILE,
    as_json: AsJson = False,
) -> None:
    """End a key for ever. Exit code 3 while some edges have not acknowledged."""
    _, answer = _ask(admin, token_file, lambda api: api.call("DELETE", _path(tenant, key_id)))
    _print_withdrawn(answer, as_json)


def import_(
    tenant: Tenant,
    file: Annotated[
        typer.FileText,
        typer.Argument(help="One JSON object a line, with sha256, name, consumer, …; - reads from stdin."),
    ],
    admin: Admin = ADMIN,
    token_file: TokenFile = TOKEN_FILE,
) -> None:
    """Import keys of another gateway by their SHA-256; what is there already stays as it is."""

    async def send(api: AdminApi) -> tuple[int, int]:
        total = created = 0
        for batch in batches(file):
            try:
                _, answer = await api.call("POST", _path(tenant, "import"), json={"keys": batch.keys})
            except OperatorError as error:
                done = f" {total} keys before them were imported." if total else ""
                raise OperatorError(f"Lines {batch.first}–{batch.last}: {error}{done}") from error
            total, created = total + len(batch.keys), created + answer["created"]
        return total, created

    total, created = _ask(admin, token_file, send)
    typer.echo(f"{created} keys were imported, {total - created} were there already.")


def _ask(admin: str, token_file: Path, ask: Callable[[AdminApi], Awaitable[T]]) -> T:
    token = read_kept(token_file)
    if token is None or parse_admin_token(token.encode()) is None:
        raise OperatorError(f"There is no admin token in {token_file}: give another file with --token-file.")

    async def asked() -> T:
        async with AdminApi(admin.rstrip("/"), token) as api:
            return await ask(api)

    return asyncio.run(asked())


def _path(tenant: str, *parts: str) -> str:
    return "/".join(("/tenants", quote(tenant, safe=""), "keys", *(quote(part, safe="") for part in parts)))


def _labels(given: list[str]) -> dict[str, str]:
    pairs = [each.partition("=") for each in given]
    if not all(separator for _, separator, _ in pairs):
        raise OperatorError("A label is NAME=VALUE.")
    return {name: value for name, _, value in pairs}


def _moment(time: str | None) -> str:
    return "" if time is None else time[:19].replace("T", " ")


def _print_json(data: Any) -> None:
    sys.stdout.write(orjson.dumps(data, option=orjson.OPT_INDENT_2).decode() + "\n")


def _print_made(made: dict[str, Any], as_json: bool) -> None:
    if as_json:
        _print_json(made)
        return
    key = made["key"]
    end = f", until {_moment(key['expires_at'])}" if key["expires_at"] else ""
    typer.echo(f"Key {key['id']} of {key['consumer']}{end}. Its secret is shown this once:", err=True)
    typer.echo(made["api_key"])


def _print_withdrawn(answer: dict[str, Any], as_json: bool) -> None:
    if as_json:
        _print_json(answer)
    else:
        state, when = answer["key"]["state"], _moment(answer["effective_at"])
        if answer["in_force"]:
            typer.echo(f"{answer['key']['display']} is {state}, in force at every edge since {when} UTC.")
        else:
            edges = ", ".join(f"{each['gateway_id']}/{each['slot']}" for each in answer["pending"])
            typer.echo(f"{answer['key']['display']} is {state}, in force at the latest at {when} UTC: {edges} pending.")
    if not answer["in_force"]:
        raise typer.Exit(NOT_YET)
