"""What the way to the upstream remembers."""

import gc
from dataclasses import replace

from domain.tenants import DEFAULT_TENANT
from edge.routing import Router, Service
from edge.snapshot import GatewaySnapshot
from tests.edge.plane import OK, answering, plane, route, upstream


def routers() -> int:
    gc.collect()
    return sum(isinstance(each, Router) for each in gc.get_objects())


async def test_a_service_without_a_target_at_this_gateway_is_not_available() -> None:
    nowhere = replace(route(1), service=Service("sales", ()))
    async with plane([nowhere]) as edge:
        answer = await edge.get()
        assert (answer.status, answer.code) == (503, "DOWNSTREAM_UNAVAILABLE")


async def test_a_config_that_was_replaced_is_forgotten() -> None:
    async with upstream(answering(OK)) as up, plane([route(up.port)]) as edge:
        before = routers()
        for revision in range(2, 22):
            view = edge.snapshot.tenants[DEFAULT_TENANT]
            rules = replace(view.rules, version=revision, router=Router((route(up.port),)))
            edge.snapshot = GatewaySnapshot(revision, {DEFAULT_TENANT: replace(view, rules=rules)})
            del view, rules
            assert (await edge.get()).status == 200
        edge.visits.clear()
        edge.served.clear()
        assert routers() <= before + 1
    assert b"X-Tenant-ID: " + DEFAULT_TENANT.encode() in up.heads[-1]
