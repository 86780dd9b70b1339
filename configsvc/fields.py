"""Checks the fields of a request and tells all that is wrong at once; bounds are those of the proto comments."""

from collections.abc import Sequence
from typing import Final

from penstock.config.v1 import config_service_pb2 as pb
from penstock.config.v1 import tenant_pb2

from configsvc.validate.names import HOST
from domain.tenants import DEFAULT_TENANT, SLUG, TenantId, parse_tenant_id
from svckit.field_checks import RequestChecks

MAX_PAGE_SIZE: Final = 500
DEFAULT_PAGE_SIZE: Final = 100
MAX_HOSTS: Final = 100
# Five times the tenants that a cluster is made for: an edge may refuse them all.
MAX_REJECTS: Final = 10_000
# Slots are positions in one gateway's row of workers; the column is a PostgreSQL integer.
MAX_SLOT: Final = 65_535
# PostgreSQL's bigint.
MAX_NUMBER: Final = 2**63 - 1
DEFAULT_SCOPE: Final = "default"
SUBSCRIPTION_STATUSES: Final = frozenset({"", "active", "trialing", "past_due", "canceled"})


class FieldChecks(RequestChecks):
    """Each check returns the value to use if all checks pass; `done` ends them."""

    def tenant(self, path: str, value: str) -> TenantId:
        return self.parsed(path, value, parse_tenant_id, "must be a UUID in lower case") or DEFAULT_TENANT

    def scope(self, path: str, value: str) -> TenantId | None:
        """None for all tenants (`default`), or the one tenant."""
        return None if value == DEFAULT_SCOPE else self.tenant(path, value)

    def instance(self, path: str, value: pb.Instance) -> pb.Instance:
        self.identifier(f"{path}.gateway_id", value.gateway_id, 64)
        self.at_most(f"{path}.slot", value.slot, MAX_SLOT)
        self.uuid(f"{path}.boot_id", value.boot_id)
        return value

    def number(self, path: str, value: int) -> int:
        return self.at_most(path, value, MAX_NUMBER)

    def slug(self, path: str, value: str) -> str:
        # In the management API's paths an id and a slug stand in the same place.
        self.expect(path, parse_tenant_id(value) is None, "must not have the form of a tenant's id")
        return self.matching(path, value, SLUG, "must be 1–63 characters of [a-z0-9-], no hyphen at an end")

    def request_id(self, path: str, value: str) -> str:
        return self.identifier(path, value, 128)

    def name(self, path: str, value: str) -> str:
        return self.printable(path, value, 128)

    def hosts(self, path: str, values: Sequence[str]) -> tuple[str, ...]:
        self.at_most(path, len(values), MAX_HOSTS)
        self.expect(path, len(set(values)) == len(values), "must not name a host twice")
        for index, host in enumerate(values[:MAX_HOSTS]):
            self.matching(f"{path}[{index}]", host, HOST, "must be a host name in lower case, without port")
        return tuple(values)

    def subscription(self, path: str, value: tenant_pb2.Subscription) -> None:
        self.identifier(f"{path}.tier", value.tier, 64, may_be_empty=True)
        self.expect(
            f"{path}.status", value.status in SUBSCRIPTION_STATUSES, "must be active, trialing, past_due or canceled"
        )
        if value.HasField("valid_until"):
            self.time(f"{path}.valid_until", value.valid_until)

    def read_only(self, path: str, value: tenant_pb2.ReadOnly) -> None:
        self.remark(f"{path}.reason", value.reason, 256)
        if value.HasField("until"):
            self.time(f"{path}.until", value.until)

    def page_size(self, path: str, value: int) -> int:
        return self.optional_size(path, value, most=MAX_PAGE_SIZE, default=DEFAULT_PAGE_SIZE)
