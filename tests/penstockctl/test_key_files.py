"""Files of keys to import."""

import pytest

from penstockctl.faults import OperatorError
from penstockctl.key_files import BATCH, batches


def test_keys_come_in_batches_that_know_their_lines() -> None:
    lines = [f'{{"name": "{number}"}}\n' for number in range(BATCH + 1)]
    lines.insert(1, "\n")
    first, second = batches(lines)
    assert (first.first, first.last, len(first.keys)) == (1, BATCH + 1, BATCH)
    assert (second.first, second.last, second.keys) == (BATCH + 2, BATCH + 2, [{"name": str(BATCH)}])


def test_an_empty_file_has_none() -> None:
    assert list(batches(["\n", "  \n"])) == []


@pytest.mark.parametrize("line", ["psk_live_secret", "[]", '"text"', '{"name": '])
def test_a_line_that_is_no_object_is_told_by_its_number_and_not_shown(line: str) -> None:
    with pytest.raises(OperatorError) as refused:
        list(batches(["{}", line]))
    assert str(refused.value) == "Line 2 is not a JSON object."
