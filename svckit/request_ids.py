"""Which request ids are well formed: the same at every rim, so that an id kept at the first is kept at every hop."""

import re
from typing import Final

WELL_FORMED: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")
WELL_FORMED_OCTETS: Final = re.compile(WELL_FORMED.pattern.encode("ascii"))
