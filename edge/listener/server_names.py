"""Which certificate a client gets that asks for a name (RFC 6125 §6.4.3). Pure."""

from collections.abc import Iterable, Mapping
from typing import TypeVar

T = TypeVar("T")


def normal_name(name: str) -> str:
    """A host name in the one form in which names are compared: lower-case, without a final dot."""
    return name.lower().removesuffix(".")


def by_name(certified: Iterable[tuple[T, Iterable[str]]]) -> dict[str, T]:
    """What stands for each name. Where two have the same name it is the first one's."""
    found: dict[str, T] = {}
    for each, names in certified:
        for name in names:
            found.setdefault(normal_name(name), each)
    return found


def chosen(certified: Mapping[str, T], name: str) -> T | None:
    """What stands for a name in its normal form: by the name itself, else by a wildcard in place of its first label;
    None where nothing does."""
    exact = certified.get(name)
    if exact is not None:
        return exact
    label, dot, rest = name.partition(".")
    return certified.get(f"*.{rest}") if label and dot else None
