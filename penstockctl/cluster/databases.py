"""One service, one database, one role: created over an administrator's connection, again and again the same.

The same path serves the embedded server and an external one. Creates no table: services migrate themselves.
"""

import os
import re
import secrets
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import asyncpg

from penstockctl.cluster.scram import scram_verifier
from penstockctl.faults import OperatorError

_CONNECT_SECONDS = 10.0
# The comment on this noun's database tells which cluster the databases are of. It moves with a dump of them.
_MARKED = "auth"
_MARK = "penstock cluster {}"


@dataclass(frozen=True, slots=True)
class Databases:
    """`cluster_id` marks the databases, `urls` are the services' own by noun."""

    cluster_id: str
    urls: dict[str, str] = field(repr=False)


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


async def ensure_databases(admin_url: str, passwords: dict[str, str], cluster_id: str | None) -> Databases:
    """Create what is missing for each noun in `passwords`.

    `cluster_id` is the mark of the databases of former starts, None when there is no record of them: then those
    that are there are taken, or new ones are marked.
    OperatorError: the server cannot be reached or does not obey, or its databases are of another cluster.
    """
    urls = {noun: service_url(admin_url, noun, password) for noun, password in passwords.items()}
    try:
        admin = await asyncpg.connect(admin_url, timeout=_CONNECT_SECONDS)
        try:
            present = await _read_mark(admin)
            _refuse_others(cluster_id, present)
            for noun, password in passwords.items():
                await _ensure_role(admin, database_name(noun), password)
                await _ensure_database(admin, database_name(noun))
        finally:
            await admin.close()
        for noun, url in urls.items():
            await _log_in(noun, url)
        return Databases(present or await _mark(urls[_MARKED]), urls)
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise OperatorError(
            f"The databases could not be made on the server of --database-url: {_first_line(error)}"
        ) from error


async def _read_mark(admin: asyncpg.Connection) -> str | None:
    """The id of the cluster whose databases are there; None: none are, or they are not marked."""
    comment = await admin.fetchval(
        "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = $1", database_name(_MARKED)
    )
    match = re.fullmatch(_MARK.format(r"([0-9a-f]+)"), comment or "")
    return match[1] if match else None


def _refuse_others(cluster_id: str | None, present: str | None) -> None:
    if cluster_id is not None and present != cluster_id:
        found = "those of another cluster" if present else "none with its mark"
        raise OperatorError(
            "This data directory belongs to other databases than those on this PostgreSQL server"
            f" ({found}): start it with its former --database-url (none: the embedded server), use another --data-dir,"
            " or remove secrets/cluster.id if these are its own, restored without their comments."
        )


async def _mark(url: str) -> str:
    """Mark the databases as a new cluster's; as their owner, so that no administrator's right is needed."""
    cluster_id = secrets.token_hex(8)
    connection = await asyncpg.connect(url, timeout=_CONNECT_SECONDS)
    try:
        await connection.execute(f"COMMENT ON DATABASE {database_name(_MARKED)} IS '{_MARK.format(cluster_id)}'")
    finally:
        await connection.close()
    return cluster_id


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
