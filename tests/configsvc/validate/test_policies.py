"""The rules of limits, cross-origin requests, issuers and subscriptions, each broken once."""

from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from penstock.config.v1 import gateway_config_pb2 as pb

from configsvc.validate.findings import Findings
from configsvc.validate.policies import check_cors, check_issuers, check_limits, check_rate, check_subscription
from tests.configsvc.validate.rules import faults

# One more than most lists may have.
MANY = [f"n{number}" for number in range(65)]
METHODS = [f"M{chr(65 + number // 26)}{chr(65 + number % 26)}" for number in range(65)]
ORIGIN = {"origins": ["https://a.test"]}
LOGIN = {"match": ["generic_key=login", "remote_address"], "limit": "5/min"}
ISSUER = {"issuer": "https://id.test", "jwks_url": "https://id.test/jwks", "audience": "api", "algorithms": ["RS256"]}


def check_policies(config: pb.GatewayConfig, findings: Findings) -> None:
    check_limits(config, findings)
    if config.HasField("cors"):
        check_cors(config.cors, findings.at("cors"))
    check_issuers(config, findings)
    check_subscription(config.subscription, findings.at("subscription"))


@pytest.mark.parametrize(
    ("part", "path"),
    [
        ({"limits": {"tenant": "1/400d"}}, "limits.tenant"),
        ({"limits": {"tiers": {"a b": "1/s"}}}, "limits.tiers.a b"),
        ({"cors": {}}, "cors.origins"),
        ({"cors": {"origins": ["*", "https://a.test"]}}, "cors.origins"),
        ({"cors": {"origins": ["*"], "credentials": True}}, "cors.credentials"),
        ({"cors": ORIGIN | {"methods": ["*"], "credentials": True}}, "cors.credentials"),
        ({"cors": ORIGIN | {"headers": ["*"], "credentials": True}}, "cors.credentials"),
        ({"cors": ORIGIN | {"expose": ["*"], "credentials": True}}, "cors.credentials"),
        ({"cors": {"origins": ["null"]}}, "cors.origins[0]"),
        ({"cors": {"origins": ["a.test"]}}, "cors.origins[0]"),
        ({"cors": {"origins": ["https://a.test/"]}}, "cors.origins[0]"),
        ({"cors": {"origins": ["https://a.test"], "methods": ["get"]}}, "cors.methods[0]"),
        ({"cors": {"origins": ["https://a.test"], "headers": ["a b"]}}, "cors.headers[0]"),
        ({"cors": {"origins": ["https://a.test"], "expose": ["a\nb"]}}, "cors.expose[0]"),
        ({"cors": {"origins": ["https://a.test"], "max_age": "2d"}}, "cors.max_age"),
        ({"subscription": {"tiers": ["a b"]}}, "subscription.tiers[0]"),
        ({"subscription": {"tiers": ["a", "a"]}}, "subscription.tiers[1]"),
        ({"subscription": {"grace": "367d"}}, "subscription.grace"),
        ({"limits": {"authenticated": "1/400d"}}, "limits.authenticated"),
        ({"limits": {"anonymous": "1/400d"}}, "limits.anonymous"),
        ({"limits": {"failed_authentication": "1/400d"}}, "limits.failed_authentication"),
        ({"limits": {"tiers": {"pro": "1/400d"}}}, "limits.tiers.pro"),
        ({"limits": {"tiers": dict.fromkeys(MANY, "1/s")}}, "limits.tiers"),
        ({"limits": {"descriptors": [LOGIN | {"name": "a b"}]}}, "limits.descriptors[0].name"),
        ({"limits": {"descriptors": [LOGIN | {"name": "n" * 65}]}}, "limits.descriptors[0].name"),
        ({"limits": {"descriptors": [{"limit": "5/min"}]}}, "limits.descriptors[0].match"),
        ({"limits": {"descriptors": [LOGIN | {"match": MANY[:9]}]}}, "limits.descriptors[0].match"),
        ({"limits": {"descriptors": [LOGIN | {"match": ["a", "=x"]}]}}, "limits.descriptors[0].match[1]"),
        ({"limits": {"descriptors": [LOGIN | {"match": ["a b"]}]}}, "limits.descriptors[0].match[0]"),
        ({"limits": {"descriptors": [LOGIN | {"match": ["k" * 129]}]}}, "limits.descriptors[0].match[0]"),
        ({"limits": {"descriptors": [LOGIN | {"match": ["a="]}]}}, "limits.descriptors[0].match[0]"),
        ({"limits": {"descriptors": [LOGIN | {"match": ["a=" + "v" * 257]}]}}, "limits.descriptors[0].match[0]"),
        ({"limits": {"descriptors": [{"match": ["a"]}]}}, "limits.descriptors[0].limit"),
        ({"limits": {"descriptors": [LOGIN, LOGIN | {"name": "again"}]}}, "limits.descriptors[1].match"),
        (
            {"limits": {"descriptors": [{"match": [f"a={n}"], "limit": "1/s"} for n in range(1_001)]}},
            "limits.descriptors",
        ),
        ({"cors": {"origins": [f"https://{name}.test" for name in range(1001)]}}, "cors.origins"),
        ({"cors": ORIGIN | {"methods": METHODS}}, "cors.methods"),
        ({"cors": ORIGIN | {"headers": MANY}}, "cors.headers"),
        ({"cors": ORIGIN | {"expose": MANY}}, "cors.expose"),
        ({"subscription": {"tiers": MANY}}, "subscription.tiers"),
    ],
)
def test_a_policy_that_breaks_a_rule_is_a_fault(part: dict[str, Any], path: str) -> None:
    assert faults(check_policies, part) == [path]


