"""Failed authentications have a budget of their own by address, asked before authsvc is."""

import asyncio
import time
from collections.abc import Iterable

import pytest
from penstock.errors.v1 import error_reason_pb2 as reasons

from domain.tenants import DEFAULT_TENANT
from edge.auth.authenticator import AuthUnavailable
from edge.limits.decision import Decision
from edge.limits.failures import FailureBudget, Proof
from edge.limits.limiter import LimitUnavailable
from edge.limits.local import LocalWindows
from edge.limits.policy import LimitSet, failure_limits
from edge.limits.rules import LimitRules, Outage, Rate, RouteLimitRules, Unlimited
from edge.principal import Credential, CredentialKind, Principal, Rejection
from edge.routing import Route
from tests.edge.limits.conftest import HEX, consumer, route, tenant_view

BUDGET = 5
WRONG = Rejection(reasons.ERROR_REASON_KEY_INVALID)


class Authsvc:
    """Proves whoever is in `known`; can be told to hold its answers back."""

    def __init__(self) -> None:
        self.known: dict[bytes, Principal | Rejection] = {}
        self.asked: list[bytes] = []
        self.met = asyncio.Event()
        self.answering = asyncio.Event()
        self.answering.set()
        self.away = False

    async def authenticate(self, credential: Credential, *, fresh: bool = False) -> Principal | Rejection:
        self.asked.append(credential.value)
        self.met.set()
        await self.answering.wait()
        await asyncio.sleep(0)
        if self.away:
            raise AuthUnavailable
        return self.known.get(credential.value, WRONG)

    async def until_asked(self, times: int) -> None:
        while len(self.asked) < times:
            self.met.clear()
            await self.met.wait()


class Counters:
    """Exact counters that answer a turn of the loop later; can be told to be out of reach, and to answer a question
    late."""

    def __init__(self) -> None:
        self._windows = LocalWindows(lambda: time.monotonic_ns() // 1000)
        self.checks = 0
        self.away = False
        self.late: asyncio.Event | None = None
        self.taken = asyncio.Event()

    async def check(self, limits: LimitSet, cost: int = 1) -> Decision:
        self.checks += 1
        if self.away:
            raise LimitUnavailable("silence")
        decision = self._windows.decide(limits, cost)
        late, self.late = self.late, None
        if late is None:
            await asyncio.sleep(0)
        else:
            self.taken.set()
            await late.wait()
        return decision


def key(number: int) -> Credential:
    return Credential(CredentialKind.API_KEY, b"key-%d" % number, DEFAULT_TENANT)


def address_limits(address: str = "192.0.2.1", on: Route | None = None) -> LimitSet:
    rules = LimitRules(failed_authentication=Rate(BUDGET, 60_000))
    found = failure_limits(tenant_view(rules), on or route(), address)
    assert found is not None
    return found


async def prove_all(budget: FailureBudget, numbers: Iterable[int], address: str = "192.0.2.1") -> list[Proof]:
    limits = address_limits(address)
    async with asyncio.timeout(20):
        return list(await asyncio.gather(*(budget.prove(key(number), limits) for number in numbers)))


def refusals(proofs: Iterable[Proof]) -> list[Decision]:
    return [each for each in proofs if isinstance(each, Decision)]


async def test_a_flood_of_wrong_keys_costs_its_budget_and_not_a_look_up_more() -> None:
    authsvc, counters = Authsvc(), Counters()
    budget = FailureBudget(authsvc, counters)
    proofs = await prove_all(budget, range(200)) + await prove_all(budget, range(200, 220))
    assert len(authsvc.asked) == BUDGET
    assert [proof for proof in proofs if proof is WRONG] == [WRONG] * BUDGET
    assert len(refusals(proofs)) == 220 - BUDGET


async def test_the_refusal_says_which_budget_is_used_up_and_when_there_is_more() -> None:
    budget = FailureBudget(Authsvc(), Counters())
    [*_, refused] = await prove_all(budget, range(BUDGET)) + await prove_all(budget, [BUDGET])
    assert isinstance(refused, Decision)
    assert (refused.allowed, refused.policy, refused.remaining) == (False, "failed_authentication", 0)
    assert 59_000 < refused.retry_after_millis == refused.reset_millis <= 60_000


async def test_another_address_has_a_budget_of_its_own() -> None:
    authsvc = Authsvc()
    budget = FailureBudget(authsvc, Counters())
    await prove_all(budget, range(50))
    authsvc.known[b"key-7"] = consumer()
    assert await prove_all(budget, [7], "192.0.2.2") == [consumer()]


async def test_good_callers_behind_one_address_are_never_refused_for_being_many() -> None:
    authsvc = Authsvc()
    authsvc.known = {key(number).value: consumer(str(number)) for number in range(500)}
    proofs = await prove_all(FailureBudget(authsvc, Counters()), range(500))
    assert proofs == [consumer(str(number)) for number in range(500)]


async def test_one_wrong_key_on_many_connections_is_looked_up_and_counted_once() -> None:
    authsvc, counters = Authsvc(), Counters()
    budget = FailureBudget(authsvc, counters)
    assert await prove_all(budget, [1] * 50) == [WRONG] * 50
    assert (len(authsvc.asked), counters.checks) == (1, 2)
    assert len(refusals(await prove_all(budget, range(2, 20)))) == 18 - (BUDGET - 1)


@pytest.mark.parametrize(
    "reason",
    [
        reasons.ERROR_REASON_TOKEN_EXPIRED,
        reasons.ERROR_REASON_TOKEN_STALE,
        reasons.ERROR_REASON_TOKEN_REVOKED,
    ],
)
async def test_what_had_been_issued_once_costs_nothing(reason: int) -> None:
    authsvc = Authsvc()
    authsvc.known = {key(number).value: Rejection(reason) for number in range(50)}
    assert refusals(await prove_all(FailureBudget(authsvc, Counters()), range(50))) == []


async def test_what_could_not_be_looked_up_costs_nothing_and_holds_nobody_up() -> None:
    authsvc = Authsvc()
    authsvc.away = True
    budget = FailureBudget(authsvc, Counters())
    tasks = [budget.prove(key(number), address_limits()) for number in range(50)]
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(each) for each in outcomes} == {AuthUnavailable}
    authsvc.away = False
    assert len(refusals(await prove_all(budget, range(100, 120)))) == 20 - BUDGET


