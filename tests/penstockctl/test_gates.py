"""Gates: closed while nobody is there, open when the real thing answers."""

import socket
from collections.abc import Mapping
from pathlib import Path

import pytest

from penstockctl.gates import Gate, GrpcServing, HttpOk, PostgresAnswers, RedisAnswers, is_open, wait_until_open
from tests.support.services import ServiceHost
from tests.support.stores import PostgresServer

CLOSED: Mapping[str, Gate] = {
    "postgres": PostgresAnswers("postgresql://a:b@/c?host=/nowhere"),
    "redis": RedisAnswers("unix:///nowhere/s"),
    "grpc": GrpcServing("unix:/nowhere/s"),
    "http": HttpOk("http://127.0.0.1:1/"),
    "no url": HttpOk("http://a\tb:1/"),
}


@pytest.mark.parametrize("name", CLOSED)
async def test_it_is_closed_while_nobody_is_there(name: str) -> None:
    assert not await is_open(CLOSED[name])


async def test_stores_that_answer_open_their_gates(postgres: PostgresServer, valkey: str) -> None:
    assert await is_open(PostgresAnswers(postgres.admin_url))
    assert await is_open(RedisAnswers(valkey))


async def test_a_service_opens_its_gate_when_it_serves(service_host: ServiceHost) -> None:
    hosted = await service_host.serve("authsvc", {}, ())
    assert await is_open(GrpcServing(hosted.target))
    hosted.health.set_serving(False)
    assert not await is_open(GrpcServing(hosted.target))


async def test_a_listener_that_never_answers_is_closed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert not await is_open(HttpOk(f"http://127.0.0.1:{silent.getsockname()[1]}/"))


async def test_waiting_ends_when_the_process_behind_it_is_gone(folder: Path) -> None:
    assert not await wait_until_open(GrpcServing(f"unix:{folder}/s"), alive=lambda: False)
