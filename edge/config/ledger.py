"""The newest state of every tenant that this worker has applied, and the snapshot made of them. No I/O.

A revision never goes back: what is not newer than what is held changes nothing, and a tombstone keeps an older
copy from bringing its tenant back. Only the document that changed is compiled again.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from penstock.config.v1 import config_service_pb2 as pb

from domain.tenants import DEFAULT_TENANT, TenantId, parse_tenant_id
from edge.config.compile import compile_rules
from edge.config.defaults import NO_DEFAULTS, DocumentDefaults
from edge.config.reasons import Reason, Refused
from edge.config.tenant_view import NO_RULES, tenant_view
from edge.snapshot import GatewaySnapshot, Rules, TenantView


@dataclass(frozen=True, slots=True)
class Reject:
    """A tenant's state that was not applied; the older one stays in force."""

    tenant: TenantId
    revision: int
    reasons: tuple[Reason, ...]


@dataclass(slots=True)
class _Held:
    """`rules` is None while the tenant inherits; `event` is what a warm copy keeps, serialised."""

    revision: int
    config_hash: str
    rules: Rules | None
    view: TenantView
    event: bytes


@dataclass(frozen=True, slots=True)
class Copy:
    """One tenant's newest event as warm copies keep it: a serialised WatchConfigResponse."""

    tenant: TenantId
    revision: int
    event: bytes


