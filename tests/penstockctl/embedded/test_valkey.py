"""The embedded Valkey: a real server."""

import os
import signal
from pathlib import Path

import pytest
import redis.asyncio as redis

from penstockctl.embedded.valkey import run_valkey


async def test_keys_survive_a_restart(folder: Path) -> None:
    for count in (1, 2):
        async with run_valkey(folder / "vk", folder / "s") as server, redis.from_url(server.url) as client:
            assert await client.incr("starts") == count


async def test_keys_survive_a_kill_and_a_start_at_once(folder: Path) -> None:
    async with run_valkey(folder / "vk", folder / "s") as server, redis.from_url(server.url) as client:
        await client.set("day", "1")
        process = (await client.info("server"))["process_id"]
        os.kill(process, signal.SIGKILL)

    async with run_valkey(folder / "vk", folder / "s") as server, redis.from_url(server.url) as client:
        assert await client.get("day") == b"1"


async def test_it_has_two_databases_and_no_port(folder: Path) -> None:
    async with run_valkey(folder / "vk", folder / "s") as server:
        async with redis.from_url(f"{server.url}?db=1") as shared:
            await shared.set("event", "1")
            assert (await shared.config_get("port"))["port"] == "0"
        async with redis.from_url(f"{server.url}?db=0") as limits:
            assert await limits.dbsize() == 0
        with pytest.raises(redis.RedisError, match="out of range"):
            async with redis.from_url(f"{server.url}?db=2") as none:
                await none.ping()


async def test_a_full_memory_refuses_writes_and_forgets_nothing(folder: Path) -> None:
    async with run_valkey(folder / "vk", folder / "s") as server, redis.from_url(server.url) as client:
        wanted = {"maxmemory": str(256 * 1024 * 1024), "maxmemory-policy": "noeviction"}
        assert await client.config_get("maxmemory*") | wanted == await client.config_get("maxmemory*")
        assert await client.config_get("appendfsync") == {"appendfsync": "everysec"}


async def test_the_socket_is_the_owners_alone(folder: Path) -> None:
    async with run_valkey(folder / "vk", folder / "s") as server:
        assert server.socket.stat().st_mode & 0o777 == 0o700


async def test_a_folder_whose_name_urls_misread_is_served(folder: Path) -> None:
    strange = folder / "50% a#b?c,[d] 'e"
    async with run_valkey(strange / "vk", strange / "s") as server, redis.from_url(server.url) as client:
        assert await client.set("day", "1")
        assert (await client.config_get("dir"))["dir"] == str(strange / "vk")
