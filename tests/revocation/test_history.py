"""What counts as an admission that must not be."""

import pytest

from tests.revocation.history import Report, Revocation, violations


@pytest.mark.parametrize(
    ("last_admitted", "wrong"),
    [({}, 0), ({1: 9.9}, 0), ({1: 10.0}, 1), ({2: 99.0}, 0)],
    ids=["never", "began before", "began when it was in force", "another key"],
)
def test_a_request_is_judged_by_when_it_began(last_admitted: dict[int, float], wrong: int) -> None:
    report = Report("edge-0", last_admitted, admitted=1, refused=0, unavailable=0)
    assert len(list(violations([Revocation(1, ("edge-0",), (), 10.0)], [report]))) == wrong
