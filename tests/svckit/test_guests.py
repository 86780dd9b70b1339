"""A listener for programs without a process key: who may call there, and what."""

import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from svckit.channels import open_channel
from svckit.guests import guarded, listen_for_guests
from svckit.interceptors.shape import Context
from svckit.message_bounds import MessageBounds
from svckit.metrics import RpcMetrics
from svckit.switchboard import Mount

METHOD = "/other.v1.Program/Ask"
TOKEN = SecretStr("correct-horse-battery-staple")
LOCAL = ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "localhost:1", "unix:/run/guests.sock"]
OPEN = ["0.0.0.0:1", "10.0.0.7:1", "[::]:1", ":1", "example.com:1"]


@pytest.mark.parametrize("address", LOCAL)
def test_this_machine_needs_no_token(address: str) -> None:
    assert guarded((address,), None) == (address,)


@pytest.mark.parametrize("address", OPEN)
def test_an_address_that_others_reach_needs_a_token(address: str) -> None:
    with pytest.raises(ValueError, match="PENSTOCK_ENVOY_TOKEN"):
        guarded(("127.0.0.1:1", address), None)
    assert guarded((address,), TOKEN) == (address,)


class Program:
    """Answers what it is asked."""

    async def Ask(self, request: bytes, _context: Context) -> bytes:
        return request


def add(program: Program, server: Any) -> None:
    server.add_registered_method_handlers("other.v1.Program", {"Ask": grpc.unary_unary_rpc_method_handler(program.Ask)})


@asynccontextmanager
async def listening(folder: Path, token: SecretStr | None) -> AsyncIterator[grpc.aio.Channel]:
    """A channel to a listener for guests."""
    addresses = [f"unix:{folder / secrets.token_hex(4)}.sock"]
    bounds, metrics = MessageBounds(1024, 1024), RpcMetrics(CollectorRegistry())
    async with AsyncExitStack() as stack:
        mount = Mount(add, Program())
        _, (target,) = await listen_for_guests(stack, [METHOD], mount, addresses, token, metrics, bounds)
        yield await stack.enter_async_context(open_channel(target, None, "program"))


async def ask(channel: grpc.aio.Channel, method: str = METHOD, *metadata: tuple[str, str]) -> bytes | grpc.StatusCode:
    """The answer, or with which code there is none."""
    call: Any = channel.unary_unary(method)
    try:
        return bytes(await call(b"?", metadata=metadata))
    except grpc.aio.AioRpcError as error:
        return error.code()


@pytest.mark.parametrize(
    ("given", "answer"),
    [
        pytest.param([f"Bearer {TOKEN.get_secret_value()}"], b"?", id="the token"),
        pytest.param([], grpc.StatusCode.UNAUTHENTICATED, id="none"),
        pytest.param(["Bearer wrong"], grpc.StatusCode.UNAUTHENTICATED, id="another one"),
        pytest.param([TOKEN.get_secret_value()], grpc.StatusCode.UNAUTHENTICATED, id="no scheme"),
        pytest.param([f"Bearer {TOKEN.get_secret_value()}", "Bearer x"], grpc.StatusCode.UNAUTHENTICATED, id="two"),
    ],
)
async def test_a_listener_with_a_token_asks_for_it(
    short_dir: Path, given: list[str], answer: bytes | grpc.StatusCode
) -> None:
    async with listening(short_dir, TOKEN) as channel:
        assert await ask(channel, METHOD, *(("authorization", each) for each in given)) == answer


async def test_a_listener_without_a_token_answers_all_who_reach_it(short_dir: Path) -> None:
    async with listening(short_dir, None) as channel:
        assert await ask(channel) == b"?"


@pytest.mark.parametrize("method", ["/penstock.auth.v1.AuthService/Authenticate", "/grpc.health.v1.Health/Check"])
async def test_nothing_else_can_be_called_there(short_dir: Path, method: str) -> None:
    async with listening(short_dir, None) as channel:
        assert await ask(channel, method) is grpc.StatusCode.UNIMPLEMENTED
