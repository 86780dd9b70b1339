"""What a worker starts with while configsvc is away: every tenant's newest event as it was last applied. A value."""

from collections.abc import Iterable
from dataclasses import dataclass

from edge.config.ledger import Copy


@dataclass(frozen=True, slots=True)
class WarmCopy:
    """`head` is the revision up to which it is complete; 0 when parts may be missing."""

    head: int
    copies: tuple[Copy, ...]


def merged(found: Iterable[WarmCopy]) -> WarmCopy | None:
    """Several copies as one: of each tenant the newest state, so that an older copy never wins."""
    newest: dict[str, Copy] = {}
    head = 0
    for warm in found:
        head = max(head, warm.head)
        for copy in warm.copies:
            known = newest.get(copy.tenant)
            if known is None or known.revision < copy.revision:
                newest[copy.tenant] = copy
    return WarmCopy(head, tuple(newest.values())) if newest else None
