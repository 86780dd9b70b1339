"""The whole story with leases of 30 s: `python -m tests.revocation --keys 100`. Exit code 1 when an edge admits a key
whose end is in force (or, with `--plant`, when the mistake is not found)."""

import argparse
import asyncio
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from tests.revocation import story
from tests.revocation.plants import PLANTS
from tests.revocation.story import Told
from tests.revocation.world import SHORT, Terms
from tests.support.stores import fast_postgres


async def tell(terms: Terms, keys: int) -> Told:
    """The whole story on a PostgreSQL of its own."""
    with tempfile.TemporaryDirectory(prefix="rv") as name:
        folder = Path(name)
        async with fast_postgres(folder / "pg", folder / "pgs") as postgres:
            return await story.whole(await postgres.fresh_database(), folder, terms, keys)


def main() -> None:
    """Tells it and prints what came of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.revocation", description=__doc__)
    parser.add_argument("--keys", type=int, default=100, help="keys that are revoked in each part of the story")
    parser.add_argument("--seed", type=int, default=1, help="of the delays and of what clients ask about")
    parser.add_argument("--short", action="store_true", help="leases of 4 s, as in the suite")
    parser.add_argument("--plant", choices=[each for each in PLANTS if each], default="", help="a mistake to be found")
    given = parser.parse_args()
    terms = replace(SHORT if given.short else Terms(), seed=given.seed, plant=given.plant)
    told = asyncio.run(tell(terms, given.keys))
    for each in told.reports:
        print(f"{each.edge}: {each.admitted:,} admitted, {each.refused:,} refused, {each.unavailable:,} not told")
    print(f"{sum(each.attempts for each in told.reports):,} attempts, {len(told.wrong)} wrong")
    print("\n".join(told.wrong[:20]))
    sys.exit(bool(told.wrong) != bool(given.plant))


if __name__ == "__main__":
    main()
