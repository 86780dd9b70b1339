"""The lines of a call name the tenant that its request names, and no text of the caller's."""

import asyncio

import pytest
import structlog
from penstock.auth.v1 import api_key_service_pb2 as pb
from penstock.auth.v1.api_key_service_pb2_grpc import (
    ApiKeyServiceServicer,
    ApiKeyServiceStub,
    add_ApiKeyServiceServicer_to_server,
)

from svckit.interceptors.shape import Context
from svckit.switchboard import Mount
from tests.support.services import ServiceHost

DEADLINE_SECONDS = 20
TENANT = "01900000-0000-7000-8000-00000000000a"
SERVICE = pb.DESCRIPTOR.services_by_name["ApiKeyService"]
METHODS = {f"/{SERVICE.full_name}/{method.name}": frozenset({"admin"}) for method in SERVICE.methods}


class Keys(ApiKeyServiceServicer):
    """Logs a line of its own."""

    async def GetApiKey(self, _request: pb.GetApiKeyRequest, _context: Context) -> pb.GetApiKeyResponse:
        structlog.get_logger().info("looking")
        return pb.GetApiKeyResponse()


async def lines(
    host: ServiceHost, capsys: pytest.CaptureFixture[str], caller: str, *requests: pb.GetApiKeyRequest
) -> list[str]:
    """What is logged while the requests are served, one after the other on one connection."""
    # The generated defaults of the other rpcs are abstract to the type checker only.
    mount = Mount(add_ApiKeyServiceServicer_to_server, Keys())  # type: ignore[abstract]
    hosted = await host.serve("authsvc", METHODS, [mount])
    stub = ApiKeyServiceStub(await hosted.channel(caller))
    capsys.readouterr()
    text = ""
    async with asyncio.timeout(DEADLINE_SECONDS):
        for number, request in enumerate(requests, 1):
            await stub.GetApiKey(request).code()
            while text.count(" rpc ") < number:  # its line follows the answer
                await asyncio.sleep(0)
                text += capsys.readouterr().out
    return [line for line in text.splitlines() if "looking" in line or "rpc" in line]


async def test_the_handlers_lines_and_the_calls_own_name_the_tenant(
    service_host: ServiceHost, capsys: pytest.CaptureFixture[str]
) -> None:
    logged = await lines(service_host, capsys, "admin", pb.GetApiKeyRequest(tenant_id=TENANT))

    assert [f"tenant_id={TENANT}" in line for line in logged] == [True, True]


@pytest.mark.parametrize("sent", ["", "hunter2", TENANT.upper(), f"{TENANT}\n", TENANT.replace("-", "")])
async def test_what_is_no_tenant_id_is_not_repeated(
    service_host: ServiceHost, capsys: pytest.CaptureFixture[str], sent: str
) -> None:
    logged = await lines(
        service_host, capsys, "admin", pb.GetApiKeyRequest(tenant_id=TENANT), pb.GetApiKeyRequest(tenant_id=sent)
    )

    assert ["tenant_id" in line for line in logged] == [True, True, False, False]
    assert not any("hunter2" in line for line in logged)


async def test_a_stranger_names_no_tenant(service_host: ServiceHost, capsys: pytest.CaptureFixture[str]) -> None:
    logged = await lines(service_host, capsys, "edge", pb.GetApiKeyRequest(tenant_id=TENANT))

    assert logged
    assert not any(TENANT in line for line in logged)
