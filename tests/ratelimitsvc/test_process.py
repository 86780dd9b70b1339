"""ratelimitsvc as a process: before its Redis is there, while it is away, and at its end."""

import asyncio
import secrets
import signal
from pathlib import Path

import grpc
import pytest
import redis
from grpc_health.v1 import health_pb2
from penstock.errors.v1 import error_reason_pb2 as reasons
from penstock.ratelimit.v1 import limit_pb2 as pb
from penstock.ratelimit.v1 import rate_limit_service_pb2 as service_pb
from penstock.ratelimit.v1 import rate_limit_service_pb2_grpc as pb_grpc

from penstockctl.embedded.valkey import run_valkey
from svckit.channels import open_stream
from svckit.errors import from_rpc_error
from tests.ratelimitsvc.processes import DEADLINE_SECONDS, rate_limit_process

CHECK = pb.Check(limits=[pb.Limit(key=b"k", limit=5, window_millis=3_600_000)])
ONE = service_pb.CheckRequest(check=CHECK)


async def test_it_answers_health_before_redis_is_there_and_serves_once_it_is(short_dir: Path) -> None:
    folder = short_dir / secrets.token_hex(4)
    async with rate_limit_process(short_dir, f"unix://{folder}/s/valkey.sock?db=0") as service:
        await service.until_health(health_pb2.HealthCheckResponse.NOT_SERVING)
        async with run_valkey(folder / "data", folder / "s"), service.channel() as channel:
            await service.serving()
            answer = await pb_grpc.RateLimitServiceStub(channel).Check(ONE)
            assert answer.decision.remaining == 4


async def test_it_serves_on_while_redis_is_away_and_counts_on_when_it_is_back(short_dir: Path) -> None:
    folder = short_dir / secrets.token_hex(4)
    url = f"unix://{folder}/s/valkey.sock?db=0"
    async with rate_limit_process(short_dir, url) as service, service.channel() as channel:
        stub = pb_grpc.RateLimitServiceStub(channel)
        async with run_valkey(folder / "data", folder / "s"):
            await service.serving()
            await stub.Check(ONE)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.Check(ONE)
        assert from_rpc_error(refused.value).reason == reasons.ERROR_REASON_LIMIT_UNAVAILABLE
        await service.serving()
        async with run_valkey(folder / "data", folder / "s"), asyncio.timeout(DEADLINE_SECONDS):
            assert await _first_answer(stub) == 3


async def test_windows_are_kept_where_the_setting_says(short_dir: Path, valkey: str, client: redis.Redis) -> None:
    for store in ("ring", "zset"):
        async with rate_limit_process(short_dir, valkey, PENSTOCK_WINDOW_STORE=store) as service:
            await service.serving()
            async with service.channel() as channel:
                await pb_grpc.RateLimitServiceStub(channel).Check(ONE)
    assert client.type("wk") == b"string"
    assert client.type("zk") == b"zset"


async def test_sigterm_ends_it_with_an_open_stream(short_dir: Path, valkey: str) -> None:
    async with rate_limit_process(short_dir, valkey, PENSTOCK_DRAIN_SECONDS="60") as service:
        await service.serving()
        async with (
            service.channel() as channel,
            open_stream(pb_grpc.RateLimitServiceStub(channel).StreamChecks()) as call,
        ):
            await call.write(service_pb.StreamChecksRequest(batch_id=1, checks=[CHECK]))
            await call.read()
            service.process.send_signal(signal.SIGTERM)
            assert await call.read() is grpc.aio.EOF
        code, _ = await service.ended()
        assert code == 0


async def test_settings_at_fault_are_all_reported_and_show_no_secret(short_dir: Path) -> None:
    url = "redis://user:hunter2@127.0.0.1:1"
    async with rate_limit_process(
        short_dir, url, PENSTOCK_REDIS_TIMEOUT_SECONDS="-1", PENSTOCK_LOG_LEVEL="loud"
    ) as service:
        code, out = await service.ended()
    assert code == 2
    assert "PENSTOCK_REDIS_TIMEOUT_SECONDS" in out
    assert "PENSTOCK_LOG_LEVEL" in out
    assert "hunter2" not in out


async def _first_answer(stub: "pb_grpc.RateLimitServiceAsyncStub") -> int:
    """What remains, by the first decision that comes after failures."""
    while True:
        try:
            return (await stub.Check(ONE)).decision.remaining
        except grpc.aio.AioRpcError as error:
            if from_rpc_error(error).reason != reasons.ERROR_REASON_LIMIT_UNAVAILABLE:
                raise
