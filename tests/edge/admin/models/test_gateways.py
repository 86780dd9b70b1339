"""Edge workers, as the API shows them to an operator and to a tenant."""

from datetime import UTC, datetime

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from penstock.config.v1 import config_service_pb2
from penstock.config.v1 import gateway_service_pb2 as pb

from edge.admin.models.faults import DocumentFault
from edge.admin.models.gateways import Delivery, Gateway
from tests.edge.admin.fakes import ACME, GLOBEX

REASON = config_service_pb2.DocumentFault(path="routes[0]", message="no such variable")
WORKER = pb.Gateway(
    instance=config_service_pb2.Instance(gateway_id="gw-1", slot=2, boot_id="b"),
    scope="default",
    connected=True,
    revision=9,
    last_seen_time=Timestamp(seconds=1),
    tenants=[
        pb.TenantDelivery(
            tenant_id=ACME, config_version=3, revision=9, state=pb.DELIVERY_STATE_REJECTED, reasons=[REASON]
        ),
        pb.TenantDelivery(tenant_id=GLOBEX, config_version=1, revision=4, state=pb.DELIVERY_STATE_APPLIED),
    ],
)
TO_ACME = Delivery(
    tenant_id=ACME,
    config_version=3,
    revision=9,
    state="rejected",
    reasons=[DocumentFault(path="routes[0]", detail="no such variable", line=None, column=None)],
)
TO_GLOBEX = Delivery(tenant_id=GLOBEX, config_version=1, revision=4, state="applied", reasons=[])


def test_a_whole_worker() -> None:
    assert Gateway.of(WORKER, tenant_id=None) == Gateway(
        gateway_id="gw-1",
        slot=2,
        boot_id="b",
        scope="default",
        connected=True,
        revision=9,
        last_seen_at=datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC),
        tenants=[TO_ACME, TO_GLOBEX],
    )


@pytest.mark.parametrize(
    ("tenant_id", "tenants"),
    [
        pytest.param(ACME, [TO_ACME], id="its own delivery"),
        pytest.param("01890000-0000-7000-8000-00000000000c", [], id="none, where there is none"),
        pytest.param("", [], id="none, where its id is not known"),
    ],
)
def test_a_tenant_sees_of_a_worker_no_other_tenant(tenant_id: str, tenants: list[Delivery]) -> None:
    assert Gateway.of(WORKER, tenant_id).tenants == tenants


def test_a_worker_that_was_never_seen_has_no_time() -> None:
    assert Gateway.of(pb.Gateway(), tenant_id=None).last_seen_at is None


def test_every_state_of_a_delivery_has_its_word() -> None:
    sent = pb.Gateway(tenants=[pb.TenantDelivery(state=state) for state in pb.DeliveryState.values()])
    words = [each.state for each in Gateway.of(sent, tenant_id=None).tenants]
    assert words == ["unknown", "sent", "applied", "rejected", "lost"]
