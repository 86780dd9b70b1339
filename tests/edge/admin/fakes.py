"""The three services behind the management API, in memory, served with svckit's real chain."""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import yaml
from penstock.auth.v1 import admin_token_service_pb2 as tokens_pb2
from penstock.auth.v1 import admin_token_service_pb2_grpc as tokens_grpc
from penstock.auth.v1 import api_key_pb2, invalidation_pb2
from penstock.auth.v1 import api_key_service_pb2 as keys_pb2
from penstock.auth.v1 import api_key_service_pb2_grpc as keys_grpc
from penstock.config.v1 import config_service_pb2 as config_pb2
from penstock.config.v1 import config_service_pb2_grpc as config_grpc
from penstock.config.v1 import gateway_config_pb2, tenant_pb2
from penstock.config.v1 import gateway_service_pb2 as gateways_pb2
from penstock.config.v1 import gateway_service_pb2_grpc as gateways_grpc
from penstock.config.v1 import tenant_service_pb2 as tenants_pb2
from penstock.config.v1 import tenant_service_pb2_grpc as tenants_grpc
from penstock.errors.v1 import error_reason_pb2 as reasons
from penstock.telemetry.v1 import query_service_pb2 as query_pb2
from penstock.telemetry.v1 import query_service_pb2_grpc as query_grpc
from penstock.telemetry.v1 import record_pb2
from prometheus_client import CollectorRegistry

from authsvc.authorization.servicer import METHOD as CHECK_METHOD
from authsvc.authorization.servicer import AuthorizationServicer, add_authorization
from domain.tenants import DEFAULT_TENANT
from svckit.call_context import request_id
from svckit.errors import Fault
from svckit.interceptors.identity import MethodTable
from svckit.switchboard import Mount
from tests.authsvc.authorization.proving import Proving, told

Context = Any
ACME, GLOBEX = "01890000-0000-7000-8000-00000000000a", "01890000-0000-7000-8000-00000000000b"
OPERATOR, ADMIN, VIEWER, FOREIGN = "psa_operator", "psa_acmeadmin", "psa_acmeviewer", "psa_globexadmin"


@dataclass(slots=True)
class Heard:
    """What the services were asked: request ids by rpc message name."""

    calls: list[tuple[str, str]] = field(default_factory=list)

    def note(self, request: Any) -> None:
        """Notes a request and the id that it came with."""
        self.calls.append((type(request).__name__, request_id()))

    def names(self) -> list[str]:
        """The names of the request messages, in order."""
        return [name for name, _ in self.calls]


class FakeTokens(tokens_grpc.AdminTokenServiceServicer):
    """Admin tokens by secret."""

    def __init__(self, heard: Heard) -> None:
        self.heard = heard
        self.by_secret = {
            OPERATOR: _token("op", tokens_pb2.ADMIN_ROLE_OPERATOR, ""),
            ADMIN: _token("aa", tokens_pb2.ADMIN_ROLE_TENANT_ADMIN, ACME),
            VIEWER: _token("av", tokens_pb2.ADMIN_ROLE_TENANT_VIEWER, ACME),
            FOREIGN: _token("ga", tokens_pb2.ADMIN_ROLE_TENANT_ADMIN, GLOBEX),
        }

    async def AuthenticateAdminToken(self, request: Any, context: Context) -> Any:
        return tokens_pb2.AuthenticateAdminTokenResponse(token=self.by_secret.get(request.secret))

    async def CreateAdminToken(self, request: Any, context: Context) -> Any:
        self.heard.note(request)
        secret = f"psa_made{len(self.by_secret)}"
        token = _token(f"made{len(self.by_secret)}", request.role, request.tenant_id)
        token.name = request.name
        self.by_secret[secret] = token
        return tokens_pb2.CreateAdminTokenResponse(token=token, secret=secret)

    async def RevokeAdminToken(self, request: Any, context: Context) -> Any:
        self.heard.note(request)
        self.by_secret = {secret: each for secret, each in self.by_secret.items() if each.id != request.token_id}
        return tokens_pb2.RevokeAdminTokenResponse()


