"""Which request ids are kept, as text and as octets."""

import pytest

from svckit.request_ids import WELL_FORMED, WELL_FORMED_OCTETS

KEPT = ("a", "abc-1.2_X", "x" * 128)
REPLACED = ("", "x" * 129, "has space", "a,b", "a;b", "a\n", "a\r\nb", "a/b", "é", "\0")


@pytest.mark.parametrize(
    ("identifier", "kept"), [*((each, True) for each in KEPT), *((each, False) for each in REPLACED)]
)
def test_text_and_octets_are_judged_alike(identifier: str, kept: bool) -> None:
    assert (WELL_FORMED.fullmatch(identifier) is not None) == kept
    assert (WELL_FORMED_OCTETS.fullmatch(identifier.encode()) is not None) == kept
