"""Claims: which call may make a tenant, and what becomes of a registration that nobody finishes.

A tenant in the making belongs to the registration that claimed it last. Functions run in the caller's transaction.
"""

import hashlib
from dataclasses import dataclass
from typing import Any, Final

from penstock.config.v1 import tenant_pb2
from penstock.errors.v1 import error_reason_pb2 as reasons

from configsvc.hosts import bind_hosts, hosts_of, move_hosts, taken_hosts
from domain.tenants import DEFAULT_TENANT, TenantId
from svckit.errors import Fault, FieldFault

# Prefix of registration ids that the server made itself; the caller cannot know them to repeat the call.
OWN_REGISTRATION: Final = "penstock.own."
# A registration without an id that was cut off may be taken up by the next one after so long.
_TAKEN_OVER_SECONDS: Final = 60
# And is removed after so long, with or without an id: far beyond the deadline of any call that is still at work.
_REMOVED_SECONDS: Final = 600
_COLUMNS: Final = "id, short_id, slug, status, config_version, registration_id, record_hash"


@dataclass(frozen=True, slots=True)
class Claim:
    """A tenant to be made; in answer to a claim, as its first call wanted it to be known to the other services."""

    tenant: TenantId
    short_id: str
    registration_id: str
    record: tenant_pb2.Tenant

    @property
    def record_hash(self) -> str:
        """The SHA-256 of what is asked for, in hex; the order of the hosts does not matter."""
        record = tenant_pb2.Tenant()
        record.CopyFrom(self.record)
        record.hosts.sort()
        return hashlib.sha256(record.SerializeToString(deterministic=True)).hexdigest()


async def claimed(connection: Any, new: Claim) -> Claim:
    """The claim as it stands: the registration's own tenant, an abandoned one of the slug, or the new one.

    ALREADY_EXISTS, naming the fields, when the slug or a host is another's or the registration wanted something
    else before; UNAVAILABLE while what an abandoned registration has left is being removed. asyncpg's
    UniqueViolationError when somebody claims the same in this moment.
    """
    known = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM config.tenants WHERE registration_id = $1 FOR UPDATE",  # noqa: S608 (constant)
        new.registration_id,
    )
    if known is not None:
        _check_not_removed(known)
        if known["slug"] != new.record.slug or known["record_hash"] not in ("", new.record_hash):
            raise _taken(FieldFault("request_id", "was used for another registration"))
        return await _taken_up(connection, known, new)
    holder = await connection.fetchrow(
        f"SELECT {_COLUMNS}, claim_time < now() - make_interval(secs => $2) AS abandoned "  # noqa: S608 (constant)
        "FROM config.tenants WHERE slug = $1 FOR UPDATE",
        new.record.slug,
        _TAKEN_OVER_SECONDS,
    )
    if holder is not None and not holder["config_version"]:
        _check_not_removed(holder)
        if holder["abandoned"] and _both_own(holder["registration_id"], new.registration_id):
            tenant = TenantId(str(holder["id"]))
            await move_hosts(connection, tenant, await hosts_of(connection, tenant), new.record.hosts, "hosts")
            return await _taken_up(connection, holder, new)
    faults = [FieldFault("slug", "is taken")] if holder is not None else []
    faults += await taken_hosts(connection, new.tenant, new.record.hosts, "hosts")
    if faults:
        raise _taken(*faults)
    await connection.execute(
        "INSERT INTO config.tenants (id, short_id, slug, status, registration_id, record_hash) "
        "VALUES ($1, $2, $3, $4, $5, $6)",
        new.tenant,
        new.short_id,
        new.record.slug,
        tenant_pb2.TENANT_STATUS_PROVISIONING,
        new.registration_id,
        new.record_hash,
    )
    await bind_hosts(connection, new.tenant, new.record.hosts)
    return new


async def check_claim(connection: Any, claim: Claim) -> None:
    """ALREADY_EXISTS when another call has taken the registration over, UNAVAILABLE when it was removed."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM config.tenants WHERE id = $1 FOR UPDATE",  # noqa: S608 (constant)
        claim.tenant,
    )
    if row is None:
        raise _removed()
    _check_not_removed(row)
    if row["record_hash"] != claim.record_hash:
        raise _taken(FieldFault("slug", "is taken"))


async def abandoned(connection: Any) -> list[TenantId]:
    """Tenants whose registration nobody finishes any more; from now on nobody can."""
    await connection.execute(
        "UPDATE config.tenants SET status = $1 WHERE config_version = 0 AND status = $2 AND id <> $3 "
        "AND claim_time < now() - make_interval(secs => $4)",
        tenant_pb2.TENANT_STATUS_DELETING,
        tenant_pb2.TENANT_STATUS_PROVISIONING,
        DEFAULT_TENANT,
        _REMOVED_SECONDS,
    )
    rows = await connection.fetch(
        "SELECT id FROM config.tenants WHERE config_version = 0 AND status = $1 ORDER BY claim_time",
        tenant_pb2.TENANT_STATUS_DELETING,
    )
    return [TenantId(str(row["id"])) for row in rows]


async def _taken_up(connection: Any, row: Any, new: Claim) -> Claim:
    await connection.execute(
        "UPDATE config.tenants SET claim_time = now(), record_hash = $2 WHERE id = $1", row["id"], new.record_hash
    )
    return Claim(TenantId(str(row["id"])), row["short_id"], row["registration_id"], new.record)


def _both_own(*registration_ids: str) -> bool:
    return all(each.startswith(OWN_REGISTRATION) for each in registration_ids)


def _check_not_removed(row: Any) -> None:
    if not row["config_version"] and row["status"] == tenant_pb2.TENANT_STATUS_DELETING:
        raise _removed()


def _removed() -> Fault:
    return Fault(reasons.ERROR_REASON_UNAVAILABLE, "an unfinished registration is being removed; try again shortly")


def _taken(*fields: FieldFault) -> Fault:
    return Fault(reasons.ERROR_REASON_ALREADY_EXISTS, fields=fields)
