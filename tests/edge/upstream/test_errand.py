"""The attempts of one request, as its targets and its budget see them."""

from itertools import count

from penstock.errors.v1 import error_reason_pb2 as reasons

from domain.tenants import DEFAULT_TENANT
from edge.exchange import Outcome
from edge.http.block import read_block
from edge.http.head import Head, read_head
from edge.resilience import Breaker, Retries
from edge.routing import Service, Target
from edge.upstream.breaker import NEW, State
from edge.upstream.errand import Errand
from edge.upstream.fleet import Change, Fleet, Member, TargetKey
from edge.upstream.pool import Lease
from edge.upstream.retries import Budget

REFUSED = Outcome(failure=reasons.ERROR_REASON_DOWNSTREAM_UNREACHABLE, stage="connect")
RESET = Outcome(failure=reasons.ERROR_REASON_DOWNSTREAM_RESET, stage="response")
STALE = RESET._replace(unsent=True)
DONE = Outcome(200, begun=True, keep_alive=True)


class Deaf:
    """Wants to know nothing."""

    def changed(self, change: Change) -> None: ...
    def repeated(self, allowed: bool) -> None: ...


def fleet(*hosts: str, attempts: int = 3, failures: int = 1) -> Fleet:
    targets = tuple(Target(host, 80) for host in hosts)
    service = Service("s", targets, retries=Retries(attempts), breaker=Breaker(failures, open=60.0))
    members = tuple(
        Member(
            TargetKey(DEFAULT_TENANT, "s", each.host, 80, False),
            each,
            Lease(each, DEFAULT_TENANT, trusted=True),
            NEW,
        )
        for each in targets
    )
    return Fleet(service, members, Budget(20), count(), Deaf(), 0.0)


def errand(fleet: Fleet, method: bytes = b"GET") -> Errand:
    head = read_head(method, b"/", read_block("1.1", [(b"Host", b"a")], 10))
    assert isinstance(head, Head)
    return Errand(fleet, head, None)


def in_flight(fleet: Fleet) -> list[int]:
    return [each.in_flight for each in fleet.members]


def test_a_request_that_is_answered_leaves_nothing_behind() -> None:
    behind = fleet("a", "b")
    request = errand(behind)
    assert request.begin(0.0, 5.0)
    assert in_flight(behind) == [1, 0]
    assert not request.heard(200, False, True, 0.1)
    request.ended(DONE, 0.2)
    assert in_flight(behind) == [0, 0]


def test_each_attempt_goes_to_another_target_and_is_judged_by_itself() -> None:
    behind = fleet("a", "b", "c")
    request = errand(behind)
    request.begin(0.0, 5.0)
    hosts = [request.lease.host]
    for outcome in (REFUSED, RESET):
        request.ended(outcome, 0.1)
        assert request.again(outcome, False, True, 0.1)
        hosts.append(request.lease.host)
    assert sorted(hosts) == ["a", "b", "c"]
    request.ended(RESET, 0.2)
    assert not request.again(RESET, False, True, 0.2)  # it was the third
    assert in_flight(behind) == [0, 0, 0]
    assert [each.condition.state for each in behind.members] == [State.OPEN] * 3


def test_an_error_is_dropped_only_where_the_request_is_really_sent_again() -> None:
    behind = fleet("a", "b", attempts=2, failures=2)
    request = errand(behind)
    request.begin(0.0, 5.0)
    assert request.heard(503, False, True, 0.1)
    spared = Outcome(503, spared=True)
    request.ended(spared, 0.1)
    assert request.again(spared, False, True, 0.1)
    assert not request.heard(503, False, True, 0.2)


def test_the_error_of_an_only_target_whose_breaker_opens_by_it_is_not_dropped() -> None:
    request = errand(fleet("a"))
    request.begin(0.0, 5.0)
    assert not request.heard(503, False, True, 0.1)


def test_an_error_behind_the_beginning_of_an_answer_is_not_dropped() -> None:
    request = errand(fleet("a", "b"))
    request.begin(0.0, 5.0)
    assert not request.heard(503, True, True, 0.1)


def test_an_old_connection_that_was_closed_says_nothing_of_its_target() -> None:
    behind = fleet("a", "b")
    request = errand(behind, b"POST")
    request.begin(0.0, 5.0)
    request.ended(STALE, 0.1)
    assert not request.again(STALE, False, True, 0.1)
    assert behind.members[0].condition.state is State.CLOSED


def test_a_caller_in_a_hurry_says_nothing_of_its_target() -> None:
    behind = fleet("a", "b")
    late = Outcome(failure=reasons.ERROR_REASON_DOWNSTREAM_TIMEOUT, stage="response")
    for hurried, state in ((True, State.CLOSED), (False, State.OPEN)):
        request = errand(behind)
        request.begin(0.0, 5.0, hurried=hurried)
        member = next(each for each in behind.members if each.in_flight)
        request.ended(late, 0.1)
        assert member.condition.state is state


def test_a_target_that_is_not_used_after_all_is_given_back() -> None:
    behind = fleet("a")
    request = errand(behind)
    request.begin(0.0, 5.0)
    request.give_back()
    request.give_back()
    assert in_flight(behind) == [0]


def test_the_time_of_all_attempts_is_that_of_one() -> None:
    request = errand(fleet("a", "b"))
    request.begin(100.0, 5.0)
    assert request.seconds_left(101.0) == 4.0
    request.ended(REFUSED, 105.0)
    assert not request.again(REFUSED, False, True, 105.0)
