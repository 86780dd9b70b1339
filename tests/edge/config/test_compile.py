"""What a config document means to a worker, and which documents it refuses."""

import pytest

from domain.tenants import DEFAULT_TENANT, TenantId
from edge.config.compile import compile_rules
from edge.config.defaults import DocumentDefaults
from edge.config.reasons import Refused
from edge.limits.rules import Algorithm, LimitRules, Outage, Rate, RouteLimitRules
from edge.routing import Auth, CorsRules, Service, Target, Timeouts, WebSocketLimits
from edge.snapshot import Rules, SubscriptionRules

from .documents import ACME, SALES, config


def compiled(text: str, tenant: TenantId = ACME, **env: str) -> Rules:
    rules = compile_rules(config(text), tenant, 7, env)
    assert isinstance(rules, Rules), rules
    return rules


def reasons(text: str, tenant: TenantId = ACME, **env: str) -> list[tuple[str, str]]:
    refused = compile_rules(config(text), tenant, 7, env)
    assert isinstance(refused, Refused)
    return [(reason.path, reason.message) for reason in refused.reasons]


def test_what_a_document_leaves_out_takes_the_defaults() -> None:
    rules = compiled(SALES)
    (route,) = rules.router.routes
    assert (rules.tenant, rules.version) == (ACME, 7)
    assert route.service == Service("sales", (Target("127.0.0.1", 9001),), Timeouts(1.0, 10.0, 60.0))
    assert route.timeouts == Timeouts(1.0, 10.0, 60.0)
    assert (route.auth, route.methods, route.hosts, route.limit) == (Auth.REQUIRED, frozenset(), (), None)
    assert route.max_body_bytes is None
    assert rules.limits == LimitRules()
    assert rules.cors is None
    assert not rules.registration_open


def test_all_services_of_a_document_are_kept_with_the_path_to_ask_them() -> None:
    asked = 'services { name: "pos" targets { url: "http://127.0.0.1:9002" } health { path: "/up?deep=1" } }'
    assert [(each.name, each.health_path) for each in compiled(SALES + asked).services] == [
        ("sales", ""),
        ("pos", "/up?deep=1"),
    ]


@pytest.mark.parametrize("path", ["health", "/a b", r"/a\r\nX: y", "/é"])
def test_a_path_to_ask_that_is_none_is_a_reason(path: str) -> None:
    asked = f'services {{ name: "pos" targets {{ url: "http://127.0.0.1:9002" }} health {{ path: "{path}" }} }}'
    assert reasons(asked) == [("services[0].health.path", "is not a path of visible ASCII characters")]


DEFAULTS = DocumentDefaults(LimitRules(anonymous=Rate(7, 1000)), CorsRules(frozenset({"https://env.test"})))


def with_defaults(text: str, tenant: TenantId) -> Rules:
    rules = compile_rules(config(text), tenant, 7, {}, DEFAULTS)
    assert isinstance(rules, Rules), rules
    return rules


def test_a_gateways_limits_hold_in_documents_without_limits_and_its_cross_origin_rules_in_that_of_default() -> None:
    assert with_defaults(SALES, ACME).limits == DEFAULTS.limits
    assert with_defaults(SALES, ACME).cors is None
    assert with_defaults(SALES, DEFAULT_TENANT).limits == DEFAULTS.limits
    assert with_defaults(SALES, DEFAULT_TENANT).cors == DEFAULTS.cors


def test_a_document_beats_the_gateways_defaults() -> None:
    spoken = SALES + 'limits { tenant { requests: 9 window { seconds: 60 } } } cors { origins: "https://doc.test" }'
    rules = with_defaults(spoken, DEFAULT_TENANT)
    assert rules.limits == LimitRules(tenant=Rate(9, 60_000))
    assert rules.cors is not None
    assert rules.cors.origins == {"https://doc.test"}


def test_an_empty_document_is_a_tenant_without_routes() -> None:
    assert compiled("").router.routes == ()


