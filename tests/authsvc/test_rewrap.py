"""Key-encryption keys are replaced one by one, and no key of a consumer is lost on the way."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from authsvc.migrate import migrate_database
from authsvc.peppers import add_pepper, load_peppers, rewrap
from svckit.encryption import EncryptionError, Keyring, key_id

OLD = Keyring("k1", {"k1": b"1" * 32})
BOTH = Keyring("k2", {"k1": b"1" * 32, "k2": b"2" * 32})
NEW = Keyring("k2", {"k2": b"2" * 32})


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[Any]:
    """A migrated database with two peppers under the old key."""
    async with asyncpg.create_pool(database_url, min_size=1, max_size=2) as pool:
        await migrate_database(pool)
        async with pool.acquire() as connection:
            await load_peppers(connection, OLD)
            await add_pepper(connection, OLD)
            yield connection


async def keep(connection: Any, pepper_id: int, keyring: Keyring) -> None:
    """Stores a pepper under keys of the test's choice."""
    await connection.execute(
        "INSERT INTO registry.peppers (pepper_id, ciphertext) VALUES ($1, $2)",
        pepper_id,
        keyring.encrypt(bytes(32), b"authsvc pepper %d" % pepper_id),
    )


async def under(connection: Any) -> list[str]:
    """The key-encryption keys that the peppers need, in order."""
    rows = await connection.fetch("SELECT ciphertext FROM registry.peppers ORDER BY pepper_id")
    return [key_id(row["ciphertext"]) for row in rows]


async def test_every_secret_comes_under_the_newest_key_and_stays_what_it_was(connection: Any) -> None:
    digest = (await load_peppers(connection, OLD)).digest(b"credential")

    counts = await rewrap(connection, BOTH)

    assert (counts, await under(connection)) == ((2, 0), ["k2", "k2"])
    assert (await load_peppers(connection, NEW)).matches(b"credential", digest)


async def test_doing_it_again_changes_nothing(connection: Any) -> None:
    await rewrap(connection, BOTH)
    before = await connection.fetch("SELECT * FROM registry.peppers ORDER BY pepper_id")

    assert await rewrap(connection, BOTH) == (0, 2)
    assert await connection.fetch("SELECT * FROM registry.peppers ORDER BY pepper_id") == before


async def test_a_run_that_breaks_off_is_taken_up_by_the_next(connection: Any) -> None:
    await keep(connection, 3, Keyring("k0", {"k0": b"0" * 32}))
    with pytest.raises(EncryptionError, match="'k0'"):
        await rewrap(connection, BOTH)
    assert await under(connection) == ["k2", "k2", "k0"]

    with_all = Keyring("k2", {**BOTH.keks, "k0": b"0" * 32})

    assert await rewrap(connection, with_all) == (1, 2)
    assert await under(connection) == ["k2", "k2", "k2"]
