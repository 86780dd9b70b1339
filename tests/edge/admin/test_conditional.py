import pytest
from penstock.errors.v1 import error_reason_pb2 as reasons

from edge.admin.conditional import entity_tag, expected_version
from svckit.errors import Fault


@pytest.mark.parametrize(
    ("if_match", "version"),
    [(None, None), ("*", None), ('"3"', 3), ("3", 3), (' "12" ', 12), ('"0"', 0)],
)
def test_if_match_names_the_version_that_a_change_is_based_on(if_match: str | None, version: int | None) -> None:
    assert expected_version(if_match) == version


@pytest.mark.parametrize("if_match", ["", '"', 'W/"3"', '"3", "4"', '"-1"', "three", '"3', "9" * 30, "٣"])
def test_anything_else_is_refused_and_never_read_as_any(if_match: str) -> None:
    with pytest.raises(Fault) as refused:
        expected_version(if_match)
    assert refused.value.reason == reasons.ERROR_REASON_BAD_REQUEST


def test_a_tag_is_read_back() -> None:
    assert expected_version(entity_tag(41)) == 41
