"""Checks of the contract, packed for the script; the rules that they must keep."""

import struct
from contextlib import nullcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st
from penstock.errors.v1 import error_reason_pb2 as reasons
from penstock.ratelimit.v1 import limit_pb2 as pb
from penstock.ratelimit.v1 import rate_limit_service_pb2 as service_pb

from ratelimitsvc.batch import (
    MAX_CHECKS,
    MAX_WINDOW_MILLIS,
    Layout,
    add_decisions,
    counter_keys,
    decided_at,
    faults,
    packed,
    packed_refund,
)
from svckit.errors import Fault

BUCKET = pb.ALGORITHM_TOKEN_BUCKET
RING = Layout("ring")


def limit(key: bytes = b"k", units: int = 5, window: int = 1_000, algorithm: int = 0, shadow: bool = False) -> pb.Limit:
    # An open enum: any number may come, whatever the stub says.
    kind: pb.Algorithm.ValueType = algorithm  # type: ignore[assignment]
    return pb.Limit(key=key, limit=units, window_millis=window, algorithm=kind, shadow=shadow)


def test_keys_and_numbers_are_in_the_order_of_the_checks() -> None:
    batch = packed(
        [
            pb.Check(limits=[limit(b"a", 5, 1_000), limit(b"a", 7, 2_000, BUCKET)]),
            pb.Check(limits=[limit(b"c", 9, 3_000)], cost=0),
            pb.Check(limits=[limit(b"c", 9, 3_000), limit(b"d", 3, 3_000, shadow=True)], cost=4),
        ],
        RING,
    )
    assert batch.keys == [b"wa", b"ba", b"wc", b"wc", b"wd"]
    assert list(struct.unpack("<16d", batch.numbers)) == [
        *(1, 2, 5, 1_000_000, 7, 2_000_000),
        *(0, 1, 9, 3_000_000),
        *(4, 2, 9, 3_000_000, -3, 3_000_000),
    ]
    assert batch.checks == 3


@pytest.mark.parametrize(
    ("checks", "paths"),
    [
        pytest.param([], ["checks"], id="no checks"),
        pytest.param([pb.Check(limits=[limit()])] * (MAX_CHECKS + 1), ["checks"], id="too many checks"),
        pytest.param([pb.Check()], ["checks[0].limits"], id="no limits"),
        pytest.param(
            [pb.Check(limits=[limit(b"%d" % n) for n in range(9)])], ["checks[0].limits"], id="too many limits"
        ),
        pytest.param([pb.Check(limits=[limit(b"")])], ["checks[0].limits[0].key"], id="no key"),
        pytest.param([pb.Check(limits=[limit(b"k" * 257)])], ["checks[0].limits[0].key"], id="a long key"),
        pytest.param(
            [pb.Check(limits=[limit(units=0)])], ["checks[0].limits[0].limit", "checks[0].cost"], id="no units"
        ),
        pytest.param([pb.Check(limits=[limit(units=1_000_001)])], ["checks[0].limits[0].limit"], id="many units"),
        pytest.param([pb.Check(limits=[limit(window=0)])], ["checks[0].limits[0].window_millis"], id="no window"),
        pytest.param(
            [pb.Check(limits=[limit(window=MAX_WINDOW_MILLIS + 1)])],
            ["checks[0].limits[0].window_millis"],
            id="a long window",
        ),
        pytest.param([pb.Check(limits=[limit(algorithm=9)])], ["checks[0].limits[0].algorithm"], id="a strange kind"),
        pytest.param([pb.Check(limits=[limit(), limit(units=6)])], ["checks[0].limits"], id="one counter twice"),
        pytest.param([pb.Check(limits=[limit()], cost=6)], ["checks[0].cost"], id="a cost that never fits"),
        pytest.param(
            [pb.Check(limits=[limit()]), pb.Check(limits=[limit(), limit(b"")])],
            ["checks[1].limits[1].key"],
            id="one of several",
        ),
    ],
)
def test_every_broken_rule_is_named_with_its_path(checks: list[pb.Check], paths: list[str]) -> None:
    with pytest.raises(Fault) as refused:
        packed(checks, RING)
    assert refused.value.reason == reasons.ERROR_REASON_BAD_REQUEST
    assert [fault.path for fault in refused.value.fields] == paths


