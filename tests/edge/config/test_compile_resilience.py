"""What a document says of its targets' failures, as the edge acts by it."""

import pytest

from domain.tenants import DEFAULT_TENANT
from edge.config.compile import compile_rules
from edge.config.reasons import Refused
from edge.resilience import Balance, Breaker, ConnectionLimits, HealthCheck, Policy, Retries, Trust
from edge.routing import Service
from edge.snapshot import Rules
from tests.edge.config.documents import config
from tests.support.authority import Authority


def document(text: str) -> str:
    return f'services {{ name: "s" targets {{ url: "http://127.0.0.1:9001" }} {text} }}'


def service(text: str) -> Service:
    rules = compile_rules(config(document(text)), DEFAULT_TENANT, 1, {})
    assert isinstance(rules, Rules), rules
    return rules.services[0]


def refused(text: str) -> list[tuple[str, str]]:
    rules = compile_rules(config(document(text)), DEFAULT_TENANT, 1, {})
    assert isinstance(rules, Refused)
    return [(each.path, each.message) for each in rules.reasons]


def test_a_service_that_says_nothing_bears_nothing_and_has_the_bounds_of_all() -> None:
    made = service("")
    assert (made.health, made.retries, made.breaker) == (None, None, None)
    assert (made.balance, made.connections, made.trust) == (Balance(), ConnectionLimits(1024, 4.0), Trust())


def test_what_a_service_does_not_say_takes_the_default() -> None:
    made = service('health { path: "/up" } retries { attempts: 2 } breaker { failures: 5 } balance { policy: 2 }')
    assert made.health == HealthCheck("/up", 10.0, 3, 2)
    assert made.retries == Retries(2, 20)
    assert made.breaker == Breaker(5, 10.0)
    assert made.balance == Balance(Policy.LEAST_REQUESTS, b"", 0.0, 1)


def test_what_a_service_says_holds() -> None:
    pem = Authority().pem
    made = service(
        'health { path: "/up" interval { seconds: 1 } unhealthy_after: 1 healthy_after: 4 }'
        "retries { attempts: 5 budget_percent: 7 }"
        "breaker { failures: 1 open { nanos: 100000000 } }"
        'balance { policy: 3 hash_header: "X-Cart" slow_start { seconds: 30 } panic_percent: 0 }'
        "connections { max: 7 idle { seconds: 9 } }"
        f'tls {{ ca_pem: "{pem.replace(chr(10), chr(92) + "n")}" server_name: "a.test" }}'
    )
    assert made.health == HealthCheck("/up", 1.0, 1, 4)
    assert made.retries == Retries(5, 7)
    assert made.breaker == Breaker(1, 0.1)
    assert made.balance == Balance(Policy.HASH, b"x-cart", 30.0, 0)
    assert made.connections == ConnectionLimits(7, 9.0)
    assert made.trust == Trust(pem, "a.test")


def test_one_attempt_is_no_retry() -> None:
    assert service("retries { attempts: 1 }").retries is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('health { path: "/" interval {} }', ("services[0].health.interval", "is not longer than 0 s")),
        ("health {}", ("services[0].health.path", "is not a path of visible ASCII characters")),
        ("breaker {}", ("services[0].breaker.failures", "is not at least 1")),
        ("breaker { failures: 1 open {} }", ("services[0].breaker.open", "is not longer than 0 s")),
        ("balance { policy: 9 }", ("services[0].balance.policy", "is not known to this gateway")),
        ("connections { idle {} }", ("services[0].connections.idle", "is not longer than 0 s")),
        ('tls { ca_pem: "no" }', ("services[0].tls.ca_pem", "must be certificates in PEM")),
    ],
)
def test_what_the_edge_cannot_act_by_is_a_reason(text: str, reason: tuple[str, str]) -> None:
    assert refused(text) == [reason]
