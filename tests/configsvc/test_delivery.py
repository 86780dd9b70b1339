"""How a gateway stands to a tenant's newest state."""

import pytest
from penstock.config.v1 import gateway_service_pb2 as pb

from configsvc.delivery import Standing, delivery_state


@pytest.mark.parametrize(
    ("standing", "expected"),
    [
        (Standing(0, 6), pb.DELIVERY_STATE_SENT),
        (Standing(0, 7), pb.DELIVERY_STATE_APPLIED),
        (Standing(60, 8), pb.DELIVERY_STATE_APPLIED),
        (Standing(60.1, 8), pb.DELIVERY_STATE_LOST),
        (Standing(0, 8, rejected=7), pb.DELIVERY_STATE_REJECTED),
        (Standing(0, 8, rejected=6), pb.DELIVERY_STATE_APPLIED),
        (Standing(0, 6, rejected=6), pb.DELIVERY_STATE_SENT),
        (Standing(99, 8, rejected=7), pb.DELIVERY_STATE_LOST),
    ],
    ids=["behind", "there", "heard a minute ago", "silent", "refused", "refused an older one", "newer one", "gone"],
)
def test_the_state_of_a_tenant_at_revision_7(standing: Standing, expected: "pb.DeliveryState.ValueType") -> None:
    assert delivery_state(standing, 7) == expected