@given(
    st.lists(
        st.builds(
            pb.Check,
            limits=st.lists(
                st.builds(
                    limit,
                    st.sampled_from([b"", b"k", b"l", b"k" * 257]),
                    st.integers(0, 3),
                    st.sampled_from([0, 1, MAX_WINDOW_MILLIS, MAX_WINDOW_MILLIS + 1]),
                    st.integers(0, 3),
                    st.booleans(),
                ),
                max_size=3,
            ),
            cost=st.none() | st.integers(0, 3),
        ),
        max_size=3,
    )
)
def test_the_fast_pass_refuses_exactly_what_the_slow_one_explains(checks: list[pb.Check]) -> None:
    explained = bool(list(faults(checks, RING)))
    with pytest.raises(Fault) if explained else nullcontext():
        packed(checks, RING)


@pytest.mark.parametrize(("cost", "packed_cost"), [(None, -1), (3, -3)], ids=["unset", "set"])
def test_a_refund_is_a_check_of_negative_cost(cost: int | None, packed_cost: int) -> None:
    batch = packed_refund(pb.Check(limits=[limit(b"a"), limit(b"b", 7, 2_000, BUCKET)], cost=cost), RING)
    assert batch.keys == [b"wa", b"bb"]
    assert list(struct.unpack("<6d", batch.numbers)) == [packed_cost, 2, 5, 1_000_000, 7, 2_000_000]


@pytest.mark.parametrize(
    ("check", "path"),
    [
        pytest.param(pb.Check(limits=[limit()], cost=0), "checks[0].cost", id="nothing"),
        pytest.param(pb.Check(limits=[limit()], cost=6), "checks[0].cost", id="more than can have been counted"),
        pytest.param(pb.Check(), "checks[0].limits", id="no limits"),
    ],
)
def test_a_refund_that_cannot_be_is_refused(check: pb.Check, path: str) -> None:
    with pytest.raises(Fault) as refused:
        packed_refund(check, RING)
    assert [fault.path for fault in refused.value.fields] == [path]


def test_the_store_of_windows_is_in_the_name_of_a_counter() -> None:
    check = pb.Check(
        limits=[limit(b"a"), limit(b"b", algorithm=pb.ALGORITHM_SLIDING_WINDOW), limit(b"c", 5, 1, BUCKET)]
    )
    assert packed([check], Layout("zset")).keys == [b"za", b"zb", b"bc"]


def test_windows_with_a_large_limit_are_counted_by_sub_windows() -> None:
    limits = [limit(b"a", 7), limit(b"b", 8), limit(b"c", 8, 1, BUCKET)]
    assert packed([pb.Check(limits=limits)], Layout(exact_up_to=7)).keys == [b"wa", b"ab", b"bc"]


def test_the_counters_of_limits_are_those_of_their_checks() -> None:
    limits = [limit(b"a"), limit(b"a", algorithm=BUCKET)]
    assert counter_keys(limits, RING) == packed([pb.Check(limits=limits)], RING).keys


@pytest.mark.parametrize(
    ("limits", "path"),
    [
        pytest.param([], "limits", id="none"),
        pytest.param([limit(b"%d" % n) for n in range(9)], "limits", id="too many"),
        pytest.param([limit(), limit()], "limits", id="one twice"),
        pytest.param([limit(), limit(b"")], "limits[1].key", id="no key"),
    ],
)
def test_counters_that_cannot_be_are_refused(limits: list[pb.Limit], path: str) -> None:
    with pytest.raises(Fault) as refused:
        counter_keys(limits, RING)
    assert refused.value.reason == reasons.ERROR_REASON_BAD_REQUEST
    assert [fault.path for fault in refused.value.fields] == [path]


def test_decisions_are_in_whole_milliseconds_rounded_up() -> None:
    answer = struct.pack("<d", 1_700_000_000_123_456)
    answer += struct.pack("<BBBIIdd", 1, 2, 0b10000001, 3, 0, 1_000, 0)
    answer += struct.pack("<BBBIIdd", 0, 0, 0, 0, 9, 2_000, 1_001)
    response = service_pb.CheckBatchResponse()
    assert add_decisions(answer, response) == 1
    assert list(response.decisions) == [
        pb.Decision(allowed=True, binding=2, remaining=3, reset_millis=1, shadow_refused=[0, 7]),
        pb.Decision(reset_millis=2, retry_after_millis=2, error=9),
    ]
    assert decided_at(answer) == 1_700_000_000_123_456