def test_the_timeouts_of_a_route_stand_over_those_of_its_service() -> None:
    rules = compiled("""
        services { name: "a" targets { url: "https://a.test" weight: 3 }
                   timeouts { connect { nanos: 250000000 } response { seconds: 5 } } }
        routes { name: "a" prefix: "/a" service: "a" timeouts { response { seconds: 30 } } }
    """)
    (route,) = rules.router.routes
    assert route.service.targets == (Target("a.test", 443, tls=True, weight=3),)
    assert route.service.timeouts == Timeouts(0.25, 5.0, 60.0)
    assert route.timeouts == Timeouts(0.25, 30.0, 60.0)


def test_everything_a_route_can_say_arrives() -> None:
    rules = compiled("""
        services { name: "a" targets { url: "http://[::1]:80" } forward_authorization: true
                   balance { policy: BALANCE_POLICY_HASH hash_header: "X-Cart" } }
        routes { name: "a" prefix: "/a" service: "a" methods: "GET" hosts: "*.a.test" auth: ROUTE_AUTH_NONE
                 headers { key: "X-Beta" value: "1" } scopes: "a.read" tier: "pro" tenant_from: TENANT_SOURCE_PATH
                 limit { authenticated { requests: 60 window { seconds: 60 } } on_outage: LIMIT_OUTAGE_STRICT }
                 strip_prefix: true max_body_bytes: 0 websocket: true critical: true allow_encoded_slashes: true }
        limits { anonymous { requests: 5 window { nanos: 500000000 } } algorithm: LIMIT_ALGORITHM_TOKEN_BUCKET
                 tiers { key: "pro" value { requests: 9 window { seconds: 1 } } } on_outage: LIMIT_OUTAGE_OPEN }
        cors { origins: "https://app.test" credentials: true max_age { seconds: 5 } }
        subscription { grace { seconds: 7 } tiers: "free" tiers: "pro" }
        registration: REGISTRATION_OPEN
        imported_keys: true
    """)
    (route,) = rules.router.routes
    assert route.service.targets[0].host == "::1"
    assert route.service.forward_authorization
    assert (route.methods, route.hosts, route.headers) == (frozenset({"GET"}), ("*.a.test",), ((b"x-beta", b"1"),))
    assert (route.auth, route.scopes, route.tier) == (Auth.NONE, frozenset({"a.read"}), "pro")
    assert route.limit == RouteLimitRules(authenticated=Rate(60, 60_000), on_outage=Outage.STRICT)
    assert (route.tenant_from_path, route.strip_prefix, route.max_body_bytes) == (True, True, 0)
    assert (route.websocket, route.critical, route.allow_encoded_slashes) == (WebSocketLimits(), True, True)
    assert rules.limits == LimitRules(
        anonymous=Rate(5, 500),
        algorithm=Algorithm.TOKEN_BUCKET,
        tiers={"pro": Rate(9, 1000)},
        on_outage=Outage.OPEN,
    )
    assert rules.cors == route.cors == CorsRules(frozenset({"https://app.test"}), credentials=True, max_age=5)
    assert rules.subscription == SubscriptionRules(7.0, ("free", "pro"))
    assert rules.registration_open
    assert rules.imported_keys


WEBSOCKET = """
    services { name: "a" targets { url: "http://a.test" } }
    routes { name: "a" prefix: "/a" service: "a" websocket: true websocket_limits { %s } }
"""


@pytest.mark.parametrize(
    ("said", "rules"),
    [
        ("", WebSocketLimits()),
        ("max_message_bytes: 5", WebSocketLimits(max_message_bytes=5)),
        ("messages { requests: 20 window { seconds: 60 } }", WebSocketLimits(messages=(20, 60.0))),
        ("messages { unlimited: true }", WebSocketLimits(messages=None)),
        ("idle { seconds: 3600 }", WebSocketLimits(idle_seconds=3600.0)),
    ],
)
def test_websockets_are_bounded_by_what_is_said_and_else_by_the_defaults(said: str, rules: WebSocketLimits) -> None:
    assert compiled(WEBSOCKET % said).router.routes[0].websocket == rules


def test_a_route_without_websockets_has_no_rules_for_them() -> None:
    assert compiled(SALES).router.routes[0].websocket is None


