"""What is made before a cluster starts, on real stores."""

import shutil
from pathlib import Path

import asyncpg
import pytest
import redis

from penstockctl.cluster.prepare import prepare_cluster
from penstockctl.commands.prepare import _print
from penstockctl.embedded.postgres import run_postgres
from penstockctl.faults import OperatorError


async def test_everything_is_made_once_and_works(
    with_data: Path, valkey: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with run_postgres(with_data / "pg", with_data / "s") as server:
        first = await prepare_cluster(with_data, server.admin_url, valkey)
        held = {path: path.read_bytes() for path in first.secrets.folder.iterdir()}
        second = await prepare_cluster(with_data, server.admin_url, valkey)

        assert (set(first.made), first.kept) == (set(held), ())
        assert (second.made, set(second.kept)) == ((), set(held))
        assert {path: path.read_bytes() for path in held} == held
        assert {path.stat().st_mode & 0o777 for path in held} == {0o600}
        for noun in ("auth", "config", "telemetry"):
            connection = await asyncpg.connect(first.secrets.database_url_file(noun).read_text().strip())
            assert await connection.fetchval("SELECT current_database()") == f"penstock_{noun}"
            await connection.close()
    for number, use in enumerate(("limits", "shared")):
        url = first.secrets.redis_url_file("limits" if use == "limits" else "shared").read_text().strip()
        assert url.endswith(f"db={number}")
        with redis.Redis.from_url(url) as client:
            assert client.ping()

    _print(first)
    said = capsys.readouterr().out
    assert "made  kek\n" in said
    assert "penstock_auth, penstock_config, penstock_telemetry" in said
    for secret in held.values():
        assert secret.decode().strip() not in said


async def test_without_redis_none_is_asked(with_data: Path) -> None:
    async with run_postgres(with_data / "pg", with_data / "s") as server:
        prepared = await prepare_cluster(with_data, server.admin_url, None)
    assert not prepared.secrets.redis_url_file("limits").exists()


async def test_other_stores_than_before_are_refused_and_replace_nothing(
    folder: Path, made_once: Path, valkey: str
) -> None:
    for name in ("one", "two"):
        shutil.copytree(made_once, folder / name)
    async with run_postgres(folder / "one", folder / "s1") as one, run_postgres(folder / "two", folder / "s2") as two:
        first = await prepare_cluster(folder, one.admin_url, valkey)
        held = {path: path.read_bytes() for path in first.secrets.folder.iterdir()}
        with pytest.raises(OperatorError, match="This data directory belongs to other databases"):
            await prepare_cluster(folder, two.admin_url, f"{valkey.partition('?')[0]}?db=0")
        assert {path: path.read_bytes() for path in first.secrets.folder.iterdir()} == held

        first.secrets.cluster_id_file.unlink()  # as an earlier release left it
        await prepare_cluster(folder, one.admin_url, valkey)
        assert {path: path.read_bytes() for path in first.secrets.folder.iterdir()} == held
