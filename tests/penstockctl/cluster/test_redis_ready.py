"""A Redis that both logical databases are asked of."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from penstockctl.cluster.redis_ready import expect_redis
from penstockctl.cluster.redis_urls import split_databases
from penstockctl.embedded.child import run_until_left
from penstockctl.embedded.valkey import prepare_valkey
from penstockctl.faults import OperatorError
from penstockctl.gates import RedisAnswers
from tests.penstockctl.processes import DEADLINE_SECONDS


@pytest.fixture
async def guarded(folder: Path) -> AsyncIterator[str]:
    """The URL, without the password `right`, of a server with two databases."""
    server = await prepare_valkey(folder / "vk", folder / "s")
    command = replace(server.command, argv=(*server.command.argv, "--requirepass", "right"))
    url = f"unix://:right@{server.socket}"
    async with run_until_left("Valkey", command, RedisAnswers(url), folder / "log"):
        yield f"unix://:PASSWORD@{server.socket}"


async def expect(url: str, seconds: float = DEADLINE_SECONDS) -> None:
    await expect_redis(split_databases(url), seconds)


async def test_a_server_with_both_databases_is_ready(guarded: str) -> None:
    await expect(guarded.replace("PASSWORD", "right"))


@pytest.mark.parametrize("credentials", [":hush@", ""], ids=["wrong", "none"])
async def test_a_password_that_is_refused_is_told_without_waiting(guarded: str, credentials: str) -> None:
    url = guarded.replace(":PASSWORD@", credentials)
    with pytest.raises(
        OperatorError, match=r"^The server of --redis-url refused the URL's user and password, or misses"
    ):
        await expect(url)


@pytest.mark.parametrize(("named", "missing"), [(1, 2), (2, 2)], ids=["second", "first"])
async def test_a_database_that_does_not_exist_is_told(guarded: str, named: int, missing: int) -> None:
    url = f"{guarded.replace('PASSWORD', 'right')}?db={named}"
    with pytest.raises(
        OperatorError, match=rf"refused its logical database {missing} \(.*out of range\): two are needed"
    ):
        await expect(url)


async def test_a_server_that_is_not_there_is_told_with_the_reason(folder: Path) -> None:
    with pytest.raises(OperatorError, match=r"did not answer PING within 0\.3 s \(.*No such file or directory"):
        await expect(f"unix://{folder}/none.sock", 0.3)