class FakeKeys(keys_grpc.ApiKeyServiceServicer):
    """API keys by id. `pending` are the edges that do not acknowledge a revocation in time."""

    def __init__(self, heard: Heard) -> None:
        self.heard = heard
        self.keys: dict[str, api_key_pb2.ApiKey] = {}
        self.pending: list[invalidation_pb2.Instance] = []

    async def CreateApiKey(self, request: Any, context: Context) -> Any:
        self.heard.note(request)
        return keys_pb2.CreateApiKeyResponse(key=self._make(request), secret="psk_live_once")

    async def ImportApiKeys(self, request: Any, context: Context) -> Any:
        self.heard.note(request)
        named = [keys_pb2.CreateApiKeyRequest(tenant_id=request.tenant_id, name=each.name) for each in request.keys]
        return keys_pb2.ImportApiKeysResponse(keys=map(self._make, named), created=len(named) - 1)

    async def GetApiKey(self, request: Any, context: Context) -> Any:
        return keys_pb2.GetApiKeyResponse(key=self._owned(request))

    async def ListApiKeys(self, request: Any, context: Context) -> Any:
        owned = [
            each
            for each in reversed(self.keys.values())
            if each.tenant_id == request.tenant_id and request.labels.items() <= each.labels.items()
        ]
        start = int(request.page_token or 0)
        page = owned[start : start + request.page_size]
        more = str(start + len(page)) if start + len(page) < len(owned) else ""
        return keys_pb2.ListApiKeysResponse(keys=page, next_page_token=more)

    async def RotateApiKey(self, request: Any, context: Context) -> Any:
        self.heard.note(request)
        return keys_pb2.RotateApiKeyResponse(key=self._make(self._owned(request)), secret="psk_live_next")

    async def RevokeApiKey(self, request: Any, context: Context) -> Any:
        return self._withdrawn(keys_pb2.RevokeApiKeyResponse, request, api_key_pb2.API_KEY_STATE_REVOKED)

    async def DisableApiKey(self, request: Any, context: Context) -> Any:
        return self._withdrawn(keys_pb2.DisableApiKeyResponse, request, api_key_pb2.API_KEY_STATE_DISABLED)

    async def EnableApiKey(self, request: Any, context: Context) -> Any:
        self.heard.note(request)
        key = self._owned(request)
        key.state = api_key_pb2.API_KEY_STATE_ACTIVE
        return keys_pb2.EnableApiKeyResponse(key=key)

    def _withdrawn(self, response: Any, request: Any, state: api_key_pb2.ApiKeyState.ValueType) -> Any:
        self.heard.note(request)
        key = self._owned(request)
        key.state = state
        answer = response(key=key, revision=7, in_force=not self.pending, pending=self.pending)
        answer.effective_time.FromSeconds(1_800_000_000)
        return answer

    def _make(self, source: Any) -> api_key_pb2.ApiKey:
        key = api_key_pb2.ApiKey(
            id=f"key{len(self.keys)}",
            tenant_id=source.tenant_id,
            name=source.name,
            consumer=source.consumer,
            scopes=source.scopes,
            labels=source.labels,
            state=api_key_pb2.API_KEY_STATE_ACTIVE,
        )
        if source.HasField("expire_time"):
            key.expire_time.CopyFrom(source.expire_time)
        self.keys[key.id] = key
        return key

    def _owned(self, request: Any) -> api_key_pb2.ApiKey:
        key = self.keys.get(request.key_id)
        if key is None or key.tenant_id != request.tenant_id:
            raise Fault(reasons.ERROR_REASON_NOT_FOUND)
        return key


class FakeTenants(tenants_grpc.TenantServiceServicer):
    """Tenants by id; deletion is not served, as in this release."""

    def __init__(self, heard: Heard) -> None:
        self.heard = heard
        self.tenants = {ACME: _tenant(ACME, "acme"), GLOBEX: _tenant(GLOBEX, "globex")}

    async def RegisterTenant(self, request: Any, context: Context) -> Any:
        self.heard.note(request)
        if any(each.slug == request.slug for each in self.tenants.values()):
            raise Fault(reasons.ERROR_REASON_ALREADY_EXISTS)
        tenant = _tenant(str(UUID(int=len(self.tenants))), request.slug)
        tenant.name = request.name
        tenant.hosts.extend(request.hosts)
        self.tenants[tenant.id] = tenant
        return tenants_pb2.RegisterTenantResponse(tenant=tenant, api_key="psk_live_first")

    async def GetTenant(self, request: Any, context: Context) -> Any:
        self.heard.note(request)
        for each in self.tenants.values():
            if request.tenant_id in (each.id, each.slug):
                return tenants_pb2.GetTenantResponse(tenant=each)
        raise Fault(reasons.ERROR_REASON_NOT_FOUND)

    async def ListTenants(self, request: Any, context: Context) -> Any:
        return tenants_pb2.ListTenantsResponse(tenants=self.tenants.values(), next_page_token="more")

    async def UpdateTenant(self, request: Any, context: Context) -> Any:
        self.heard.note(request)
        tenant = self.tenants[request.tenant.id]
        if request.HasField("expected_state_version") and request.expected_state_version != tenant.state_version:
            raise Fault(reasons.ERROR_REASON_VERSION_CONFLICT)
        request.update_mask.MergeMessage(request.tenant, tenant, True, True)
        tenant.state_version += 1
        return tenants_pb2.UpdateTenantResponse(tenant=tenant)

    async def DeleteTenant(self, request: Any, context: Context) -> Any:
        raise Fault(reasons.ERROR_REASON_UNIMPLEMENTED)


