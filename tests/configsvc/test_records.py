"""A tenant goes into its row and comes back the same, whatever is absent."""

from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st
from penstock.config.v1 import config_service_pb2, tenant_pb2

from configsvc.records import (
    RECORD_COLUMNS,
    TENANT_COLUMNS,
    insert_record_sql,
    record_values,
    tenant_message,
    update_record_sql,
    version_message,
)
from domain.tenants import DEFAULT_TENANT, TenantId

CREATED: Final = datetime(2030, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)
# As PostgreSQL gives it: ids are UUIDs, not text.
ROW: Final[dict[str, Any]] = {
    "id": UUID(DEFAULT_TENANT),
    "short_id": "Tenant01",
    "slug": "acme",
    "status": tenant_pb2.TENANT_STATUS_ACTIVE,
    "config_version": 3,
    "state_version": 4,
    "revision": 5,
    "schema_version": 1,
    "create_time": CREATED,
}
PARENT: Final = "0f8fad5b-d9cb-469f-a165-70867728950e"


def stored(tenant: tenant_pb2.Tenant) -> dict[str, Any]:
    """The record's row, made of what is written."""
    record = dict(zip(RECORD_COLUMNS, record_values(tenant), strict=True))
    return record | {"parent_id": UUID(record["parent_id"]) if record["parent_id"] else None}


def test_the_row_has_what_a_tenant_is_made_of() -> None:
    assert {column.strip() for column in TENANT_COLUMNS.split(",")} == ROW.keys()


def test_a_whole_tenant() -> None:
    record = {
        "name": "Acme",
        "kind": tenant_pb2.TENANT_KIND_DEMO,
        "parent_id": UUID(PARENT),
        "tier": "pro",
        "subscription_status": "trialing",
        "valid_until": datetime(2031, 1, 1, tzinfo=UTC),
        "read_only": True,
        "read_only_reason": "audit",
        "read_only_until": datetime(2032, 1, 1, tzinfo=UTC),
        "targets_allow": True,
    }
    assert tenant_message(ROW, record, ["b.test", "a.test"]) == tenant_pb2.Tenant(
        id=DEFAULT_TENANT,
        short_id="Tenant01",
        slug="acme",
        name="Acme",
        status=tenant_pb2.TENANT_STATUS_ACTIVE,
        kind=tenant_pb2.TENANT_KIND_DEMO,
        parent_id=PARENT,
        hosts=["a.test", "b.test"],
        subscription=tenant_pb2.Subscription(
            tier="pro", status="trialing", valid_until=Timestamp(seconds=1_924_992_000)
        ),
        read_only=tenant_pb2.ReadOnly(on=True, reason="audit", until=Timestamp(seconds=1_956_528_000)),
        targets_allow=True,
        config_version=3,
        state_version=4,
        create_time=Timestamp(seconds=1_893_553_445, nanos=678_901_000),
    )


def test_an_empty_record_is_one_of_a_standard_tenant_without_ends() -> None:
    values = dict(zip(RECORD_COLUMNS, record_values(tenant_pb2.Tenant()), strict=True))
    assert values == {
        "name": "",
        "kind": tenant_pb2.TENANT_KIND_STANDARD,
        "parent_id": None,
        "tier": "",
        "subscription_status": "",
        "valid_until": None,
        "read_only": False,
        "read_only_reason": "",
        "read_only_until": None,
        "targets_allow": False,
    }


times = st.none() | st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC))


def stamped(time: datetime | None) -> Timestamp | None:
    if time is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(time)
    return stamp


tenants = st.builds(
    tenant_pb2.Tenant,
    name=st.text(max_size=5),
    kind=st.sampled_from([tenant_pb2.TENANT_KIND_STANDARD, tenant_pb2.TENANT_KIND_DEMO]),
    parent_id=st.sampled_from(["", PARENT]),
    subscription=st.builds(
        tenant_pb2.Subscription, tier=st.text(max_size=5), status=st.text(max_size=5), valid_until=times.map(stamped)
    ),
    read_only=st.builds(tenant_pb2.ReadOnly, on=st.booleans(), reason=st.text(max_size=5), until=times.map(stamped)),
    targets_allow=st.booleans(),
)


@given(tenants)
def test_what_is_written_is_what_is_read(tenant: tenant_pb2.Tenant) -> None:
    read = tenant_message(ROW, stored(tenant), [])
    assert record_values(read) == record_values(tenant)
    assert (read.subscription, read.read_only) == (tenant.subscription, tenant.read_only)


def test_a_version_of_the_history() -> None:
    row = {"version": 2, "revision": 9, "hash": "ab", "author": "op", "comment": "", "create_time": CREATED}
    assert version_message(row) == config_service_pb2.ConfigVersion(
        version=2,
        revision=9,
        hash="ab",
        author="op",
        create_time=Timestamp(seconds=1_893_553_445, nanos=678_901_000),
    )


def test_a_record_is_inserted_once_with_a_place_for_each_value() -> None:
    assert insert_record_sql(DEFAULT_TENANT) == (
        'INSERT INTO "tenant_00000000000070008000000000000000".record (name, kind, parent_id, tier, '
        "subscription_status, valid_until, read_only, read_only_reason, read_only_until, targets_allow) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING"
    )


def test_a_record_is_replaced_whole() -> None:
    assert update_record_sql(DEFAULT_TENANT) == (
        'UPDATE "tenant_00000000000070008000000000000000".record SET name = $1, kind = $2, parent_id = $3, '
        "tier = $4, subscription_status = $5, valid_until = $6, "
        "read_only = $7, read_only_reason = $8, read_only_until = $9, targets_allow = $10"
    )


@pytest.mark.parametrize("make", [insert_record_sql, update_record_sql])
@pytest.mark.parametrize("text", ["", 'x".record; DROP', DEFAULT_TENANT.upper() + " ", "default"], ids=repr)
def test_no_text_but_a_tenants_id_gets_into_sql(make: Any, text: str) -> None:
    with pytest.raises(ValueError, match="not a canonical tenant id"):
        make(TenantId(text))
