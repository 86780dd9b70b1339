"""A flood of addresses, each of which the edge believes, through the data plane and a real ratelimitsvc."""

import asyncio
from ipaddress import ip_network
from pathlib import Path

import redis

from edge.http.forwarded import ProxyHeaders, TrustedProxies
from edge.limits.crowds import SHARED_COUNTERS, AddressCounters
from edge.limits.rules import LimitRules, Rate
from tests.edge.limits.test_outage import limiting
from tests.edge.plane import DEADLINE, OK, Answer, Plane, answering, plane, route, upstream
from tests.ratelimitsvc.processes import rate_limit_process

PROXY = TrustedProxies((ip_network("127.0.0.0/8"),), ProxyHeaders.X_FORWARDED)
PLACES = 50
LIMIT = 4


async def ask(edge: Plane, *addresses: str) -> list[Answer]:
    return list(await asyncio.gather(*(edge.get("/api/x", f"X-Forwarded-For: {each}") for each in addresses)))


def remaining(answer: Answer) -> int:
    return int(answer.fields["ratelimit"].partition(";r=")[2].partition(";")[0])


async def test_it_fills_neither_the_store_nor_the_places_of_those_who_were_there(short_dir: Path, valkey: str) -> None:
    rules = LimitRules(anonymous=Rate(LIMIT, 600_000))
    async with rate_limit_process(short_dir, valkey) as service:
        await service.serving()
        async with (
            limiting(service, AddressCounters(PLACES), silence_seconds=DEADLINE) as limiter,
            upstream(answering(OK)) as behind,
            plane([route(behind.port)], proxies=PROXY, limiter=limiter, limit_rules=rules) as edge,
        ):
            first = [f"192.0.2.{number}" for number in range(PLACES)]
            assert {remaining(each) for each in await ask(edge, *first)} == {LIMIT - 1}
            flood = [each for net in range(10) for each in (f"2001:db8:{net:x}:{host:x}::1" for host in range(20))]
            answers = await ask(edge, *flood)
            assert [each.status for each in answers].count(200) == LIMIT  # they have one counter together
            assert {remaining(each) for each in await ask(edge, *first)} == {LIMIT - 2}
            with redis.Redis.from_url(valkey) as store:
                assert PLACES < store.dbsize() <= PLACES + SHARED_COUNTERS
