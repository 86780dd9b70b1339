"""Several warm copies as one: of each tenant the newest state, whatever the order."""

from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from domain.tenants import TenantId
from edge.config.ledger import Copy
from edge.config.warm_copy import WarmCopy, merged

from .documents import ACME, BETA


def copy(tenant: TenantId, revision: int) -> Copy:
    return Copy(tenant, revision, f"{tenant} at {revision}".encode())


def test_of_two_copies_the_newest_of_each_tenant_counts() -> None:
    older, newer = WarmCopy(5, (copy(ACME, 5), copy(BETA, 2))), WarmCopy(7, (copy(ACME, 3), copy(BETA, 4)))
    assert merged([older, newer]) == merged([newer, older]) == WarmCopy(7, (copy(ACME, 5), copy(BETA, 4)))


def test_a_tenant_of_one_copy_alone_is_kept() -> None:
    assert merged([WarmCopy(1, (copy(ACME, 1),)), WarmCopy(2, (copy(BETA, 2),))]) == WarmCopy(
        2, (copy(ACME, 1), copy(BETA, 2))
    )


def test_of_two_states_of_a_revision_the_first_copys_is_kept() -> None:
    first, second = Copy(ACME, 1, b"first"), Copy(ACME, 1, b"second")
    assert merged([WarmCopy(1, (first,)), WarmCopy(1, (second,))]) == WarmCopy(1, (first,))


def test_without_a_tenant_there_is_no_copy() -> None:
    assert merged([]) is None
    assert merged([WarmCopy(9, ())]) is None


tenants = st.sampled_from([TenantId(f"01900000-0000-7000-8000-00000000000{digit}") for digit in "abcd"])
copies = st.lists(st.builds(copy, tenants, st.integers(1, 9)), max_size=6).map(tuple)
warm_copies = st.lists(st.builds(WarmCopy, st.integers(0, 9), copies), max_size=4)


@given(warm_copies)
def test_the_order_of_the_copies_does_not_matter_and_nothing_newer_is_lost(found: list[WarmCopy]) -> None:
    whole = merged(found)
    every = [copy for warm in found for copy in warm.copies]
    if whole is None:
        assert every == []
        return
    assert whole.head == max(warm.head for warm in found)
    assert {copy.tenant: copy.revision for copy in whole.copies} == {
        copy.tenant: max(other.revision for other in every if other.tenant == copy.tenant) for copy in every
    }
    assert len({copy.tenant for copy in whole.copies}) == len(whole.copies)
    for order in permutations(found):
        again = merged(order)
        assert again is not None
        assert (again.head, set(again.copies)) == (whole.head, set(whole.copies))