class Ledger:
    """Takes events in, gives snapshots out. `env` resolves references in the document of `default`; `defaults` hold
    where documents say nothing."""

    def __init__(self, env: Mapping[str, str], defaults: DocumentDefaults = NO_DEFAULTS) -> None:
        self._env = env
        self._defaults = defaults
        self._held: dict[TenantId, _Held] = {}
        self._tombstones: dict[TenantId, Copy] = {}
        self._rejects: dict[TenantId, Reject] = {}
        self._revision = 0

    @property
    def revision(self) -> int:
        """The revision up to which everything was applied, but for the rejects."""
        return self._revision

    @property
    def resume_from(self) -> int:
        """The revision to start again from after a restart: before the oldest reject, which may then compile."""
        return min([self._revision, *(reject.revision - 1 for reject in self._rejects.values())])

    @property
    def rejects(self) -> tuple[Reject, ...]:
        return tuple(self._rejects.values())

    def copies(self) -> Iterator[Copy]:
        """Everything that a warm copy must keep, tombstones included."""
        yield from self._tombstones.values()
        for tenant, held in self._held.items():
            yield Copy(tenant, held.revision, held.event)

    def copy_of(self, tenant: TenantId) -> Copy | None:
        """What a warm copy must keep of one tenant; None when nothing of it was ever applied."""
        held = self._held.get(tenant)
        return Copy(tenant, held.revision, held.event) if held else self._tombstones.get(tenant)

    def reached(self, revision: int) -> None:
        """Notes that everything up to `revision` has been given to `apply`."""
        self._revision = max(self._revision, revision)

    def compile(self, event: pb.WatchConfigResponse) -> Rules | Refused | None:
        """The rules of the change's document, None when it has none of its own or is nothing new.

        Changes nothing, so it may run on a thread while nobody else applies.
        """
        snapshot = event.snapshot
        tenant = parse_tenant_id(snapshot.tenant.id)
        if tenant is None or snapshot.revision <= self._newest(tenant):
            return None
        return self._rules(tenant, snapshot, self._held.get(tenant))

    def apply(self, event: pb.WatchConfigResponse, rules: Rules | Refused | None) -> TenantId | None:
        """Takes one change in, with what `compile` made of it; the tenant that it changed, or None when it is
        nothing new."""
        if event.HasField("tombstone"):
            return self._bury(event)
        if event.HasField("snapshot"):
            return self._apply_snapshot(event.snapshot, rules)
        return None

    def _bury(self, event: pb.WatchConfigResponse) -> TenantId | None:
        tenant, revision = parse_tenant_id(event.tombstone.tenant_id), event.tombstone.revision
        if tenant is None or revision <= self._newest(tenant):
            return None
        self._held.pop(tenant, None)
        self._rejects.pop(tenant, None)
        self._tombstones[tenant] = Copy(tenant, revision, event.SerializeToString())
        return tenant

    def _apply_snapshot(self, snapshot: pb.TenantSnapshot, rules: Rules | Refused | None) -> TenantId | None:
        tenant = parse_tenant_id(snapshot.tenant.id)
        if tenant is None or snapshot.revision <= self._newest(tenant):
            return None
        held = self._held.get(tenant)
        view = tenant_view(tenant, snapshot.tenant, NO_RULES)
        if isinstance(view, Refused):
            self._rejects[tenant] = Reject(tenant, snapshot.revision, view.reasons)
            return tenant
        if isinstance(rules, Refused):
            self._rejects[tenant] = Reject(tenant, snapshot.revision, rules.reasons)
            if held is not None:
                # The record counts even so: a suspension must not wait for somebody to mend the document.
                self._hold_record(tenant, snapshot, held, view)
            return tenant
        self._rejects.pop(tenant, None)
        self._tombstones.pop(tenant, None)
        event = pb.WatchConfigResponse(snapshot=snapshot).SerializeToString()
        view = replace(view, rules=rules or NO_RULES)
        self._held[tenant] = _Held(snapshot.revision, snapshot.config_hash, rules, view, event)
        return tenant

    def _rules(self, tenant: TenantId, snapshot: pb.TenantSnapshot, held: _Held | None) -> Rules | Refused | None:
        """The document's rules, None when it inherits; those held already when the document is the same."""
        version = snapshot.tenant.config_version
        if snapshot.config.inherit_default:
            if tenant == DEFAULT_TENANT:
                return Refused((Reason("inherit", "default cannot inherit from itself"),))
            return None
        if held is not None and held.rules is not None and held.config_hash == snapshot.config_hash != "":
            return held.rules if held.rules.version == version else replace(held.rules, version=version)
        return compile_rules(snapshot.config, tenant, version, self._env, self._defaults)

    def _hold_record(self, tenant: TenantId, snapshot: pb.TenantSnapshot, held: _Held, view: TenantView) -> None:
        """Keeps the old document under the new record, one revision early: a restart takes the new state again."""
        kept = pb.WatchConfigResponse.FromString(held.event)
        version = kept.snapshot.tenant.config_version
        kept.snapshot.tenant.CopyFrom(snapshot.tenant)
        kept.snapshot.tenant.config_version = version
        kept.snapshot.revision = snapshot.revision - 1
        view = replace(view, rules=held.view.rules)
        self._held[tenant] = _Held(snapshot.revision - 1, held.config_hash, held.rules, view, kept.SerializeToString())

    def _newest(self, tenant: TenantId) -> int:
        held, tombstone = self._held.get(tenant), self._tombstones.get(tenant)
        return max(held.revision if held else 0, tombstone.revision if tombstone else 0)

    def snapshot(self) -> GatewaySnapshot:
        """All tenants as they are now, as one immutable value."""
        default = self._held.get(DEFAULT_TENANT)
        inherited = default.rules if default is not None and default.rules is not None else NO_RULES
        tenants: dict[TenantId, TenantView] = {}
        owners: dict[str, _Held] = {}
        for tenant, held in self._held.items():
            if held.rules is None and held.view.rules is not inherited:
                held.view = replace(held.view, rules=inherited)
            tenants[tenant] = held.view
            for host in held.view.hosts:
                # A host that moves between tenants is with both for a moment: the newer claim is the true one.
                if host not in owners or owners[host].revision < held.revision:
                    owners[host] = held
        return GatewaySnapshot(
            revision=self._revision,
            tenants=tenants,
            by_host={host: held.view for host, held in owners.items()},
            by_short_id={view.short_id: view for view in tenants.values()},
        )
