"""The addresses of names: asked for once at a time, again and again, and kept while nobody can tell."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from edge.story import in_task
from edge.upstream import names as module
from edge.upstream.names import Addresses, Names


@dataclass
class Resolver:
    """Answers what a test has chosen, once it is let."""

    answer: Addresses | None = ("192.0.2.1",)
    asked: list[str] = field(default_factory=list)
    let: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, host: str) -> Addresses:
        self.asked.append(host)
        await self.let.wait()
        if self.answer is None:
            raise OSError("no name server")
        return self.answer


@asynccontextmanager
async def resolver() -> AsyncIterator[tuple[Resolver, Names]]:
    resolver = Resolver()
    resolver.let.set()
    names = Names(resolver)
    yield resolver, names
    names.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was found is old at once."""
    monkeypatch.setattr(module, "FRESH_SECONDS", 0.0)


async def settled(names: Names, host: str, addresses: Addresses) -> None:
    """Returns once these are the addresses."""
    async with asyncio.timeout(10):
        while names.known(host) != addresses:  # noqa: ASYNC110 - an answer is no event
            await asyncio.sleep(0)


@pytest.mark.parametrize("address", ["192.0.2.7", "2001:db8::7"])
async def test_an_address_is_its_own_and_nobody_is_asked(address: str) -> None:
    async with resolver() as (behind, names):
        assert await names.addresses(address) == (address,)
        assert behind.asked == []


async def test_however_many_want_a_name_it_is_asked_for_once_and_then_known() -> None:
    async with resolver() as (behind, names):
        behind.let.clear()
        asking = [in_task(names.addresses("a.test")) for _ in range(20)]
        await asyncio.sleep(0)
        behind.let.set()
        assert await asyncio.gather(*asking) == [("192.0.2.1",)] * 20
        assert await names.addresses("a.test") == ("192.0.2.1",)
        assert behind.asked == ["a.test"]


@pytest.mark.usefixtures("impatient")
async def test_a_name_that_moves_is_followed() -> None:
    async with resolver() as (behind, names):
        assert await names.addresses("a.test") == ("192.0.2.1",)
        behind.answer = ("192.0.2.2", "192.0.2.3")
        await settled(names, "a.test", behind.answer)
        assert await names.addresses("a.test") == behind.answer


@pytest.mark.usefixtures("impatient")
async def test_former_addresses_serve_while_a_name_is_asked_again_and_while_nobody_can_tell() -> None:
    async with resolver() as (behind, names):
        await names.addresses("a.test")
        behind.let.clear()
        assert await names.addresses("a.test") == ("192.0.2.1",)
        behind.answer = None
        behind.let.set()
        for _ in range(5):
            assert await names.addresses("a.test") == ("192.0.2.1",)
            await asyncio.sleep(0)
        assert len(behind.asked) > 2


async def test_a_name_that_is_not_known_fails_and_is_not_asked_for_by_every_request() -> None:
    async with resolver() as (behind, names):
        behind.answer = None
        for _ in range(5):
            with pytest.raises(OSError, match=r"no name server|not known"):
                await names.addresses("a.test")
        assert behind.asked == ["a.test"]


async def test_whoever_gives_up_leaves_the_question_to_the_others() -> None:
    async with resolver() as (behind, names):
        behind.let.clear()
        impatient, patient = (in_task(names.addresses("a.test")) for _ in range(2))
        await asyncio.sleep(0)
        impatient.cancel()
        behind.let.set()
        assert await patient == ("192.0.2.1",)


async def test_names_that_nobody_needs_are_forgotten() -> None:
    async with resolver() as (behind, names):
        await names.addresses("a.test")
        await asyncio.sleep(0)
        names.forget(asyncio.get_running_loop().time() + module.STALE_SECONDS + 1)
        assert names.known("a.test") == ()
        assert behind.asked == ["a.test"]


async def test_the_systems_resolver_knows_this_machine() -> None:
    names = Names()
    assert "127.0.0.1" in await names.addresses("localhost")
    names.close()
