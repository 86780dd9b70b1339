"""One service, one database, one role: created over an administrator's connection, again and again the same.

The same path serves the embedded server and an external one. Creates no table: services migrate themselves.
"""

import os
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import asyncpg

from penstockctl.cluster.scram import scram_verifier
from penstockctl.faults import OperatorError

_CONNECT_SECONDS = 10.0


def database_name(noun: str) -> str:
    """The name of the database and of the role of the service that owns `noun`."""
    return f"penstock_{noun}"


def service_url(admin_url: str, noun: str, password: str) -> str:
    """The URL by which a service reaches its database on the administrator's server.

    The administrator's credentials go, all else of the URL (host, port, TLS settings) stays.
    """
    parts = urlsplit(admin_url)
    address = parts.netloc.rpartition("@")[2]
    credentials = f"{database_name(noun)}:{quote(password, safe='')}"
    query = [(key, value) for key, value in parse_qsl(parts.query) if key not in ("user", "password", "dbname")]
    return urlunsplit((parts.scheme, f"{credentials}@{address}", f"/{database_name(noun)}", urlencode(query), ""))


async def ensure_databases(admin_url: str, passwords: dict[str, str]) -> dict[str, str]:
    """Create what is missing for each noun in `passwords`, and return each noun's URL.

    OperatorError: the server cannot be reached or does not obey, or a role of that name exists with another
    password, so belongs to another cluster.
    """
    urls = {noun: service_url(admin_url, noun, password) for noun, password in passwords.items()}
    try:
        admin = await asyncpg.connect(admin_url, timeout=_CONNECT_SECONDS)
        try:
            for noun, password in passwords.items():
                await _ensure_role(admin, database_name(noun), password)
                await _ensure_database(admin, database_name(noun))
        finally:
            await admin.close()
        for noun, url in urls.items():
            await _log_in(noun, url)
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise OperatorError(
            f"The databases could not be made on the server of --database-url: {_first_line(error)}"
        ) from error
    return urls


async def _ensure_role(admin: asyncpg.Connection, role: str, password: str) -> None:
    # Looked for first: a server logs each statement that fails, and it fails at every start but the first.
    if await admin.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", role):
        return
    verifier = scram_verifier(password, os.urandom(16))
    async with admin.transaction():
        # CREATEROLE: each tenant has a reader role without login, made when the tenant is.
        # Names are constants of ours and a verifier has no quotes, so nothing here needs escaping.
        await admin.execute(f"CREATE ROLE {role} LOGIN CREATEROLE NOSUPERUSER NOCREATEDB PASSWORD '{verifier}'")
        if not await admin.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user"):
            # An administrator who is no superuser may give a database only to a role it is a member of.
            await admin.execute(f"GRANT {role} TO CURRENT_USER")


async def _ensure_database(admin: asyncpg.Connection, name: str) -> None:
    if await admin.fetchval("SELECT true FROM pg_database WHERE datname = $1", name):
        return
    await admin.execute(f"CREATE DATABASE {name} OWNER {name}")
    await admin.execute(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC")


async def _log_in(noun: str, url: str) -> None:
    try:
        connection = await asyncpg.connect(url, timeout=_CONNECT_SECONDS)
    except asyncpg.InvalidAuthorizationSpecificationError:
        raise OperatorError(
            f"The server of --database-url has a role {database_name(noun)} with a password that is not in"
            " this data directory: it belongs to another cluster, so use another server or that --data-dir."
        ) from None
    await connection.close()


def _first_line(error: Exception) -> str:
    # Python's own ValueErrors quote what they could not read, which may be a piece of a password.
    may_quote = isinstance(error, ValueError) and not isinstance(error, asyncpg.InterfaceError)
    return (("" if may_quote else str(error)) or type(error).__name__).splitlines()[0]
