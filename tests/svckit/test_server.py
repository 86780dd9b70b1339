"""The life of a service process, with real signals."""

import asyncio
import signal
from pathlib import Path

import grpc
import pytest
from google.protobuf.wrappers_pb2 import StringValue as Text
from grpc_health.v1 import health_pb2

from svckit.identity import ProcessIdentity
from tests.svckit.echo import EchoStub
from tests.svckit.processes import echo_process, make_environment, running

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
async def test_a_signal_ends_it_with_code_0_though_a_stream_is_open(short_dir: Path, number: signal.Signals) -> None:
    # 60 s of drain: had it waited for the stream, `ended` would run into its deadline.
    async with echo_process(short_dir, "serve", drain_seconds=60) as echo:
        await echo.until_health(SERVING)
        async with echo.channel() as channel:
            call = EchoStub(channel).watch(Text(value="first"))
            assert (await call.read()).value == "first"
            echo.process.send_signal(number)
            assert await call.read() == grpc.aio.EOF
            assert await call.code() == grpc.StatusCode.OK
        code, out = await echo.ended()

    assert code == 0, out
    # What is printed and what is logged do not wait for each other: a thread writes the log.
    for marks in (("store opened", "loop opened", "loop closed", "store closed"), ("draining", "stopped")):
        places = [out.find(mark) for mark in marks]
        assert -1 not in places, out
        assert places == sorted(places), out


async def test_a_stream_that_does_not_observe_the_drain_is_cut_when_it_is_over(short_dir: Path) -> None:
    async with echo_process(short_dir, "stubborn", drain_seconds=0.2) as echo:
        await echo.until_health(SERVING)
        async with echo.channel() as channel:
            call = EchoStub(channel).watch(Text())
            await call.read()
            echo.process.terminate()
            assert (await echo.ended())[0] == 0
            assert await call.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)


async def test_a_call_in_flight_is_finished(short_dir: Path) -> None:
    async with echo_process(short_dir, "serve") as echo:
        await echo.until_health(SERVING)
        async with echo.channel() as channel:
            answer = EchoStub(channel).say(Text(value="until drained"))
            # Later on the same connection: once it is answered, the call above has arrived.
            await EchoStub(channel).say(Text())
            echo.process.terminate()
            assert (await answer).value == "until drained"
        assert (await echo.ended())[0] == 0


async def test_health_is_not_serving_while_the_store_is_away_and_a_signal_still_ends_it(
    short_dir: Path,
) -> None:
    async with echo_process(short_dir, "wait") as echo:
        await echo.until_health(NOT_SERVING)
        async with echo.channel() as channel:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await EchoStub(channel).say(Text())
        echo.process.terminate()
        code, out = await echo.ended()

    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
    assert (code, "store closed" in out) == (0, True), out


@pytest.mark.parametrize(("mode", "reason"), [("fail", "the start failed"), ("crash", "the loop failed")])
async def test_a_failure_ends_it_with_code_1_and_everything_closed(short_dir: Path, mode: str, reason: str) -> None:
    async with echo_process(short_dir, mode) as echo:
        if mode == "crash":
            await echo.until_health(SERVING)
            async with echo.channel() as channel:
                await EchoStub(channel).say(Text())
        code, out = await echo.ended()

    assert code == 1, out
    assert reason in out
    assert "store closed" in out


async def outcome(environment: dict[str, str], *arguments: str, mode: str = "serve") -> tuple[int | None, str]:
    edge = ProcessIdentity.load(Path(environment["PENSTOCK_IDENTITY_KEY_FILE"]).with_name("edge.key"))
    async with running({**environment, "ECHO_MODE": mode}, edge, *arguments) as echo:
        return await echo.ended()


@pytest.mark.parametrize("arguments", [(), ("migrate",)], ids=["serving", "migrating"])
async def test_faulty_settings_end_it_with_code_2_and_all_faults(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    environment = make_environment(tmp_path) | {"PENSTOCK_DRAIN_SECONDS": "x", "PENSTOCK_LOG_LEVEL": "x"}

    code, out = await outcome(environment, *arguments)

    assert code == 2, out
    assert "PENSTOCK_DRAIN_SECONDS is not valid" in out
    assert "PENSTOCK_LOG_LEVEL is not valid" in out


async def test_the_key_of_another_process_ends_it_with_code_2(tmp_path: Path) -> None:
    code, out = await outcome(make_environment(tmp_path, key_of="configsvc"))

    assert code == 2, out
    assert "is the key of configsvc, not of authsvc" in out


async def test_it_migrates_when_told_to_and_serves_nothing(tmp_path: Path) -> None:
    assert await outcome(make_environment(tmp_path), "migrate") == (0, "migrated\n")


async def test_a_migration_that_fails_ends_it_with_code_1(tmp_path: Path) -> None:
    code, out = await outcome(make_environment(tmp_path), "migrate", mode="fail")

    assert code == 1, out
    assert "the migration failed" in out


@pytest.mark.parametrize("arguments", [("serve",), ("migrate", "now")], ids=" ".join)
async def test_other_arguments_are_answered_with_the_usage_and_code_2(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    answer = (2, "usage: python -m authsvc [migrate]\n")

    assert await outcome(make_environment(tmp_path), *arguments) == answer


async def test_a_taken_port_ends_it_with_code_1_though_it_is_taken_for_sharing(tmp_path: Path) -> None:
    # gRPC's default is to share such a port: two processes would serve in turn, without a word.
    async with await asyncio.start_server(lambda *_: None, "127.0.0.1", 0, reuse_port=True) as server:
        port = server.sockets[0].getsockname()[1]
        code, out = await outcome(make_environment(tmp_path) | {"PENSTOCK_LISTEN": f"127.0.0.1:{port}"})

    assert code == 1, out
    assert f"127.0.0.1:{port}" in out