@pytest.mark.parametrize(
    "part",
    [
        {"limits": {"tiers": dict.fromkeys(MANY[:64], "1/s"), "tenant": "1000000/366d"}},
        {
            "limits": dict.fromkeys(("authenticated", "anonymous", "tenant", "failed_authentication"), "unlimited")
            | {"tiers": {"a": "unlimited"}}
        },
        {"limits": {"descriptors": [LOGIN, LOGIN | {"match": MANY[:8], "name": "n" * 64, "limit": "unlimited"}]}},
        {"limits": {"descriptors": [LOGIN | {"match": ["k" * 128 + "=" + "v" * 256]}, LOGIN | {"match": ["a=é=b"]}]}},
        {"limits": {"descriptors": [{"match": [f"a={n}"], "limit": "1/s"} for n in range(1_000)]}},
        {"cors": {"origins": ["*"]}},
        {"cors": {"origins": ["*"], "methods": ["*"], "headers": ["*", "authorization"], "expose": ["*"]}},
        {"cors": "off"},
        {"cors": {"origins": ["https://a.test:8443", "app://b"], "credentials": True, "max_age": "24h"}},
        {"cors": ORIGIN | {"methods": METHODS[:64], "headers": MANY[:64], "expose": MANY[:64], "max_age": "0s"}},
        {"subscription": {"tiers": MANY[:64], "grace": "366d"}},
        {"issuers": [ISSUER | {"issuer": f"https://{name}.test"} for name in MANY[:64]]},
        {"issuers": [ISSUER | {"jwks_url": "", "public_key": "-----BEGIN PUBLIC KEY-----"}]},
    ],
    ids=[
        "limits",
        "no limits",
        "descriptors",
        "long keys and values",
        "many descriptors",
        "any origin",
        "anything",
        "off",
        "origins",
        "most of all",
        "subscription",
        "issuers",
        "public key",
    ],
)
def test_a_policy_that_keeps_the_rules_is_taken(part: dict[str, Any]) -> None:
    assert faults(check_policies, part) == []


def test_what_is_off_has_no_rules() -> None:
    findings = Findings()
    check_cors(pb.Cors(off=True, origins=["https://a.test"]), findings)
    assert len(findings.faults) == 1


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"issuer": ""}, ".issuer"),
        ({"jwks_url": "http://id.test/jwks"}, ".jwks_url"),
        ({"jwks_url": "https://"}, ".jwks_url"),
        ({"jwks_url": ""}, ""),
        ({"public_key": "-----BEGIN"}, ""),
        ({"audience": ""}, ".audience"),
        ({"algorithms": []}, ".algorithms"),
        ({"algorithms": ["HS256"]}, ".algorithms[0]"),
        ({"algorithms": ["none"]}, ".algorithms[0]"),
        ({"algorithms": ["RS256", "ES256", "RS256"]}, ".algorithms[2]"),
        ({"issuer": "i" * 513}, ".issuer"),
        ({"audience": "a" * 513}, ".audience"),
        ({"jwks_url": "https://id.test/" + "j" * 2033}, ".jwks_url"),
        ({"jwks_url": "https://id.test:0/"}, ".jwks_url"),
        ({"jwks_url": "https://id.test:x/"}, ".jwks_url"),
        ({"jwks_url": "https://id.test/\x7f"}, ".jwks_url"),
        ({"jwks_url": "", "public_key": "k" * 16_385}, ".public_key"),
    ],
)
def test_an_issuer_that_breaks_a_rule_is_a_fault(changes: dict[str, Any], path: str) -> None:
    assert faults(check_policies, {"issuers": [ISSUER]}) == []
    assert faults(check_policies, {"issuers": [ISSUER | changes]}) == [f"issuers[0]{path}"]


def test_an_issuer_stands_once() -> None:
    assert faults(check_policies, {"issuers": [ISSUER, ISSUER]}) == ["issuers[1].issuer"]


def test_there_are_64_issuers_at_most() -> None:
    issuers = [ISSUER | {"issuer": f"https://{name}.test"} for name in MANY]
    assert faults(check_policies, {"issuers": issuers}) == ["issuers"]


def test_a_list_of_any_length_is_judged_in_linear_time() -> None:
    # Looked up in the part of the list before each of them, these would take minutes.
    tiers = [f"t{number}" for number in range(200_000)]
    assert faults(check_policies, {"subscription": {"tiers": tiers}}) == ["subscription.tiers"]


def test_tiers_are_told_in_their_order() -> None:
    tiers = [f"n {number}" for number in range(10)]
    limits = {"tiers": dict.fromkeys(reversed(tiers), "1/s")}
    assert faults(check_policies, {"limits": limits}) == [f"limits.tiers.{tier}" for tier in tiers]


@pytest.mark.parametrize(("requests", "count"), [(0, 1), (1, 0), (1_000_000, 0), (1_000_001, 1)])
def test_a_rate_allows_one_to_a_million_requests(requests: int, count: int) -> None:
    findings, rate = Findings(), pb.Rate(requests=requests)
    rate.window.FromSeconds(60)
    check_rate(rate, findings)
    assert len(findings.faults) == count


@pytest.mark.parametrize(
    "other", [pb.Rate(requests=1), pb.Rate(window=Duration(seconds=1))], ids=["requests", "window"]
)
def test_a_rate_is_not_unlimited_as_well(other: pb.Rate) -> None:
    findings = Findings()
    other.unlimited = True
    check_rate(other, findings)
    assert [fault.message for fault in findings.faults] == ["must be either a rate or unlimited"]
