"""Mutations of the cases, always the same ones; `fuzz` runs as many others as wanted."""

from itertools import islice

from tests.edge.wire.fuzz import fuzz
from tests.edge.wire.mutations import mutants

SEED = 20_251
COUNT = 6_000


async def test_all_sides_agree_on_whatever_is_wrong_with_a_request() -> None:
    findings = await fuzz(SEED, COUNT)
    assert findings.wrong == []
    assert findings.statuses[200] > COUNT // 10  # else the mutations would only be noise
    assert findings.statuses[400] > COUNT // 10


def test_a_seed_gives_the_same_mutations_again() -> None:
    assert list(mutants(7, 100)) == list(islice(mutants(7, 1_000), 100))
    assert list(mutants(7, 100)) != list(mutants(8, 100))
