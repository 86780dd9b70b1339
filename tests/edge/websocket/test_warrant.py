"""A tunnel goes on only as long as a request of its caller would be let in."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from penstock.errors.v1 import error_reason_pb2 as reasons
from websockets.asyncio.client import ClientConnection

from domain.tenants import DEFAULT_TENANT
from edge.auth.authenticator import AuthUnavailable
from edge.principal import Credential, Principal, PrincipalKind, Rejection
from edge.routing import Auth, Route, Router
from edge.snapshot import GatewaySnapshot, ReadOnly, Subscription, TenantStatus, TenantView
from edge.websocket.frames import close_frame
from tests.edge.plane import DEADLINE, Plane, Served, plane, upstream
from tests.edge.websocket.ends import agree, asked, closing, opened, tunnelled, ws_route
from tests.edge.websocket.octets import frame

TOKEN = b"token"
CALLER = Principal(PrincipalKind.USER, "u-1", DEFAULT_TENANT, role="clerk", scopes=frozenset({"a"}))
HEADERS = {"Authorization": f"Bearer {TOKEN.decode()}"}


def keyed(edge: Plane, caller: Principal = CALLER) -> None:
    """Has the token prove the caller, from now on without a look-up."""
    edge.known[TOKEN] = edge.credentials[TOKEN] = caller


def change(edge: Plane, tenant: Callable[[TenantView], TenantView]) -> None:
    """Puts another state of the tenant in force."""
    view = tenant(edge.snapshot.tenants[DEFAULT_TENANT])
    edge.snapshot = GatewaySnapshot(edge.snapshot.revision + 1, {DEFAULT_TENANT: view}, {}, {"default0": view})


def rerouted(view: TenantView, route: Callable[[Route], Route]) -> TenantView:
    return replace(view, rules=replace(view.rules, router=Router([route(each) for each in view.rules.router.routes])))


async def echoes(client: ClientConnection) -> None:
    async with asyncio.timeout(DEADLINE):
        await client.send("still here")
        assert await client.recv() == "still here"


async def test_a_revoked_credential_ends_its_tunnel_before_another_message_passes() -> None:
    heard: list[str | bytes] = []

    async def listen(connection: object) -> None:
        async for message in connection:  # type: ignore[attr-defined]
            heard.append(message)

    async with tunnelled(listen, auth=Auth.REQUIRED) as (edge, behind):
        keyed(edge)
        async with opened(edge, additional_headers=HEADERS) as client:
            await client.send("before")
            edge.known.clear()
            edge.credentials[TOKEN] = Rejection(reasons.ERROR_REASON_TOKEN_REVOKED)
            await client.send("after")
            assert await closing(client) == (4401, "TOKEN_REVOKED")
            assert await behind.ended() == [1001]
        visit = await edge.visit()
        assert (visit.close_code, visit.code) == (4401, "TOKEN_REVOKED")
    assert heard == ["before"] or heard == []


async def test_a_credential_that_ends_while_nothing_passes_ends_its_tunnel() -> None:
    async with tunnelled(auth=Auth.REQUIRED) as (edge, _):
        keyed(edge)
        async with opened(edge, additional_headers=HEADERS) as client:
            await echoes(client)
            edge.known[TOKEN] = Rejection(reasons.ERROR_REASON_TOKEN_EXPIRED)
            assert await closing(client) == (4401, "TOKEN_EXPIRED")


async def test_nothing_of_the_server_passes_after_the_end_of_a_credential() -> None:
    go = asyncio.Event()

    async def tell(connection: object) -> None:
        await go.wait()
        await connection.send("secret")  # type: ignore[attr-defined]

    async with tunnelled(tell, auth=Auth.REQUIRED) as (edge, _):
        keyed(edge)
        async with opened(edge, additional_headers=HEADERS) as client:
            edge.known.clear()
            edge.credentials[TOKEN] = Rejection(reasons.ERROR_REASON_TOKEN_REVOKED)
            go.set()
            assert await closing(client) == (4401, "TOKEN_REVOKED")
        assert (await edge.visit()).response_bytes == 0


async def test_a_credential_that_still_holds_when_it_is_looked_up_again_goes_on() -> None:
    async with tunnelled(auth=Auth.REQUIRED) as (edge, _):
        keyed(edge)
        async with opened(edge, additional_headers=HEADERS) as client:
            await echoes(client)
            edge.known.clear()  # as after an event that names its tenant
            edge.credentials[TOKEN] = replace(CALLER, expires_at=time.time() + 900)
            looked_up = len(edge.looked_up)
            await echoes(client)
            assert len(edge.looked_up) > looked_up


async def test_a_caller_that_is_another_now_comes_again() -> None:
    async with tunnelled(auth=Auth.REQUIRED) as (edge, _):
        keyed(edge)
        async with opened(edge, additional_headers=HEADERS) as client:
            await echoes(client)
            keyed(edge, replace(CALLER, role="guest"))
            assert await closing(client) == (1012, "the caller has changed")


async def test_a_credential_that_cannot_be_looked_up_does_not_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(_self: object, _credential: Credential, *, fresh: bool = False) -> Principal:
        raise AuthUnavailable

    async with tunnelled(auth=Auth.REQUIRED) as (edge, _):
        keyed(edge)
        async with opened(edge, additional_headers=HEADERS) as client:
            await echoes(client)
            monkeypatch.setattr("tests.edge.plane._Services.authenticate", away)
            edge.known.clear()
            assert await closing(client) == (1013, "AUTH_UNAVAILABLE")


@pytest.mark.parametrize(
    ("tenant", "code", "reason"),
    [
        pytest.param(lambda view: replace(view, status=TenantStatus.SUSPENDED), 4403, "TENANT_SUSPENDED", id="it"),
        pytest.param(lambda view: replace(view, status=TenantStatus.DELETING), 4403, "TENANT_SUSPENDED", id="goes"),
        pytest.param(
            lambda view: replace(view, subscription=Subscription(status="expired")),
            4402,
            "SUBSCRIPTION_EXPIRED",
            id="has not paid",
        ),
        pytest.param(
            lambda view: rerouted(view, lambda route: replace(route, websocket=None)),
            4404,
            "ROUTE_NOT_FOUND",
            id="takes no more of them",
        ),
        pytest.param(
            lambda view: rerouted(view, lambda route: replace(route, auth=Auth.REQUIRED)),
            4401,
            "TOKEN_MISSING",
            id="asks for a credential now",
        ),
        pytest.param(
            lambda view: rerouted(view, lambda route: replace(route, tier="pro")),
            4403,
            "TIER_REQUIRED",
            id="asks for another tier now",
        ),
    ],
)
async def test_a_tunnel_ends_when_its_tenant(
    tenant: Callable[[TenantView], TenantView], code: int, reason: str
) -> None:
    async with tunnelled() as (edge, behind):
        async with opened(edge) as client:
            await echoes(client)
            change(edge, tenant)
            assert await closing(client) == (code, reason)
            assert await behind.ended() == [1001]
        assert (await edge.visit()).code == reason


async def test_a_tenant_that_is_another_for_the_upstream_has_its_clients_come_again() -> None:
    async with tunnelled() as (edge, _), opened(edge) as client:
        change(edge, lambda view: replace(view, subscription=Subscription(tier="enterprise")))
        assert await closing(client) == (1012, "the caller has changed")


async def test_a_tenant_that_is_no_more_has_no_tunnels() -> None:
    async with tunnelled() as (edge, _), opened(edge) as client:
        edge.snapshot = GatewaySnapshot(2, {}, {}, {})
        assert await closing(client) == (4403, "TENANT_SUSPENDED")


async def test_a_subscription_that_runs_out_ends_its_tunnels() -> None:
    async with tunnelled() as (edge, _):
        change(edge, lambda view: replace(view, subscription=Subscription(valid_until=time.time() + 0.5)))
        async with opened(edge) as client:
            await echoes(client)
            assert await closing(client) == (4402, "SUBSCRIPTION_EXPIRED")


@pytest.mark.parametrize(
    "tenant",
    [
        pytest.param(lambda view: replace(view, read_only=ReadOnly(on=True)), id="only reads"),
        pytest.param(lambda view: rerouted(view, lambda route: replace(route, rewrite="/v2")), id="is rerouted"),
    ],
)
async def test_a_tunnel_goes_on_when_its_tenant(tenant: Callable[[TenantView], TenantView]) -> None:
    async with tunnelled() as (edge, _), opened(edge) as client:
        change(edge, tenant)
        await echoes(client)


async def test_the_rest_of_a_frame_does_not_reach_the_server_once_the_credential_has_ended() -> None:
    begun, got = asyncio.Event(), bytearray()

    async def listen(served: Served) -> None:
        await agree(served)
        while octets := await served.reader.read(1000):
            got.extend(octets)
            begun.set()

    async with upstream(listen) as behind, plane([ws_route(behind.port, auth=Auth.REQUIRED)]) as edge:
        keyed(edge)
        client = await asked(edge, f"Authorization: Bearer {TOKEN.decode()}")
        assert (await client.answer(head_only=True)).status == 101
        octets = frame(b"x" * 200)
        await client.send(octets[:50])
        async with asyncio.timeout(DEADLINE):
            await begun.wait()
        edge.known[TOKEN] = Rejection(reasons.ERROR_REASON_TOKEN_REVOKED)
        await client.send(octets[50:])
        assert await client.ended() == close_frame(4401, "TOKEN_REVOKED")
        assert (await edge.visit()).close_code == 4401
        assert bytes(got) == octets[:50]
