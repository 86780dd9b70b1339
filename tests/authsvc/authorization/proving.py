"""Stands in for authsvc's store where a request is judged: whom it proves, and what is known of tenants."""

from collections.abc import Sequence

from penstock.auth.v1 import auth_service_pb2, principal_pb2
from penstock.errors.v1 import error_reason_pb2 as reasons

from authsvc.authorization.tenants import Tenants
from authsvc.lookup import Presented

from .places import ACME, key, known


class Proving:
    """Proves acme's robot by its key, or raises what it is told to."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.failure = failure
        self.asked: list[Presented] = []

    async def authenticate(self, batch: Sequence[Presented]) -> list[auth_service_pb2.AuthenticateResponse]:
        self.asked += batch
        if self.failure is not None:
            raise self.failure
        return [_answer(each) for each in batch]


async def told() -> Tenants:
    """What is known of tenants."""
    return known()


def _answer(presented: Presented) -> auth_service_pb2.AuthenticateResponse:
    if presented.value != key():
        rejection = principal_pb2.Rejection(reason=reasons.ERROR_REASON_KEY_INVALID)
        return auth_service_pb2.AuthenticateResponse(rejection=rejection)
    robot = principal_pb2.Principal(kind=principal_pb2.PRINCIPAL_KIND_CONSUMER, id="c-1", tenant_id=ACME)
    return auth_service_pb2.AuthenticateResponse(principal=robot)
