"""What must be there before the first process of a cluster starts, whoever starts it: keys and passwords, databases
and roles, the files with the URLs of the stores. Made once; doing it again adds what is missing and changes nothing
else. Starts no process and makes no table: services migrate themselves."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from penstockctl.cluster.databases import ensure_databases
from penstockctl.cluster.plan import NOUNS
from penstockctl.cluster.redis_urls import RedisUrls
from penstockctl.cluster.secrets import ClusterSecrets, open_secrets
from penstockctl.cluster.store_urls import check_database_url, redis_urls
from penstockctl.faults import OperatorError
from penstockctl.gates import RedisAnswers, wait_until_open
from penstockctl.private_files import write_private_text

_REDIS_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Prepared:
    """`made` are the files below the secrets' folder that were not there before, `kept` those that were."""

    secrets: ClusterSecrets
    made: tuple[Path, ...]
    kept: tuple[Path, ...]


async def prepare_cluster(data_dir: Path, database_url: str, redis_url: str | None) -> Prepared:
    """Make what is missing in `data_dir` and on the PostgreSQL server of `database_url`, an administrator's.

    `redis_url` None: Redis is not looked at. OperatorError: a store does not answer or obey, or belongs to
    another cluster.
    """
    check_database_url(database_url)
    urls = redis_urls(redis_url) if redis_url is not None else None
    folder = data_dir / "secrets"
    before = set(folder.iterdir()) if folder.is_dir() else set()
    secrets = open_secrets(folder)
    if urls is not None:
        await _keep_redis_urls(urls, secrets)
    passwords = {noun: secrets.database_password(noun) for noun in NOUNS}
    for noun, url in (await ensure_databases(database_url, passwords)).items():
        write_private_text(secrets.database_url_file(noun), url + "\n")
    now = sorted(folder.iterdir())
    return Prepared(
        secrets, tuple(each for each in now if each not in before), tuple(each for each in now if each in before)
    )


async def _keep_redis_urls(urls: RedisUrls, secrets: ClusterSecrets) -> None:
    await _expect_redis(urls.limits)
    write_private_text(secrets.redis_url_file("limits"), urls.limits + "\n")
    write_private_text(secrets.redis_url_file("shared"), urls.shared + "\n")


async def _expect_redis(url: str) -> None:
    try:
        async with asyncio.timeout(_REDIS_SECONDS):
            await wait_until_open(RedisAnswers(url), lambda: True)
    except TimeoutError:
        raise OperatorError(
            f"The server of --redis-url did not answer PING within {_REDIS_SECONDS:.0f} s:"
            " check its address and password."
        ) from None
