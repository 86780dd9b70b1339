"""Cases of others, where there are any: all sides agree, and what their collectors call hostile is refused."""

from pathlib import Path
from random import Random

import pytest

from tests.edge.wire import corpus
from tests.edge.wire.corpus import Entry, entries
from tests.edge.wire.memory import run
from tests.edge.wire.mutations import pieces
from tests.edge.wire.oracle import discrepancies, outcomes

ENTRIES = entries()
HOSTILE = ("smuggler", "gunicorn", "desync-guardian/Severe")
SERVED = {
    "underjoin1": "a field with an underscore for its hyphen ends here",
    "040.http InvalidHeaderName": "so does this one",
    "contentEnc": "a content coding says nothing of the framing",
    "006.http LimitRequestLine": "4,096 octets are no long request line here",
    "007.http LimitRequestHeaders": "8,192 octets are no long field here",
    "008.http LimitRequestHeaders": "nor here",
    "limit_header_default_01.http LimitRequestHeaders": "nor here",
}
"""What is in the lists of hostile requests and served nevertheless, and why."""


@pytest.mark.parametrize("cut", [False, True], ids=["whole", "cut"])
@pytest.mark.parametrize("found", [ENTRIES], ids=[f"{len(ENTRIES)} entries"])
async def test_what_others_found_is_read_alike_or_refused(found: list[Entry], cut: bool) -> None:
    random = Random(len(found))  # noqa: S311 – must be foreseeable
    traces = await run([pieces(entry.octets, random) if cut else [entry.octets] for entry in found])
    wrong = []
    for entry, trace in zip(found, traces, strict=True):
        wrong += [f"{entry.corpus}, {entry.name}: {sentence}" for sentence in discrepancies(trace)]
        served = any(outcome.passed is not None for outcome in outcomes(trace))
        if served and entry.corpus in HOSTILE and entry.name not in SERVED:
            wrong.append(f"{entry.corpus}, {entry.name}: is served")
    assert wrong == []


def test_a_corpus_that_is_named_must_be_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(corpus.VARIABLE, str(tmp_path / "none.json"))
    with pytest.raises(FileNotFoundError):
        entries()
    (tmp_path / "some.json").write_text('[{"corpus": "a", "name": "b", "raw": "R0VU"}]')
    monkeypatch.setenv(corpus.VARIABLE, str(tmp_path / "some.json"))
    assert entries() == [Entry("a", "b", b"GET")]


def test_no_corpus_is_needed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(corpus.VARIABLE, raising=False)
    monkeypatch.setattr(corpus, "BESIDE", tmp_path / "none.json")
    assert entries() == []
