"""What must be there before the first process of a cluster starts, whoever starts it: keys and passwords, databases
and roles, the files with the URLs of the stores. Made once; doing it again adds what is missing and changes nothing
else. Starts no process and makes no table: services migrate themselves."""

from dataclasses import dataclass
from pathlib import Path

from penstockctl.cluster.databases import ensure_databases
from penstockctl.cluster.plan import NOUNS
from penstockctl.cluster.redis_ready import expect_redis
from penstockctl.cluster.secrets import ClusterSecrets, open_secrets
from penstockctl.cluster.store_urls import check_database_url, redis_urls
from penstockctl.private_files import read_kept, write_private_text

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
        await expect_redis(urls, _REDIS_SECONDS)
    passwords = {noun: secrets.database_password(noun) for noun in NOUNS}
    databases = await ensure_databases(database_url, passwords, read_kept(secrets.cluster_id_file))
    # The files last: a start on other stores than before was refused by now, and has replaced nothing.
    _keep(secrets.cluster_id_file, databases.cluster_id)
    for noun, url in databases.urls.items():
        _keep(secrets.database_url_file(noun), url)
    if urls is not None:
        _keep(secrets.redis_url_file("limits"), urls.limits)
        _keep(secrets.redis_url_file("shared"), urls.shared)
    now = sorted(folder.iterdir())
    return Prepared(
        secrets, tuple(each for each in now if each not in before), tuple(each for each in now if each in before)
    )


def _keep(path: Path, text: str) -> None:
    write_private_text(path, text + "\n")
