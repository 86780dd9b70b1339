"""Check over a real channel: what is answered, above all when something fails on our side."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import grpc
import orjson
import pytest
from penstock.envoy.v3 import authorization_pb2 as pb
from penstock.errors.v1 import error_reason_pb2 as reasons
from prometheus_client import CollectorRegistry

from authsvc.authorization.servicer import AuthorizationServicer, listen_for_envoy
from authsvc.authorization.tenants import Tenants
from svckit.channels import open_channel
from svckit.errors import Fault
from svckit.message_bounds import MessageBounds
from svckit.metrics import RpcMetrics

from .places import ACME, check, key, known
from .proving import Proving, told
from .serving import checking

KEY = {"x-api-key": key(), "x-request-id": b"r-1"}


async def not_told() -> Tenants:
    raise Fault(reasons.ERROR_REASON_NOT_READY)


class Served:
    """A listener, and what it has counted."""

    def __init__(self, channel: grpc.aio.Channel, registry: CollectorRegistry) -> None:
        self._channel = channel
        self._registry = registry

    async def answer(self, request: pb.CheckRequest) -> pb.CheckResponse:
        return await checking(self._channel)(request)

    def counted(self, code: str) -> float | None:
        return self._registry.get_sample_value("auth_checks_total", {"code": code})


Serve = Callable[..., Awaitable[Served]]


@pytest.fixture
async def serve(short_dir: Path) -> AsyncIterator[Serve]:
    async with AsyncExitStack() as stack:

        async def serving(proving: Any = None, tenants: Any = told) -> Served:
            registry = CollectorRegistry()
            servicer = AuthorizationServicer(proving or Proving(), tenants, registry)
            address = f"unix:{short_dir}/{id(servicer):x}.sock"
            _, (target,) = await listen_for_envoy(stack, servicer, [address], None, RpcMetrics(registry))
            bounds = MessageBounds(request=16 * 1024 * 1024, answer=1024 * 1024)
            channel = await stack.enter_async_context(open_channel(target, None, "authsvc", bounds=bounds))
            return Served(channel, registry)

        yield serving


async def test_a_request_that_proves_somebody_goes_on(serve: Serve) -> None:
    served = await serve()
    answer = await served.answer(check(KEY))
    own = {each.header.key: each.header.value for each in answer.ok_response.headers}
    assert (answer.status.code, own["X-User-ID"], own["X-Request-ID"]) == (0, "c-1", "r-1")
    assert served.counted("OK") == 1


async def test_a_request_without_an_id_gets_one(serve: Serve) -> None:
    answer = await (await serve()).answer(check())
    told_id = next(each.header.value for each in answer.denied_response.headers if each.header.key == "X-Request-ID")
    assert len(told_id) == 36
    assert orjson.loads(answer.denied_response.body)["request_id"] == told_id


async def test_nobody_is_asked_about_what_decides_nothing(serve: Serve) -> None:
    proving = Proving()
    served = await serve(proving)
    await served.answer(check(KEY, {"auth": "none"}))
    await served.answer(check({"authorization": b"Basic YTpi"}))
    await served.answer(check(KEY, {"tenant": "gone"}))
    assert proving.asked == []


@pytest.mark.parametrize(
    ("failure", "code", "status"),
    [
        (ConnectionRefusedError(), "AUTH_UNAVAILABLE", 503),
        (Fault(reasons.ERROR_REASON_DEADLINE_EXCEEDED), "AUTH_UNAVAILABLE", 503),
        (Fault(reasons.ERROR_REASON_OVERLOADED), "OVERLOADED", 503),
        (ZeroDivisionError("the secret plan"), "INTERNAL", 500),
    ],
)
async def test_a_failure_of_ours_is_no_refusal(serve: Serve, failure: Exception, code: str, status: int) -> None:
    served = await serve(Proving(failure))
    answer = await served.answer(check(KEY))
    assert answer.WhichOneof("http_response") == "error_response"
    assert (answer.error_response.status.code, orjson.loads(answer.error_response.body)["code"]) == (status, code)
    assert b"secret plan" not in answer.SerializeToString()
    assert answer.status.code != 0
    assert served.counted(code) == 1


async def test_before_anything_is_known_nobody_is_refused(serve: Serve) -> None:
    answer = await (await serve(tenants=not_told)).answer(check(KEY))
    assert orjson.loads(answer.error_response.body)["code"] == "NOT_READY"


@pytest.mark.parametrize(
    ("fields", "extensions", "code"),
    [
        pytest.param(KEY, {}, "NOT_READY", id="the store knows its key"),
        pytest.param(KEY, {"auth": "none"}, "KEY_INVALID", id="its key is not looked at"),
        pytest.param({"x-api-key": key("unknown0")}, {}, "KEY_INVALID", id="nobody knows its key"),
    ],
)
async def test_a_tenant_that_is_not_known_yet_is_none_that_is_not(
    serve: Serve, fields: dict[str, bytes], extensions: dict[str, str], code: str
) -> None:
    tenants = known()
    tenants.drop(ACME)

    async def few() -> Tenants:
        return tenants

    answer = await (await serve(tenants=few)).answer(check(fields, extensions))
    told_body = answer.denied_response.body or answer.error_response.body
    assert orjson.loads(told_body)["code"] == code


async def test_no_credential_stands_in_the_log(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    secret = key().decode()
    for proving in (Proving(), Proving(ZeroDivisionError())):
        served = await serve(proving)
        for name, value in (("x-api-key", secret), ("authorization", f"Bearer {secret}"), ("x-request-id", secret)):
            await served.answer(check({name: value.encode()}, path=f"/{secret}?key={secret}".encode()))
            await served.answer(check({name: value.encode()}, {"wrong": "yes"}))
    shown = capsys.readouterr()
    assert "handler failed" in shown.out
    assert secret[26:] not in shown.out + shown.err


async def test_a_fault_of_the_other_gateways_config_is_told_in_the_log_alone(
    serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = await (await serve()).answer(check(KEY, {"scope": "admin"}))
    body = orjson.loads(answer.error_response.body)
    assert (answer.error_response.status.code, body["code"]) == (500, "INTERNAL")
    assert "scope" not in answer.error_response.body
    assert "scope is not known" in capsys.readouterr().out


async def test_no_head_that_envoy_takes_is_too_long_to_be_judged(serve: Serve) -> None:
    fields = {f"x_user_id{'_' * number}": b"v" * 8_000 for number in range(1_000)}
    async with asyncio.timeout(20):
        answer = await (await serve()).answer(check({**KEY, **fields}))
    assert answer.status.code == 0


async def test_what_is_no_request_of_http_is_a_fault(serve: Serve) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await (await serve()).answer(pb.CheckRequest())
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
