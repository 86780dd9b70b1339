"""The example documents: what they promise in their comments."""

import re
from importlib.resources import files
from typing import Any

import yaml

from penstockctl.cluster.demo import demo_document

PREFIXES = (
    "sales forecasting training inventory production recipes orders suppliers procurement pos external"
    " notifications ai-insights orchestrator tenants"
)


def read(name: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((files("examples") / name).read_bytes())
    return document


def test_the_platform_routes_the_fifteen_prefixes_to_services_named_by_variables() -> None:
    document = read("platform.yaml")
    targets = {service["name"]: service["targets"][0]["url"] for service in document["services"]}
    routes = {route["prefix"]: route["service"] for route in document["routes"]}
    for name in PREFIXES.split():
        assert targets[routes[f"/api/v1/{name}"]] == f"${{{name.upper().replace('-', '_')}_SERVICE_URL}}"
    assert targets["auth"] == "${AUTH_SERVICE_URL}"
    assert all(re.fullmatch(r"\$\{[A-Z_]+_SERVICE_URL\}", target) for target in targets.values())


def test_every_route_names_a_service_of_its_document() -> None:
    for document in (read("platform.yaml"), read("demo.yaml")):
        names = [service["name"] for service in document["services"]]
        assert {route["service"] for route in document["routes"]} <= set(names)
        for things in (names, [route["name"] for route in document["routes"]]):
            assert len(things) == len(set(things))


def test_the_demo_is_sent_to_the_upstream_that_runs() -> None:
    assert demo_document("http://127.0.0.1:4711")["services"][0]["targets"] == [{"url": "http://127.0.0.1:4711"}]
