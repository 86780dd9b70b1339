import pytest
from penstock.config.v1 import gateway_config_pb2 as pb

from domain.tenants import DEFAULT_TENANT
from tests.edge.admin.conftest import World
from tests.edge.admin.fakes import ACME, FOREIGN, VIEWER
from tests.edge.config.documents import config

EXPLAIN = "/admin/v1/tenants/acme/explain"
DOCUMENT = """
services { name: "up" targets { url: "http://127.0.0.1:9001" } }
routes { name: "api" prefix: "/api" service: "up" strip_prefix: true scopes: "a.read" methods: "GET"
         cors { origins: "https://shop.test" } }
routes { name: "beta" prefix: "/api" service: "up" auth: ROUTE_AUTH_NONE headers { key: "X-Beta" value: "1" } }
"""


def publish(world: World, document: pb.GatewayConfig, tenant: str = ACME) -> None:
    world.fakes.configs.messages[tenant] = document


async def test_a_request_is_explained_by_the_newest_document(world: World) -> None:
    publish(world, config(DOCUMENT))
    answer = await world.ask("GET", f"{EXPLAIN}?path=/api/x%3Fa=b&host=Shop.test:8443", VIEWER)
    assert answer.status_code == 200
    found = answer.json()
    assert found["outcome"] == "route"
    assert (found["path"], found["host"], found["host_bound"]) == ("/api/x", "shop.test", False)
    assert (found["config_version"], found["inherited"]) == (1, False)
    assert found["route"] == {
        "name": "api",
        "prefix": "/api",
        "hosts": [],
        "methods": ["GET"],
        "headers": {},
        "service": "up",
        "upstream_path": "/x",
        "auth": "required",
        "scopes": ["a.read"],
        "tier": None,
        "critical": False,
        "tenant_from": "header",
        "timeouts": {"connect_seconds": 1.0, "response_seconds": 10.0, "idle_seconds": 60.0},
        "max_body_bytes": None,
        "websocket": None,
    }
    counted = {"window_ms": 60_000, "algorithm": "sliding_window"}
    own, failed = "limits.authenticated", "limits.failed_authentication"
    assert found["limits"] == [
        {
            "caller": "authenticated",
            "setting": own,
            "counted_by": "principal",
            "policies": [{"name": "default", "setting": own, "requests": 500, **counted}],
            "on_outage": "local",
        },
        {
            "caller": "unproven",
            "setting": failed,
            "counted_by": "address",
            "policies": [{"name": "failed_authentication", "setting": failed, "requests": 100, **counted}],
            "on_outage": "local",
        },
    ]
    assert found["cors"]["origins"] == ["https://shop.test"]
    assert found["losers"] == [{"name": "beta", "prefix": "/api", "reason": "headers", "detail": "needs x-beta: 1"}]
    assert (found["losers_left_out"], found["refused"], found["builtin"], found["allow"]) == (0, None, None, [])


async def test_fields_are_given_as_clients_send_them(world: World) -> None:
    publish(world, config(DOCUMENT))
    answer = await world.ask("GET", EXPLAIN, params={"path": "/api", "header": ["x-BETA:  1 ", "Accept: */*"]})
    assert answer.json()["route"]["name"] == "beta"
    assert [each["caller"] for each in answer.json()["limits"]] == ["anonymous"]


async def test_a_refused_method_comes_with_those_that_are_allowed(world: World) -> None:
    publish(world, config(DOCUMENT))
    answer = (await world.ask("GET", f"{EXPLAIN}?method=PUT&path=/api")).json()
    assert (answer["outcome"], answer["allow"], answer["route"]) == ("method_not_allowed", ["GET"], None)


async def test_without_a_host_the_first_bound_one_is_meant(world: World) -> None:
    world.fakes.tenants.tenants[ACME].hosts.append("acme.test")
    answer = (await world.ask("GET", f"{EXPLAIN}?path=/")).json()
    assert (answer["host"], answer["host_bound"]) == ("acme.test", True)


async def test_a_tenant_that_inherits_is_explained_by_the_document_of_default(world: World) -> None:
    publish(world, config(DOCUMENT.replace("http://127.0.0.1:9001", "${UP_SERVICE_URL}")), DEFAULT_TENANT)
    answer = (await world.ask("GET", f"{EXPLAIN}?path=/api")).json()
    assert (answer["inherited"], answer["route"]["name"]) == (True, "api")


async def test_what_the_tenants_state_refuses_is_told(world: World) -> None:
    publish(world, config(DOCUMENT))
    world.fakes.tenants.tenants[ACME].read_only.on = True
    answer = (await world.ask("GET", f"{EXPLAIN}?method=POST&path=/api&header=x-beta:1")).json()
    assert (answer["refused"]["status"], answer["refused"]["code"]) == (423, "TENANT_READ_ONLY")


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("", "path"),
        ("path=", "path"),
        ("path=/&method=TRACE", "method"),
        ("path=/&host=a_b", "host"),
        ("path=/&header=no-colon", "header[0]"),
        ("path=/&header=a:1&header=b%20c:1", "header[1]"),
        ("path=/&header=x-tenant-id:1&header=x-tenant-id:2", "header"),
        ("path=/&" + "&".join(["header=a:1"] * 33), "header"),
        ("path=/&pth=/", "pth"),
    ],
)
async def test_a_question_that_makes_no_sense_is_refused_with_what_is_wrong(
    world: World, query: str, path: str
) -> None:
    answer = await world.ask("GET", f"{EXPLAIN}?{query}")
    assert (answer.status_code, [each["path"] for each in answer.json()["errors"]]) == (400, [path])


async def test_a_document_that_no_edge_can_apply_says_why(world: World) -> None:
    publish(world, config('routes { name: "a" prefix: "/a" service: "gone" }'))
    answer = await world.ask("GET", f"{EXPLAIN}?path=/a")
    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID_DOCUMENT")
    assert answer.json()["errors"][0]["path"] == "routes[0].service"


async def test_another_tenants_routes_are_not_explained(world: World) -> None:
    answer = await world.ask("GET", f"{EXPLAIN}?path=/", FOREIGN)
    assert (answer.status_code, answer.json()["code"]) == (403, "TENANT_FORBIDDEN")
