"""Every rpc checks what it is sent, and names each field that is wrong."""

from typing import Any, Final

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from penstock.auth.v1 import admin_token_service_pb2 as tokens
from penstock.auth.v1 import api_key_service_pb2 as keys
from penstock.auth.v1 import auth_service_pb2 as auth
from penstock.auth.v1 import provisioning_service_pb2 as provisioning
from penstock.auth.v1.admin_token_service_pb2_grpc import AdminTokenServiceStub
from penstock.auth.v1.api_key_service_pb2_grpc import ApiKeyServiceStub
from penstock.auth.v1.auth_service_pb2_grpc import AuthServiceStub
from penstock.auth.v1.invalidation_pb2 import Instance
from penstock.auth.v1.principal_pb2 import Credential
from penstock.auth.v1.provisioning_service_pb2_grpc import ProvisioningServiceStub
from penstock.errors.v1 import error_reason_pb2 as reasons

from svckit.channels import open_stream
from svckit.errors import from_rpc_error
from tests.authsvc.replica import Cluster

NEVER: Final = Timestamp(seconds=2**62)
CREDENTIAL: Final = Credential(kind=9, value=b"x" * 8193, config_tenant_id="none")  # type: ignore[arg-type]
INSTANCE: Final = Instance(gateway_id="a b", slot=65_536, boot_id="none")
NAMED: Final = {"tenant_id": "none", "key_id": "none"}
LABELS: Final = {"a b": "c", "team": ""}
FAULTY: Final[dict[str, tuple[Any, list[str]]]] = {
    "Authenticate": (
        auth.AuthenticateRequest(credential=CREDENTIAL),
        ["credential.kind", "credential.value", "credential.config_tenant_id"],
    ),
    "StreamAuthenticate": (
        auth.StreamAuthenticateRequest(requests=[auth.AuthenticateRequest(credential=CREDENTIAL)]),
        [f"requests[0].credential.{field}" for field in ("kind", "value", "config_tenant_id")],
    ),
    "WatchInvalidations": (
        auth.WatchInvalidationsRequest(instance=INSTANCE),
        ["instance.gateway_id", "instance.slot", "instance.boot_id"],
    ),
    "AckInvalidations": (
        auth.AckInvalidationsRequest(instance=INSTANCE, revision=2**63, max_stale=Duration(seconds=901)),
        ["instance.gateway_id", "instance.slot", "instance.boot_id", "revision", "max_stale"],
    ),
    "ReportKeyUses": (
        auth.ReportKeyUsesRequest(uses=[auth.KeyUse(key_id="none", last_use_time=NEVER)]),
        ["uses[0].key_id", "uses[0].last_use_time"],
    ),
    "CreateApiKey": (
        keys.CreateApiKeyRequest(
            tenant_id="none", consumer="\n", scopes=["a b"], tier="a b", expire_time=NEVER, labels=LABELS
        ),
        ["tenant_id", "name", "consumer", "scopes[0]", "tier", "expire_time", "labels", "labels[team]"],
    ),
    "ImportApiKeys": (
        keys.ImportApiKeysRequest(tenant_id="none", keys=[keys.ImportedKey(labels=LABELS)]),
        ["tenant_id", "keys[0].sha256", "keys[0].name", "keys[0].labels", "keys[0].labels[team]"],
    ),
    "GetApiKey": (keys.GetApiKeyRequest(**NAMED), ["tenant_id", "key_id"]),
    "ListApiKeys": (
        keys.ListApiKeysRequest(tenant_id="none", consumer="\n", labels=LABELS, page_size=501, page_token="none"),
        ["tenant_id", "consumer", "labels", "labels[team]", "page_size", "page_token"],
    ),
    "RotateApiKey": (keys.RotateApiKeyRequest(**NAMED, grace=Duration(seconds=-1)), ["tenant_id", "key_id", "grace"]),
    "DisableApiKey": (keys.DisableApiKeyRequest(**NAMED), ["tenant_id", "key_id"]),
    "EnableApiKey": (keys.EnableApiKeyRequest(**NAMED), ["tenant_id", "key_id"]),
    "RevokeApiKey": (keys.RevokeApiKeyRequest(**NAMED), ["tenant_id", "key_id"]),
    "CreateAdminToken": (
        tokens.CreateAdminTokenRequest(
            role=tokens.ADMIN_ROLE_TENANT_ADMIN, tenant_id="none", expire_time=Timestamp(seconds=1)
        ),
        ["name", "tenant_id", "expire_time"],
    ),
    "AuthenticateAdminToken": (tokens.AuthenticateAdminTokenRequest(secret="x" * 257), ["secret"]),
    "RevokeAdminToken": (tokens.RevokeAdminTokenRequest(token_id="none"), ["token_id"]),
    "ProvisionTenant": (
        provisioning.ProvisionTenantRequest(tenant_id="none", short_id="none", request_id="a b"),
        ["tenant_id", "short_id", "request_id"],
    ),
    "PurgeTenant": (provisioning.PurgeTenantRequest(tenant_id="none"), ["tenant_id"]),
}
SERVED: Final = {
    ("edge", AuthServiceStub): auth,
    ("admin", ApiKeyServiceStub): keys,
    ("admin", AdminTokenServiceStub): tokens,
    ("configsvc", ProvisioningServiceStub): provisioning,
}
METHODS: Final = {
    method.name: (caller, stub)
    for (caller, stub), module in SERVED.items()
    for service in module.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}


def test_no_rpc_is_left_out() -> None:
    assert FAULTY.keys() == METHODS.keys()


@pytest.mark.parametrize("rpc", METHODS)
async def test_every_wrong_field_is_named(cluster: Cluster, rpc: str) -> None:
    (caller, stub), (request, paths) = METHODS[rpc], FAULTY[rpc]
    async with cluster.replica() as replica:
        method = getattr(stub(await replica.hosted.channel(caller)), rpc)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await asked(method, rpc, request)
    fault = from_rpc_error(refused.value)
    assert fault.reason == reasons.ERROR_REASON_BAD_REQUEST
    assert [field.path for field in fault.fields] == paths


async def asked(method: Any, rpc: str, request: Any) -> None:
    """Sends the request and waits for the first answer."""
    if rpc == "StreamAuthenticate":
        async with open_stream(method()) as call:
            await call.write(request)
            await call.read()
    elif rpc == "WatchInvalidations":
        async with open_stream(method(request)) as call:
            await call.read()
    else:
        await method(request)
