"""compose.yaml, for its form alone: no container runs here. Every process gets what its settings require, every file
that is named is one that `penstock prepare` makes, and no secret has a default."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from authsvc.settings import AuthSettings
from configsvc.settings import ConfigSettings
from edge.admin.settings import AdminSettings
from edge.settings import EdgeSettings
from penstockctl.cluster.secrets import ClusterSecrets, open_secrets
from penstockctl.commands.health import health_gates
from penstockctl.gates import HttpOk
from ratelimitsvc.settings import RateLimitSettings
from svckit.settings import RimSettings, load_settings
from telemetrysvc.settings import TelemetrySettings

FILE = Path(__file__).parents[2] / "compose.yaml"
SECRETS = "/var/lib/penstock/cluster/secrets"
SETTINGS: dict[str, type[RimSettings]] = {
    "authsvc": AuthSettings,
    "ratelimitsvc": RateLimitSettings,
    "configsvc": ConfigSettings,
    "telemetrysvc": TelemetrySettings,
    "edge": EdgeSettings,
    "edge-second": EdgeSettings,
    "admin": AdminSettings,
}
ADDRESSES = {
    "PENSTOCK_AUTH_ADDRESS": "authsvc",
    "PENSTOCK_RATELIMIT_ADDRESS": "ratelimitsvc",
    "PENSTOCK_CONFIG_ADDRESS": "configsvc",
    "PENSTOCK_TELEMETRY_ADDRESS": "telemetrysvc",
}
# What holds a secret: as a name of a variable, or as a URL with a password in it.
SECRET_NAME = re.compile(r"PASSWORD|SECRET|TOKEN|_KEY$|_KEK$")
WITH_PASSWORD = re.compile(r"://[^/@:]*:([^/@]*)@")


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load(FILE.read_text())["services"]
    return found


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> ClusterSecrets:
    """What `penstock prepare` leaves, without stores to ask."""
    made = open_secrets(tmp_path_factory.mktemp("cluster") / "secrets")
    for noun in ("auth", "config", "telemetry"):
        made.database_url_file(noun).write_text(f"postgresql://penstock_{noun}:x@postgres/penstock_{noun}\n")
    made.redis_url_file("limits").write_text("redis://:x@valkey:6379?db=0\n")
    made.redis_url_file("shared").write_text("redis://:x@valkey:6379?db=1\n")
    return made


def told(services: dict[str, dict[str, Any]], name: str, secrets: ClusterSecrets) -> dict[str, str]:
    """The environment of a container, with its volume of secrets where the test has it."""
    environment: dict[str, str] = services[name]["environment"]
    return {key: value.replace(SECRETS, str(secrets.folder)) for key, value in environment.items()}


@pytest.mark.parametrize("name", SETTINGS)
def test_every_process_gets_the_settings_it_requires(
    services: dict[str, dict[str, Any]], secrets: ClusterSecrets, name: str
) -> None:
    settings = load_settings(SETTINGS[name], told(services, name, secrets))
    process = name.removesuffix("-second")
    assert settings.identity_key_file == secrets.identity_file(process)
    assert services[name]["healthcheck"]["test"] == ["CMD", "penstock", "health", "--only", process]


@pytest.mark.parametrize("name", SETTINGS)
def test_every_variable_is_one_that_the_process_reads(services: dict[str, dict[str, Any]], name: str) -> None:
    fields = {f"PENSTOCK_{field.upper()}" for field in SETTINGS[name].model_fields}
    for variable in services[name]["environment"]:
        assert variable in fields or variable.removesuffix("_FILE") in fields


@pytest.mark.parametrize("name", SETTINGS)
def test_every_file_that_is_named_is_one_that_prepare_makes(
    services: dict[str, dict[str, Any]], secrets: ClusterSecrets, name: str
) -> None:
    named = {key: Path(value) for key, value in told(services, name, secrets).items() if key.endswith("_FILE")}
    assert "PENSTOCK_IDENTITY_KEY_FILE" in named
    assert [key for key, path in named.items() if not path.is_file()] == []


def test_every_process_finds_its_peers_where_they_listen(services: dict[str, dict[str, Any]]) -> None:
    named = {
        (peer, service["environment"][variable])
        for service in services.values()
        for variable, peer in ADDRESSES.items()
        if variable in service.get("environment", {})
    }
    assert {peer for peer, _ in named} == set(ADDRESSES.values())
    for peer, address in named:
        _, _, port = services[peer]["environment"]["PENSTOCK_LISTEN"].rpartition(":")
        assert address == f"{peer}:{port}"


def test_each_worker_of_the_gateway_has_a_slot_of_its_own_and_the_same_data(
    services: dict[str, dict[str, Any]],
) -> None:
    first, second = services["edge"], services["edge-second"]
    assert first["environment"]["PENSTOCK_WORKER_SLOT"] != second["environment"]["PENSTOCK_WORKER_SLOT"]
    assert first["volumes"] == second["volumes"]
    assert "run:/run/penstock" in services["admin"]["volumes"]


def test_every_port_is_bound_to_this_machine_alone(services: dict[str, dict[str, Any]]) -> None:
    published = [port for service in services.values() for port in service.get("ports", [])]
    assert len(published) == 4
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_the_demo_upstream_reaches_neither_stores_nor_services(services: dict[str, dict[str, Any]]) -> None:
    near = {name for name, service in services.items() if "upstreams" in service["networks"]}
    assert near == {"upstream", "edge", "edge-second"}


def test_the_load_reaches_the_gateway_alone_and_both_workers_by_one_name(services: dict[str, dict[str, Any]]) -> None:
    near = {name for name, service in services.items() if "clients" in service["networks"]}
    assert near == {"load", "edge", "edge-second"}
    assert services["load"]["networks"] == ["clients"]
    aliases = [services[name]["networks"]["clients"]["aliases"] for name in ("edge", "edge-second")]
    host, port = services["load"]["command"][-1].removeprefix("http://").split(":")
    assert aliases == [[host], [host]]
    assert services["edge"]["environment"]["PENSTOCK_LISTEN"].endswith(f":{port}")


def test_the_load_is_the_example_with_what_it_reads_by_the_locust_of_the_lock_file(
    services: dict[str, dict[str, Any]],
) -> None:
    load = services["load"]
    folder, _, inside = load["volumes"][0].partition(":")
    file = FILE.parent / folder / load["command"][1].removeprefix(inside.removesuffix(":ro") + "/")
    assert set(load["environment"]) == set(re.findall(r"PENSTOCK_LOAD_\w+(?=\")", file.read_text()))
    locked = re.search(r'name = "locust"\nversion = "([^"]+)"', (FILE.parent / "uv.lock").read_text())
    assert locked is not None
    assert load["image"] == f"locustio/locust:{locked[1]}"


def test_every_network_and_volume_is_declared(services: dict[str, dict[str, Any]]) -> None:
    document = yaml.safe_load(FILE.read_text())
    assert {network for service in services.values() for network in service["networks"]} == set(document["networks"])
    mounted = {volume.partition(":")[0] for service in services.values() for volume in service.get("volumes", [])}
    assert {name for name in mounted if not name.startswith("./")} == set(document["volumes"])
    assert "version" not in document


def test_every_dependency_is_a_service_that_can_fulfil_it(services: dict[str, dict[str, Any]]) -> None:
    for service in services.values():
        for name, wish in service.get("depends_on", {}).items():
            if wish["condition"] == "service_healthy":
                assert "healthcheck" in services[name]
            else:
                assert (wish["condition"], services[name]["restart"]) == ("service_completed_successfully", "no")


@pytest.mark.parametrize("name", ["edge", "edge-second"])
def test_with_tls_an_edge_gets_what_it_needs_besides_and_its_check_knows_of_it(
    services: dict[str, dict[str, Any]], secrets: ClusterSecrets, name: str
) -> None:
    more = yaml.safe_load(FILE.with_name("compose.tls.yaml").read_text())["services"][name]
    settings = load_settings(EdgeSettings, {**told(services, name, secrets), **more["environment"]})
    mounted = more["volumes"][0].split(":")[1]
    assert settings.tls_certificates == (f"{mounted}/edge.crt",)
    assert settings.tls_keys == (f"{mounted}/edge.key",)
    ports = [address.rpartition(":")[2] for address in (*settings.listen, *settings.redirect_listen)]
    assert list(settings.own_ports) == ports
    assert more["ports"] == ([f"443:{ports[0]}", f"80:{ports[1]}"] if name == "edge" else [])
    gates = health_gates("127.0.0.1", int(ports[0]), 8001, 50051, {}, tls=bool(more["environment"]))
    assert gates["edge"] == HttpOk("https://127.0.0.1:8000/readyz")


def test_no_secret_has_a_default(services: dict[str, dict[str, Any]]) -> None:
    for service in services.values():
        for name, value in service.get("environment", {}).items():
            if value is None:  # from the shell that starts it, or not at all
                continue
            if SECRET_NAME.search(name):
                assert re.fullmatch(r"\$\{\w+:\?.*\}", value), name
            for password in WITH_PASSWORD.findall(value):
                assert re.match(r"\$\{\w+:\?", password), name
    for name, form in re.findall(r"(?<!\$)\$\{(\w+)([^}]*)\}", FILE.read_text()):
        assert form.startswith(":?"), name