class FakeConfigs(config_grpc.ConfigServiceServicer):
    """Versions of documents by tenant; a document with the member `wrong` is not valid. As messages they are
    `messages`, whatever the text says; without one a tenant inherits, and `default` is empty."""

    def __init__(self, heard: Heard) -> None:
        self.heard = heard
        self.versions: dict[str, list[tuple[config_pb2.ConfigVersion, Any]]] = {}
        self.messages: dict[str, gateway_config_pb2.GatewayConfig] = {}
        for tenant_id in (ACME, DEFAULT_TENANT):
            self.publish({"inherit": "default"}, tenant_id, "penstock")

    def publish(self, document: Any, tenant_id: str, author: str) -> config_pb2.ConfigVersion:
        """Adds a version."""
        history = self.versions.setdefault(tenant_id, [])
        version = config_pb2.ConfigVersion(version=len(history) + 1, revision=len(history) + 10, author=author)
        version.create_time.FromSeconds(1_700_000_000)
        history.append((version, document))
        return version

    async def PublishConfig(self, request: Any, context: Context) -> Any:
        self.heard.note(request)
        newest = len(self.versions.get(request.tenant_id, []))
        if request.HasField("expected_version") and request.expected_version != newest:
            raise Fault(reasons.ERROR_REASON_VERSION_CONFLICT)
        document, faults = _read(request.document)
        warnings = [config_pb2.DocumentFault(path="routes", message="There are no routes.")]
        if faults or request.dry_run:
            return config_pb2.PublishConfigResponse(version=newest, faults=faults, warnings=warnings)
        made = self.publish(document, request.tenant_id, request.author)
        return config_pb2.PublishConfigResponse(
            version=made.version, changed=True, revision=made.revision, warnings=warnings
        )

    async def GetConfig(self, request: Any, context: Context) -> Any:
        version, document = self._version(request.tenant_id, request.version)
        as_yaml = request.format == config_pb2.DOCUMENT_FORMAT_YAML
        text = yaml.safe_dump(document) if as_yaml else json.dumps(document)
        inherits = gateway_config_pb2.GatewayConfig(inherit_default=request.tenant_id != DEFAULT_TENANT)
        message = self.messages.get(request.tenant_id, inherits)
        return config_pb2.GetConfigResponse(version=version, document=text, config=message)

    async def ListConfigVersions(self, request: Any, context: Context) -> Any:
        versions = [version for version, _ in reversed(self.versions.get(request.tenant_id, []))]
        return config_pb2.ListConfigVersionsResponse(versions=versions)

    async def RollbackConfig(self, request: Any, context: Context) -> Any:
        self.heard.note(request)
        _, document = self._version(request.tenant_id, request.version)
        return config_pb2.RollbackConfigResponse(version=self.publish(document, request.tenant_id, request.author))

    async def WatchConfig(self, request: Any, context: Context) -> AsyncIterator[config_pb2.WatchConfigResponse]:
        raise Fault(reasons.ERROR_REASON_UNIMPLEMENTED)
        yield config_pb2.WatchConfigResponse()

    async def AckConfig(self, request: Any, context: Context) -> Any:
        raise Fault(reasons.ERROR_REASON_UNIMPLEMENTED)

    def _version(self, tenant_id: str, number: int) -> tuple[config_pb2.ConfigVersion, Any]:
        history = self.versions.get(tenant_id, [])
        if not 0 <= number <= len(history) or not history:
            raise Fault(reasons.ERROR_REASON_NOT_FOUND)
        return history[(number or len(history)) - 1]


class FakeGateways(gateways_grpc.GatewayServiceServicer):
    """One edge worker that stands to both tenants, whoever asks."""

    async def ListGateways(self, request: Any, context: Context) -> Any:
        deliveries = [
            gateways_pb2.TenantDelivery(tenant_id=each, config_version=1, state=gateways_pb2.DELIVERY_STATE_APPLIED)
            for each in (ACME, GLOBEX)
        ]
        instance = config_pb2.Instance(gateway_id="gw-1", slot=0, boot_id="b")
        gateway = gateways_pb2.Gateway(instance=instance, scope="default", connected=True, tenants=deliveries)
        return gateways_pb2.ListGatewaysResponse(gateways=[gateway], head_revision=12)

    async def CreateGatewayCredential(self, request: Any, context: Context) -> Any:
        raise Fault(reasons.ERROR_REASON_UNIMPLEMENTED)

    async def RevokeGatewayCredential(self, request: Any, context: Context) -> Any:
        raise Fault(reasons.ERROR_REASON_UNIMPLEMENTED)


