"""Who may call what."""

from typing import Final

from svckit.interceptors.identity import MethodTable

_PACKAGE: Final = "/penstock.config.v1"
_MANAGEMENT: Final = frozenset({"admin", "ctl"})

METHODS: Final[MethodTable] = {
    f"{_PACKAGE}.ConfigService/WatchConfig": frozenset({"edge", "authsvc", "ratelimitsvc", "telemetrysvc"}),
    f"{_PACKAGE}.ConfigService/AckConfig": frozenset({"edge"}),
    **{
        f"{_PACKAGE}.{method}": _MANAGEMENT
        for method in (
            "ConfigService/PublishConfig",
            "ConfigService/GetConfig",
            "ConfigService/ListConfigVersions",
            "ConfigService/RollbackConfig",
            "TenantService/RegisterTenant",
            "TenantService/GetTenant",
            "TenantService/ListTenants",
            "TenantService/UpdateTenant",
            "TenantService/DeleteTenant",
            "GatewayService/ListGateways",
            "GatewayService/CreateGatewayCredential",
            "GatewayService/RevokeGatewayCredential",
        )
    },
}
