"""Cases of others: a JSON list of {corpus, name, raw}, `raw` in base64. The file is the one that PENSTOCK_HTTP_CORPUS
names, else ../shared/corpora/http-corpus.json beside this project, if it is there.
"""

import json
import os
from base64 import b64decode
from pathlib import Path
from typing import NamedTuple

VARIABLE = "PENSTOCK_HTTP_CORPUS"
BESIDE = Path(__file__).resolve().parents[4] / "shared" / "corpora" / "http-corpus.json"


class Entry(NamedTuple):
    """A request of a corpus."""

    corpus: str
    name: str
    octets: bytes


def entries() -> list[Entry]:
    """All of the file, or none where there is no file; one that is named must be there."""
    named = os.environ.get(VARIABLE)
    if named is None and not BESIDE.exists():
        return []
    read = json.loads(Path(named or BESIDE).read_text())
    return [Entry(one["corpus"], one["name"], b64decode(one["raw"])) for one in read]