class FakeRecords(query_grpc.QueryServiceServicer):
    """One request per tenant; the other queries are not served, as in this release."""

    def __init__(self, heard: Heard) -> None:
        self.heard = heard
        self.asked: list[query_pb2.ListRequestsRequest] = []

    async def ListRequests(self, request: Any, context: Context) -> Any:
        self.heard.note(request)
        self.asked.append(request)
        record = record_pb2.RequestRecord(
            id=UUID(ACME).bytes,
            tenant_id=UUID(request.tenant_id).bytes,
            start_micros=1_700_000_000_250_000,
            duration_micros=1500,
            request_id="seen",
            method="GET",
            path="/api/v1/sales",
            status=200,
        )
        return query_pb2.ListRequestsResponse(requests=[record], next_page_token="older")

    async def ListErrors(self, request: Any, context: Context) -> Any:
        raise Fault(reasons.ERROR_REASON_UNIMPLEMENTED)

    async def ListHealth(self, request: Any, context: Context) -> Any:
        raise Fault(reasons.ERROR_REASON_UNIMPLEMENTED)

    async def QueryMetrics(self, request: Any, context: Context) -> Any:
        raise Fault(reasons.ERROR_REASON_UNIMPLEMENTED)


@dataclass(slots=True)
class Fakes:
    """All of them, sharing what was heard."""

    heard: Heard = field(default_factory=Heard)

    def __post_init__(self) -> None:
        self.tokens, self.keys = FakeTokens(self.heard), FakeKeys(self.heard)
        self.tenants, self.configs = FakeTenants(self.heard), FakeConfigs(self.heard)
        self.records, self.proving = FakeRecords(self.heard), Proving()

    tokens: FakeTokens = field(init=False)
    keys: FakeKeys = field(init=False)
    tenants: FakeTenants = field(init=False)
    configs: FakeConfigs = field(init=False)
    records: FakeRecords = field(init=False)
    proving: Proving = field(init=False)

    def processes(self) -> Iterator[tuple[str, MethodTable, list[Mount]]]:
        """The processes to serve: name, method table, mounts."""
        auth = [
            Mount(tokens_grpc.add_AdminTokenServiceServicer_to_server, self.tokens),
            Mount(keys_grpc.add_ApiKeyServiceServicer_to_server, self.keys),
            Mount(add_authorization, AuthorizationServicer(self.proving, told, CollectorRegistry())),
        ]
        config = [
            Mount(tenants_grpc.add_TenantServiceServicer_to_server, self.tenants),
            Mount(config_grpc.add_ConfigServiceServicer_to_server, self.configs),
            Mount(gateways_grpc.add_GatewayServiceServicer_to_server, FakeGateways()),
        ]
        telemetry = [Mount(query_grpc.add_QueryServiceServicer_to_server, self.records)]
        yield "authsvc", {**_open_to_admin(tokens_pb2, keys_pb2), CHECK_METHOD: frozenset({"admin"})}, auth
        yield "configsvc", _open_to_admin(tenants_pb2, config_pb2, gateways_pb2), config
        yield "telemetrysvc", _open_to_admin(query_pb2), telemetry


def _open_to_admin(*modules: Any) -> MethodTable:
    return {
        f"/{service.full_name}/{method.name}": frozenset({"admin"})
        for module in modules
        for service in module.DESCRIPTOR.services_by_name.values()
        for method in service.methods
    }


def _token(identifier: str, role: tokens_pb2.AdminRole.ValueType, tenant_id: str) -> tokens_pb2.AdminToken:
    return tokens_pb2.AdminToken(id=identifier, name=identifier, role=role, tenant_id=tenant_id)


def _tenant(identifier: str, slug: str) -> tenant_pb2.Tenant:
    tenant = tenant_pb2.Tenant(
        id=identifier,
        short_id=slug.ljust(8, "0")[:8],
        slug=slug,
        name=slug.title(),
        status=tenant_pb2.TENANT_STATUS_ACTIVE,
        config_version=1,
        state_version=1,
    )
    tenant.create_time.FromSeconds(1_700_000_000)
    return tenant


def _read(text: str) -> tuple[Any, list[config_pb2.DocumentFault]]:
    try:
        document = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        return None, [config_pb2.DocumentFault(message="is not YAML", line=1, column=1)]
    if not isinstance(document, dict):
        return None, [config_pb2.DocumentFault(message="is not a mapping")]
    wrong = document.get("wrong", [])
    places = wrong if isinstance(wrong, list) else [wrong]
    return document, [
        config_pb2.DocumentFault(path=f"wrong[{place}]", message="is wrong", line=place + 2, column=3)
        for place in range(len(places))
    ]
