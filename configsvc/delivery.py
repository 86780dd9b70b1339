"""How an instance stands to a tenant's newest state: derived from what it acknowledged. Pure."""

from dataclasses import dataclass
from typing import Final

from penstock.config.v1 import gateway_service_pb2 as pb

LOST_AFTER_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of an instance; `rejected` is the revision of the tenant that it refuses, 0 for none."""

    age_seconds: float
    revision: int
    rejected: int = 0


def delivery_state(standing: Standing, newest: int) -> "pb.DeliveryState.ValueType":
    """The state of a tenant whose newest revision is `newest` at the instance."""
    if standing.age_seconds > LOST_AFTER_SECONDS:
        return pb.DELIVERY_STATE_LOST
    if standing.rejected == newest:
        return pb.DELIVERY_STATE_REJECTED
    if standing.revision >= newest:
        return pb.DELIVERY_STATE_APPLIED
    return pb.DELIVERY_STATE_SENT
