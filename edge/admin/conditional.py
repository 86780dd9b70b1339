"""Versions as entity tags: `ETag` out, `If-Match` in (RFC 9110 §8.8.3, §13.1.1). Pure."""

import re
from typing import Final

from penstock.errors.v1 import error_reason_pb2 as reasons

from svckit.errors import Fault, FieldFault

# The quotes may be missing: people type the version into curl. Weak tags never match (§13.1.1).
_TAG: Final = re.compile(r'"([0-9]{1,18})"|([0-9]{1,18})')


def entity_tag(version: int) -> str:
    """The ETag of a version."""
    return f'"{version}"'


def expected_version(if_match: str | None) -> int | None:
    """The version that a change is based on; None when any will do. Fault BAD_REQUEST when it says neither."""
    if if_match is None or if_match.strip() == "*":
        return None
    found = _TAG.fullmatch(if_match.strip())
    if found is None:
        field = FieldFault("If-Match", 'must be one version as entity tag, such as "3", or *')
        raise Fault(reasons.ERROR_REASON_BAD_REQUEST, fields=(field,))
    return int(found[1] or found[2])
