"""Lists of names as documents have them. Pure."""

from collections.abc import Iterable, Iterator


def numbered(values: Iterable[str]) -> Iterator[tuple[int, str, bool]]:
    """Each value with its place and whether it stood before; in linear time, however long a faulty list is."""
    seen: set[str] = set()
    for index, value in enumerate(values):
        yield index, value, value in seen
        seen.add(value)
