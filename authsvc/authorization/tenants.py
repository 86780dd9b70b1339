"""What is known of all tenants, by what requests name them: id, slug, short id in a key, host. Pure.

Kept current by a `svckit.config_watch.ConfigWatch`.
"""

from dataclasses import dataclass
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp
from penstock.config.v1 import config_service_pb2, gateway_config_pb2, tenant_pb2

from domain.tenant_states import ReadOnly, Subscription, SubscriptionRules, TenantStatus
from domain.tenants import DEFAULT_TENANT, TenantId

# A status that this release does not know does not serve.
_STATUS: Final = {
    tenant_pb2.TENANT_STATUS_PROVISIONING: TenantStatus.PROVISIONING,
    tenant_pb2.TENANT_STATUS_ACTIVE: TenantStatus.ACTIVE,
    tenant_pb2.TENANT_STATUS_DELETING: TenantStatus.DELETING,
}


@dataclass(frozen=True, slots=True)
class TenantState:
    """One tenant. `rules` are None while it inherits those of `default`."""

    id: TenantId
    slug: str
    short_id: str
    status: TenantStatus
    demo: bool = False
    parent_id: TenantId | None = None
    hosts: tuple[str, ...] = ()
    subscription: Subscription = Subscription()
    read_only: ReadOnly = ReadOnly()
    rules: SubscriptionRules | None = None


class Tenants:
    """The tenants that configsvc has told of."""

    def __init__(self) -> None:
        self.by_id: dict[TenantId, TenantState] = {}
        self.by_slug: dict[str, TenantState] = {}
        self.by_short_id: dict[str, TenantState] = {}
        self.by_host: dict[str, TenantState] = {}

    @property
    def default(self) -> TenantState | None:
        """The tenant `default`."""
        return self.by_id.get(DEFAULT_TENANT)

    def named(self, name: str) -> TenantState | None:
        """The tenant with this id or slug."""
        return self.by_id.get(TenantId(name)) or self.by_slug.get(name)

    def rules_of(self, tenant: TenantState) -> SubscriptionRules:
        """The rules by which the tenant's subscription is judged."""
        if tenant.rules is not None:
            return tenant.rules
        inherited = self.default.rules if self.default is not None else None
        return inherited or SubscriptionRules()

    def put(self, snapshot: config_service_pb2.TenantSnapshot) -> None:
        """Takes the newest state of a tenant, in place of an earlier one."""
        self.drop(snapshot.tenant.id)
        state = _state(snapshot.tenant, snapshot.config)
        self.by_id[state.id] = self.by_slug[state.slug] = self.by_short_id[state.short_id] = state
        self.by_host |= dict.fromkeys(state.hosts, state)

    def drop(self, tenant_id: str) -> None:
        """Forgets a tenant, which may be unknown."""
        state = self.by_id.pop(TenantId(tenant_id), None)
        if state is None:
            return
        for names, name in (
            (self.by_slug, state.slug),
            (self.by_short_id, state.short_id),
            *((self.by_host, host) for host in state.hosts),
        ):
            if names.get(name) is state:  # else it is another tenant's by now
                del names[name]


def _state(record: tenant_pb2.Tenant, config: gateway_config_pb2.GatewayConfig) -> TenantState:
    subscription, frozen = record.subscription, record.read_only
    grace = config.subscription.grace
    rules = SubscriptionRules(grace.seconds + grace.nanos / 1e9, tuple(config.subscription.tiers))
    return TenantState(
        id=TenantId(record.id),
        slug=record.slug,
        short_id=record.short_id,
        status=_STATUS.get(record.status, TenantStatus.SUSPENDED),
        demo=record.kind == tenant_pb2.TENANT_KIND_DEMO,
        parent_id=TenantId(record.parent_id) if record.parent_id else None,
        hosts=tuple(record.hosts),
        subscription=Subscription(
            subscription.tier,
            subscription.status or "active",
            _seconds(subscription.valid_until) if subscription.HasField("valid_until") else None,
        ),
        read_only=ReadOnly(frozen.on, frozen.reason, _seconds(frozen.until) if frozen.HasField("until") else None),
        rules=None if config.inherit_default else rules,
    )


def _seconds(time: Timestamp) -> float:
    return time.seconds + time.nanos / 1e9
