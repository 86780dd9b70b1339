"""Batches on a cluster: cut by slot, and their answers put together."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from penstock.ratelimit.v1 import limit_pb2 as pb
from penstock.ratelimit.v1 import rate_limit_service_pb2 as service_pb
from redis.crc import key_slot

from ratelimitsvc.batch import Batch, Layout, add_decisions, decided_at, packed
from ratelimitsvc.slots import joined, parts, slot_of, tagged
from svckit.errors import Fault

keys = st.binary(min_size=1, max_size=12) | st.text("{}:ab", min_size=1, max_size=6).map(str.encode)


def check(*names: bytes, cost: int | None = None) -> pb.Check:
    return pb.Check(limits=[pb.Limit(key=name, limit=9, window_millis=1_000) for name in names], cost=cost)


def asking(checks: list[pb.Check]) -> Batch:
    return packed(checks, Layout())


def decision(remaining: int) -> bytes:
    return struct.pack("<BBBIIdd", 1, 0, 0, remaining, 0, 0, 0)


@pytest.mark.parametrize(
    ("counter", "name"),
    [(b"wtenant:r.api:k:42", b"w{tenant}:r.api:k:42"), (b"btenant:tenant", b"b{tenant}:tenant"), (b"wone", b"w{one}")],
)
def test_the_octets_in_front_of_the_first_colon_are_the_hash_tag(counter: bytes, name: bytes) -> None:
    assert tagged(counter) == name


@given(st.binary(max_size=40) | st.text("{}:ab", max_size=12).map(str.encode))
def test_a_slot_is_that_of_other_clients_of_redis(name: bytes) -> None:
    assert slot_of(name) == key_slot(name)


@given(st.sets(keys, min_size=2))
def test_no_two_counters_share_a_name(several: set[bytes]) -> None:
    assert len({tagged(b"w" + key) for key in several}) == len(several)


def test_the_known_slots_of_the_specification() -> None:
    assert (slot_of(b"123456789"), slot_of(b"{}a"), slot_of(b"x{user1000}y")) == (12739, slot_of(b"{}a"), 3443)


def test_a_batch_is_cut_by_tenant_with_its_checks_in_order() -> None:
    batch = asking([check(b"a:1", b"a:2"), check(b"b:1", cost=0), check(b"a:3", cost=4)])
    (of_a, of_b) = parts(batch)
    assert (of_a.slot, list(of_a.places), of_a.batch.keys) == (
        slot_of(b"{a}"),
        [0, 2],
        [b"w{a}:1", b"w{a}:2", b"w{a}:3"],
    )
    assert of_a.batch.numbers == asking([check(b"a:1", b"a:2"), check(b"a:3", cost=4)]).numbers
    assert (list(of_b.places), of_b.batch.keys, of_b.batch.numbers) == (
        [1],
        [b"w{b}:1"],
        asking([check(b"b:1", cost=0)]).numbers,
    )


def test_a_check_whose_limits_lie_in_different_slots_is_refused_by_name() -> None:
    with pytest.raises(Fault) as refused:
        parts(asking([check(b"a:1"), check(b"a:1", b"b:1"), check(b"b:1"), check(b"a", b"c")]))
    assert [fault.path for fault in refused.value.fields] == ["checks[1].limits", "checks[3].limits"]


def test_answers_come_together_in_the_order_of_the_checks_and_what_was_not_decided_is_named() -> None:
    cut = parts(asking([check(b"a:1"), check(b"b:1"), check(b"c:1"), check(b"a:2"), check(b"b:2")]))
    answers = [struct.pack("<d", 7) + decision(1) + decision(4), None, struct.pack("<d", 8) + decision(3)]
    answer, response = joined(cut, answers), service_pb.StreamChecksResponse()
    assert decided_at(answer) == 8
    assert add_decisions(answer, response) == 3
    assert [each.remaining for each in response.decisions] == [1, 0, 3, 4, 0]
    assert list(response.undecided) == [1, 4]
