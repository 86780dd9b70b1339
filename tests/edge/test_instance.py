"""The identity of a worker: the gateway's id is made once, whoever is first, and kept."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from edge.instance import load_instance


def test_the_gateway_keeps_its_id_and_every_process_has_its_own_boot_id(tmp_path: Path) -> None:
    first, again = load_instance(tmp_path / "new", 0), load_instance(tmp_path / "new", 0)
    assert first.gateway_id == again.gateway_id
    assert first.boot_id != again.boot_id
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["gateway.id"]


def test_workers_that_race_for_the_first_start_agree(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as threads:
        instances = list(threads.map(lambda slot: load_instance(tmp_path, slot), range(16)))
    assert len({instance.gateway_id for instance in instances}) == 1
    assert [instance.slot for instance in instances] == list(range(16))


@pytest.mark.parametrize("content", ["", "a b", "x" * 65, "a\nb"])
def test_a_file_that_holds_no_id_is_not_guessed_around(tmp_path: Path, content: str) -> None:
    (tmp_path / "gateway.id").write_text(content)
    with pytest.raises(ValueError, match="gateway id"):
        load_instance(tmp_path, 0)