async def test_a_route_that_insists_on_shared_counters_asks_nobody_without_them() -> None:
    authsvc, counters = Authsvc(), Counters()
    budget = FailureBudget(authsvc, counters)
    counters.away = True
    with pytest.raises(LimitUnavailable):
        await budget.prove(key(1), address_limits())
    assert authsvc.asked == []


async def test_a_refusal_that_cannot_be_counted_stays_a_refusal() -> None:
    authsvc, counters = Authsvc(), Counters()
    authsvc.answering.clear()
    proving = FailureBudget(authsvc, counters).prove(key(1), address_limits())
    await authsvc.until_asked(1)
    counters.away = True
    authsvc.answering.set()
    assert await proving is WRONG


async def test_an_answer_from_before_the_last_count_is_not_believed() -> None:
    authsvc, counters = Authsvc(), Counters()
    budget = FailureBudget(authsvc, counters)
    await prove_all(budget, range(BUDGET - 1))
    authsvc.answering.clear()
    last = budget.prove(key(100), address_limits())
    await authsvc.until_asked(BUDGET)
    counters.late = overtaken = asyncio.Event()
    late = budget.prove(key(101), address_limits())
    await counters.taken.wait()
    authsvc.answering.set()
    assert await last is WRONG
    overtaken.set()
    assert isinstance(await late, Decision)
    assert len(authsvc.asked) == BUDGET


def test_the_budget_is_the_tenants_one_for_all_routes_by_address() -> None:
    one, other = address_limits(on=route(name="a")), address_limits(on=route(name="b"))
    assert one.key == other.key == HEX + b":d:f:192.0.2.1"
    assert address_limits("2001:db8::1").key == address_limits("2001:db8::2").key
    assert [policy.name for policy in one.plan.policies] == ["failed_authentication"]
    assert one.plan.crowd == HEX + b":f"


def test_a_route_chooses_what_happens_in_an_outage() -> None:
    strict = route(RouteLimitRules(on_outage=Outage.STRICT))
    assert address_limits(on=strict).plan.outage is Outage.STRICT


def test_the_budget_may_be_unlimited_and_is_100_a_minute_by_default() -> None:
    unlimited = LimitRules(failed_authentication=Unlimited.UNLIMITED)
    assert failure_limits(tenant_view(unlimited), route(), "192.0.2.1") is None
    by_default = failure_limits(tenant_view(LimitRules(tenant=Rate(9, 1000))), route(), "192.0.2.1")
    assert by_default is not None
    assert [policy.rate for policy in by_default.plan.policies] == [Rate(100, 60_000)]
