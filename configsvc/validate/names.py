"""The forms of names in config documents and tenant records. Pure."""

import re
from typing import Final

NAME: Final = re.compile(r"[a-z0-9._-]{1,128}")
METHOD: Final = re.compile(r"[A-Z][A-Z-]{0,31}")
# RFC 9110 §5.6.2.
TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")
FIELD_VALUE: Final = re.compile(r"[!-~](?:[ -~]{0,1022}[!-~])?")
SCOPE: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}")
TIER: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
# Keys of Envoy's descriptors; documents write `key=value`.
ENTRY_KEY: Final = re.compile(r"[!-<>-~]{1,128}")

_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
# Lower-case A-labels, at most 253 characters (RFC 1035 §2.3.4); an IPv4 address has the same form.
HOST: Final = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")
HOST_PATTERN: Final = re.compile(rf"(?=.{{1,253}}\Z)(?:\*\.)?{_LABEL}(?:\.{_LABEL})*")

# RFC 3986 §3.3 pchar, without what would have two spellings: encoded unreserved characters, lower-case hex.
_PCHAR: Final = r"(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%(?!2[DE]|3[0-9]|[46][1-9A-F]|[57][0-9A]|5F|7E)[0-9A-F]{2})"
_PATH: Final = re.compile(rf"(?:/{_PCHAR}+)+")


def canonical_path(path: str) -> bool:
    """Whether a path has one spelling only: no empty or dot segment, no `/` at the end but for the root."""
    if path == "/":
        return True
    if len(path) > 2048 or not _PATH.fullmatch(path):
        return False
    return not any(segment in (".", "..") for segment in path.split("/"))
