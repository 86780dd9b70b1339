"""What authsvc is told of the use of keys: each key once, with the time of its last use, and never twice."""

from typing import Any

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from penstock.auth.v1 import auth_service_pb2 as pb

from edge.auth.uses import Uses


class Authsvc:
    """Takes reports; refuses the next one when told to."""

    def __init__(self) -> None:
        self.reports: list[pb.ReportKeyUsesRequest] = []
        self.refuses = False

    async def ReportKeyUses(self, request: pb.ReportKeyUsesRequest, timeout: float) -> pb.ReportKeyUsesResponse:
        assert timeout
        if self.refuses:
            nothing = grpc.aio.Metadata()
            raise grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, nothing, nothing)
        self.reports.append(request)
        return pb.ReportKeyUsesResponse()


def told(authsvc: Authsvc) -> dict[str, float]:
    """Key ids with the times that were told, in seconds since 1970."""
    uses = [use for report in authsvc.reports for use in report.uses]
    assert len(uses) == len({use.key_id for use in uses})
    return {use.key_id: use.last_use_time.ToNanoseconds() / 1e9 for use in uses}


def uses_for(authsvc: Any) -> Uses:
    return Uses(authsvc)


async def test_each_key_is_told_once_with_its_last_use() -> None:
    authsvc = Authsvc()
    uses = uses_for(authsvc)
    uses.last["KeyKey01"] = 1.0
    uses.last["KeyKey01"] = 2.5
    uses.last["KeyKey02"] = 1.0
    await uses.tell()
    await uses.tell()
    assert told(authsvc) == {"KeyKey01": 2.5, "KeyKey02": 1.0}
    assert authsvc.reports[0].uses[0].last_use_time == Timestamp(seconds=2, nanos=500_000_000)


async def test_credentials_that_are_no_keys_are_not_told() -> None:
    authsvc = Authsvc()
    uses = uses_for(authsvc)
    uses.last["signing-key-2030"] = 1.0
    await uses.tell()
    assert not authsvc.reports
    assert not uses.last


async def test_many_keys_are_told_in_several_messages() -> None:
    authsvc = Authsvc()
    uses = uses_for(authsvc)
    uses.last.update((f"{number:08}", 1.0) for number in range(2500))
    await uses.tell()
    assert [len(report.uses) for report in authsvc.reports] == [1000, 1000, 500]
    assert len(told(authsvc)) == 2500


async def test_what_was_not_taken_is_told_later_unless_there_is_newer() -> None:
    authsvc = Authsvc()
    authsvc.refuses = True
    uses = uses_for(authsvc)
    uses.last.update({"KeyKey01": 1.0, "KeyKey02": 1.0})
    await uses.tell()
    uses.last["KeyKey01"] = 3.0
    authsvc.refuses = False
    await uses.tell()
    assert told(authsvc) == {"KeyKey01": 3.0, "KeyKey02": 1.0}
