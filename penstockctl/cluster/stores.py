"""PostgreSQL and Redis for the cluster: embedded ones as its first processes, or the operator's own servers."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from penstockctl.cluster.databases import ensure_databases
from penstockctl.cluster.options import ClusterOptions
from penstockctl.cluster.plan import NOUNS
from penstockctl.cluster.process_spec import ProcessSpec
from penstockctl.cluster.redis_urls import RedisUrls, split_databases
from penstockctl.cluster.secrets import ClusterSecrets
from penstockctl.cluster.supervisor import Supervisor
from penstockctl.embedded.postgres import prepare_postgres
from penstockctl.embedded.valkey import prepare_valkey
from penstockctl.faults import OperatorError
from penstockctl.gates import RedisAnswers, wait_until_open
from penstockctl.private_files import write_private_text

_EXTERNAL_REDIS_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Stores:
    """`names`: the embedded servers' processes, which all others wait for."""

    names: tuple[str, ...]
    redis: RedisUrls = field(repr=False)


async def start_stores(
    options: ClusterOptions, data_dir: Path, run_dir: Path, secrets: ClusterSecrets, supervisor: Supervisor
) -> Stores:
    """Stores that answer, with a database for each service whose URL is in its file under `secrets`."""
    specs: list[ProcessSpec] = []
    admin_url, redis_url = options.database_url, options.redis_url
    if admin_url is None:
        postgres = await prepare_postgres(data_dir / "postgres", run_dir / "pg")
        admin_url = postgres.admin_url
        specs.append(ProcessSpec("postgres", postgres.command, postgres.gate))
    if redis_url is None:
        valkey = await prepare_valkey(data_dir / "valkey", run_dir)
        redis_url = valkey.url
        specs.append(ProcessSpec("valkey", valkey.command, valkey.gate))
    await supervisor.start(specs)
    redis = split_databases(redis_url)
    if options.redis_url is not None:
        await _expect_redis(redis.limits)
    await write_database_urls(admin_url, secrets)
    return Stores(tuple(spec.name for spec in specs), redis)


async def write_database_urls(admin_url: str, secrets: ClusterSecrets) -> None:
    """Make the databases that are missing, and keep each service's URL in its file."""
    passwords = {noun: secrets.database_password(noun) for noun in NOUNS}
    for noun, url in (await ensure_databases(admin_url, passwords)).items():
        write_private_text(secrets.database_url_file(noun), url + "\n")


async def _expect_redis(url: str) -> None:
    try:
        async with asyncio.timeout(_EXTERNAL_REDIS_SECONDS):
            await wait_until_open(RedisAnswers(url), lambda: True)
    except TimeoutError:
        raise OperatorError(
            f"The server of --redis-url did not answer PING within {_EXTERNAL_REDIS_SECONDS:.0f} s:"
            " check its address and password."
        ) from None
