"""ratelimitsvc as a process that Envoys may ask, with policies from a configsvc that is played."""

import secrets
from contextlib import AsyncExitStack
from pathlib import Path

import grpc
import pytest
from penstock.config.v1 import config_service_pb2 as config_pb
from penstock.envoy.v3 import rate_limit_pb2 as pb

from svckit.channels import open_channel
from svckit.identity import TrustedKeys, generate_identity
from svckit.switchboard import Mount
from tests.ratelimitsvc.processes import rate_limit_process
from tests.support.configsvc import METHODS, FakeConfig, add_watch
from tests.support.services import ServiceHost

from .configsvc import tenant
from .documents import descriptor, limited
from .serving import asking

REQUEST = pb.RateLimitRequest(domain="acme", descriptors=[descriptor("a=1")])


async def test_policies_come_from_configsvc_and_requests_are_answered_once_they_are_there(
    short_dir: Path, valkey: str
) -> None:
    folder = short_dir / secrets.token_hex(4)
    folder.mkdir()
    key, envoy = folder / "own.key", f"unix:{folder}/envoy.sock"
    trusted = TrustedKeys.parse({"ratelimitsvc": [generate_identity(key, "ratelimitsvc")]})
    config = FakeConfig()
    async with AsyncExitStack() as stack:
        host = ServiceHost(folder, {}, trusted, stack)
        mount = Mount(add_watch, config)
        hosted = await host.serve("configsvc", METHODS, [mount])
        process = await stack.enter_async_context(
            rate_limit_process(
                short_dir,
                valkey,
                PENSTOCK_IDENTITY_KEY_FILE=str(key),
                PENSTOCK_ENVOY_LIMITS_LISTEN=envoy,
                PENSTOCK_CONFIG_ADDRESS=hosted.target,
            )
        )
        channel = await stack.enter_async_context(open_channel(envoy, None, "ratelimitsvc"))
        await process.serving()
        with pytest.raises(grpc.aio.AioRpcError) as early:
            await asking(channel)(REQUEST)
        assert early.value.code() is grpc.StatusCode.UNAVAILABLE

        config.tell(tenant("acme", 1, limited("a", requests=1)), config_pb.SyncComplete(revision=1))
        codes = [(await _answered(channel)).overall_code for _ in range(2)]
        assert codes == [pb.RateLimitResponse.CODE_OK, pb.RateLimitResponse.CODE_OVER_LIMIT]


async def _answered(channel: grpc.aio.Channel) -> pb.RateLimitResponse:
    """The first answer that is none of "not yet"; the test's own time ends it."""
    while True:
        try:
            return await asking(channel)(REQUEST)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.UNAVAILABLE:
                raise
