"""The running services against their contract: no open rpc, and the status table lists what is not served yet."""

import re
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor
from penstock.auth.v1 import (
    admin_token_service_pb2,
    api_key_service_pb2,
    auth_service_pb2,
    provisioning_service_pb2,
    token_service_pb2,
    user_service_pb2,
)
from penstock.config.v1 import config_service_pb2, gateway_service_pb2, tenant_service_pb2
from penstock.ratelimit.v1 import concurrency_service_pb2, rate_limit_service_pb2
from penstock.telemetry.v1 import ingest_service_pb2, query_service_pb2
from penstock.telemetry.v1 import provisioning_service_pb2 as telemetry_provisioning_service_pb2

from svckit.identity import ProcessIdentity
from tests.e2e.suite import Suite

ROOT = Path(__file__).resolve().parents[2]
CONTRACT = {
    "authsvc": (
        admin_token_service_pb2,
        api_key_service_pb2,
        auth_service_pb2,
        provisioning_service_pb2,
        token_service_pb2,
        user_service_pb2,
    ),
    "ratelimitsvc": (concurrency_service_pb2, rate_limit_service_pb2),
    "configsvc": (config_service_pb2, gateway_service_pb2, tenant_service_pb2),
    "telemetrysvc": (ingest_service_pb2, query_service_pb2, telemetry_provisioning_service_pb2),
}
RPCS = {
    f"/{service.full_name}/{method.name}": (process, method)
    for process, modules in CONTRACT.items()
    for module in modules
    for service in module.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}
CALLERS = ("ctl", "admin", "edge", "configsvc")


def ask(suite: Suite, name: str, caller: str | None) -> grpc.StatusCode:
    """How the service answers an empty request."""
    process, method = RPCS[name]
    metadata = []
    if caller is not None:
        identity = ProcessIdentity.load(suite.data_dir / "secrets" / f"{caller}.identity")
        metadata.append(("authorization", f"Bearer {identity.token(process)}"))
    with grpc.insecure_channel(f"unix:{suite.socket(process)}") as channel:
        call = _start(channel, name, method, metadata)
        try:
            next(call, None)
        except grpc.RpcError:
            code: grpc.StatusCode = call.code()
            return code
        finally:
            call.cancel()
    return grpc.StatusCode.OK


def _start(channel: Any, name: str, method: MethodDescriptor, metadata: list[tuple[str, str]]) -> Any:
    """The call, as a stream of answers. A unary rpc is a stream of one on the wire."""
    if method.client_streaming:
        return channel.stream_stream(name)(iter([b""]), timeout=10, metadata=metadata)
    return channel.unary_stream(name)(b"", timeout=10, metadata=metadata)


@pytest.mark.parametrize("name", RPCS)
def test_no_rpc_is_open(suite: Suite, name: str) -> None:
    assert ask(suite, name, caller=None) is grpc.StatusCode.UNAUTHENTICATED


def test_the_status_table_lists_every_rpc_that_is_not_served_yet(suite: Suite) -> None:
    unserved = set()
    for name in RPCS:
        answers = {caller: ask(suite, name, caller) for caller in CALLERS}
        assert set(answers.values()) != {grpc.StatusCode.PERMISSION_DENIED}, f"nobody may call {name}"
        if grpc.StatusCode.UNIMPLEMENTED in answers.values():
            unserved.add(name.rpartition(".")[2].replace("/", "."))
    listed = re.search(r"<!-- unserved rpcs -->(.*?)<!-- end -->", (ROOT / "README.md").read_text(), re.DOTALL)
    assert listed is not None
    assert unserved == set(re.findall(r"`(\w+Service\.\w+)`", listed[1]))