@pytest.mark.parametrize(
    ("said", "path"),
    [
        ("max_message_bytes: 0", "routes[0].websocket_limits.max_message"),
        ("messages {}", "routes[0].websocket_limits.messages"),
        ("idle {}", "routes[0].websocket_limits.idle"),
    ],
)
def test_a_bound_of_websockets_that_is_none_is_a_reason(said: str, path: str) -> None:
    assert [found for found, _ in reasons(WEBSOCKET % said)] == [path]


def test_the_cross_origin_rules_of_a_route_stand_in_place_of_the_documents() -> None:
    rules = compiled("""
        services { name: "a" targets { url: "http://a.test" } }
        routes { name: "shared" prefix: "/a" service: "a" }
        routes { name: "own" prefix: "/b" service: "a" cors { origins: "https://other.test" headers: "X-A" } }
        routes { name: "off" prefix: "/c" service: "a" cors { off: true } }
        cors { origins: "https://app.test" credentials: true }
    """)
    shared, own, off = (route.cors for route in rules.router.routes)
    assert shared is rules.cors
    assert own == CorsRules(frozenset({"https://other.test"}), headers=("x-a",))
    assert off is None


def test_a_document_whose_cross_origin_rules_are_off_has_none() -> None:
    rules = compiled(SALES + "cors { off: true }")
    assert (rules.cors, rules.router.routes[0].cors) == (None, None)


REFERRING = 'services { name: "a" targets { url: "${SALES_SERVICE_URL}" } }'


def test_default_may_refer_to_the_environment_of_the_gateway() -> None:
    text = REFERRING + 'routes { name: "a" prefix: "/" service: "a" }'
    rules = compiled(text, DEFAULT_TENANT, SALES_SERVICE_URL="http://sales:8000/")
    assert rules.router.routes[0].service.targets == (Target("sales", 8000),)


@pytest.mark.parametrize("env", [{}, {"SALES_SERVICE_URL": ""}], ids=["absent", "empty"])
def test_a_variable_that_is_not_set_takes_its_target_alone_out_of_service(env: dict[str, str]) -> None:
    text = """
        services { name: "a" targets { url: "${SALES_SERVICE_URL}" } targets { url: "http://127.0.0.1:9001" } }
        services { name: "b" targets { url: "${SALES_SERVICE_URL}" } }
        routes { name: "a" prefix: "/a" service: "a" }
        routes { name: "b" prefix: "/b" service: "b" }
    """
    rules = compiled(text, DEFAULT_TENANT, **env)
    assert [route.service.targets for route in rules.router.routes] == [(Target("127.0.0.1", 9001),), ()]
    assert rules.unset == ("SALES_SERVICE_URL",)


@pytest.mark.parametrize(
    ("tenant", "env", "expected"),
    [
        (ACME, {"SALES_SERVICE_URL": "http://sales"}, "refers to a variable, which only the tenant default may do"),
        (
            DEFAULT_TENANT,
            {"SALES_SERVICE_URL": "sales"},
            "is not http://host[:port] or https://host[:port], by way of SALES_SERVICE_URL",
        ),
    ],
    ids=["another tenant", "not an address"],
)
def test_a_reference_that_does_not_lead_to_an_address_is_a_reason(
    tenant: TenantId, env: dict[str, str], expected: str
) -> None:
    assert reasons(REFERRING, tenant, **env) == [("services[0].targets[0].url", expected)]


def test_all_reasons_are_given_at_once_with_their_paths() -> None:
    text = """
        services { name: "a" targets { url: "http://127.1" } timeouts { idle { seconds: -1 } } }
        services { name: "b" }
        routes { name: "a" prefix: "/a" service: "a" auth: 99 limit { algorithm: 98 anonymous { } } }
        routes { name: "b" prefix: "b" service: "b" }
        routes { name: "c" prefix: "/c" service: "gone" }
        limits { tenant { requests: 1 } on_outage: 97 tiers { key: "pro" value { window { seconds: 1 } } } }
        registration: 96
    """
    assert [path for path, _ in reasons(text)] == [
        "services[0].targets[0].url",
        "services[0].timeouts.idle",
        "services[1].targets",
        "routes[0].auth",
        "routes[0].limit.anonymous",
        "routes[0].limit.algorithm",
        "routes[1].prefix",
        "routes[2].service",
        "limits.tenant",
        "limits.tiers.pro",
        "limits.on_outage",
        "registration",
    ]
