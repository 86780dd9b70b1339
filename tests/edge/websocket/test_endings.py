"""Each side is told what it has to do with the end of a tunnel."""

import pytest
from penstock.errors.v1 import error_reason_pb2 as reasons

from edge.problems import Refusal
from edge.websocket.endings import CALLER_CHANGED, IDLE, RESTARTING, Ending, client_broke, refused, upstream_broke
from edge.websocket.frames import Fault, close_frame, may_be_sent
from svckit.errors import CATALOGUE


@pytest.mark.parametrize(
    ("ending", "client", "upstream"),
    [
        (client_broke(Fault(1009, "")), 1009, 1001),
        (upstream_broke(Fault(1002, "")), 1014, 1002),
        (refused(Refusal(reasons.ERROR_REASON_KEY_INVALID, "")), 4401, 1001),
        (refused(Refusal(reasons.ERROR_REASON_SUBSCRIPTION_EXPIRED, "")), 4402, 1001),
        (refused(Refusal(reasons.ERROR_REASON_TENANT_SUSPENDED, "")), 4403, 1001),
        (refused(Refusal(reasons.ERROR_REASON_ROUTE_NOT_FOUND, "")), 4404, 1001),
        (refused(Refusal(reasons.ERROR_REASON_AUTH_UNAVAILABLE, "")), 1013, 1001),
        (CALLER_CHANGED, 1012, 1001),
        (IDLE, 1001, 1001),
        (RESTARTING, 1012, 1001),
    ],
)
def test_the_codes_of(ending: Ending, client: int, upstream: int) -> None:
    assert (ending.client, ending.upstream) == (client, upstream)


@pytest.mark.parametrize("reason", [reason for reason in CATALOGUE if reason])
def test_any_refusal_can_be_told_in_a_close_frame(reason: int) -> None:
    ending = refused(Refusal(reason, ""))
    assert may_be_sent(ending.client)
    assert len(close_frame(ending.client, ending.reason)) <= 2 + 125


def test_what_a_client_is_no_more_allowed_reaches_the_upstream_no_more() -> None:
    assert CALLER_CHANGED.at_once
    assert refused(Refusal(reasons.ERROR_REASON_KEY_INVALID, "")).at_once
    assert not RESTARTING.at_once
