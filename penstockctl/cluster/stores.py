"""PostgreSQL and Redis for the cluster: embedded ones as its first processes, or the operator's own servers."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from penstockctl.cluster.options import ClusterOptions
from penstockctl.cluster.process_spec import ProcessSpec
from penstockctl.cluster.supervisor import Supervisor
from penstockctl.embedded.postgres import prepare_postgres
from penstockctl.embedded.valkey import prepare_valkey


@dataclass(frozen=True, slots=True)
class Stores:
    """`names`: the embedded servers' processes, which all others wait for. `database_url` is an administrator's."""

    names: tuple[str, ...]
    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)


async def start_stores(
    options: ClusterOptions, data_dir: Path, run_dir: Path, environment: Mapping[str, str], supervisor: Supervisor
) -> Stores:
    """The stores that the options name; an embedded one answers when this returns, others have not been asked."""
    specs: list[ProcessSpec] = []
    database_url, redis_url = options.database_url, options.redis_url
    if database_url is None:
        postgres = await prepare_postgres(data_dir / "postgres", run_dir / "pg")
        database_url = postgres.admin_url
        specs.append(ProcessSpec("postgres", replace(postgres.command, environment=environment), postgres.gate))
    if redis_url is None:
        valkey = await prepare_valkey(data_dir / "valkey", run_dir)
        redis_url = valkey.url
        specs.append(ProcessSpec("valkey", replace(valkey.command, environment=environment), valkey.gate))
    await supervisor.start(specs)
    return Stores(tuple(spec.name for spec in specs), database_url, redis_url)
