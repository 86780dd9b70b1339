"""No open rpc: each method is named with its callers, and what is not served yet says so."""

import grpc
import pytest
from penstock.auth.v1 import auth_service_pb2, provisioning_service_pb2, token_service_pb2, user_service_pb2
from penstock.auth.v1.auth_service_pb2_grpc import AuthServiceStub
from penstock.auth.v1.provisioning_service_pb2_grpc import ProvisioningServiceStub
from penstock.auth.v1.token_service_pb2_grpc import TokenServiceStub
from penstock.auth.v1.user_service_pb2_grpc import UserServiceStub

from authsvc.methods import METHODS, method_table
from svckit.errors import BY_NAME, from_rpc_error
from tests.authsvc.replica import Cluster, presented


def test_the_table_says_who_may_call_what() -> None:
    callers = {
        service: {tuple(sorted(METHODS[method])) for method in METHODS if method.split("/")[1].endswith(f".{service}")}
        for service in ("AuthService", "ApiKeyService", "AdminTokenService", "ProvisioningService")
    }
    assert callers == {
        "AuthService": {("edge",), ("ctl", "edge")},
        "ApiKeyService": {("admin", "ctl")},
        "AdminTokenService": {("admin", "ctl")},
        "ProvisioningService": {("configsvc",)},
    }
    assert METHODS["/penstock.auth.v1.AuthService/Authenticate"] == {"edge", "ctl"}


def test_teams_may_ask_who_is_calling_and_nothing_else() -> None:
    opened = {method for method, callers in method_table(["team"]).items() if "team" in callers}
    assert opened == {"/penstock.auth.v1.AuthService/Authenticate"}


async def test_what_is_not_served_yet_says_so_with_its_reason(cluster: Cluster) -> None:
    async with cluster.replica() as replica:
        channel = await replica.hosted.channel("admin")
        for stub, file in ((UserServiceStub, user_service_pb2), (TokenServiceStub, token_service_pb2)):
            for method in next(iter(file.DESCRIPTOR.services_by_name.values())).methods:
                with pytest.raises(grpc.aio.AioRpcError) as refused:
                    await getattr(stub(channel), method.name)(getattr(file, method.input_type.name)())
                assert from_rpc_error(refused.value).reason == BY_NAME["UNIMPLEMENTED"], method.full_name
                assert from_rpc_error(refused.value).detail == "This release does not serve that yet."


@pytest.mark.parametrize("caller", ["admin", "ratelimitsvc", "authsvc", None])
async def test_strangers_are_turned_away(cluster: Cluster, caller: str | None) -> None:
    key = "psk_live_nonsense"
    async with cluster.replica() as replica:
        channel = await replica.hosted.channel(caller)
        refusals = []
        for call in (
            AuthServiceStub(channel).Authenticate(presented(key)),
            AuthServiceStub(channel).AckInvalidations(auth_service_pb2.AckInvalidationsRequest()),
            ProvisioningServiceStub(channel).PurgeTenant(provisioning_service_pb2.PurgeTenantRequest()),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await call
            refusals.append(from_rpc_error(refused.value).spec.name)
    assert set(refusals) == {"CALLER_UNAUTHENTICATED" if caller is None else "CALLER_FORBIDDEN"}
