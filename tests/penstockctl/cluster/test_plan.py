"""The plan of the local cluster."""

from dataclasses import replace
from pathlib import Path

import pytest

from authsvc.settings import AuthSettings
from configsvc.settings import ConfigSettings
from edge.admin.settings import AdminSettings
from edge.settings import EdgeSettings
from penstockctl.cluster.options import ClusterOptions
from penstockctl.cluster.plan import Surroundings, data_dirs, plan_processes, process_names, url_host
from penstockctl.cluster.process_spec import ProcessSpec, ReadyLine, stop_waves
from penstockctl.cluster.redis_urls import split_databases
from penstockctl.cluster.secrets import ClusterSecrets
from penstockctl.gates import GrpcServing
from ratelimitsvc.settings import RateLimitSettings
from svckit.settings import RimSettings
from telemetrysvc.settings import TelemetrySettings

OPTIONS = ClusterOptions(data_dir=Path("/data"), workers=2)
AROUND = Surroundings(
    options=OPTIONS,
    python="/python",
    data_dir=Path("/data"),
    run_dir=Path("/run"),
    secrets=ClusterSecrets(Path("/data/secrets")),
    redis=split_databases("unix:///run/valkey.sock"),
    stores=("postgres", "valkey"),
    edge_port=8000,
    edge_fds=(11, 12),
    upstream_fd=13,
    upstream_port=9001,
    inherited={"PATH": "/bin", "PENSTOCK_LOG_LEVEL": "debug", "PENSTOCK_LISTEN": "x", "PENSTOCK_KEK": "y"},
)

SETTINGS: dict[str, type[RimSettings]] = {
    "authsvc": AuthSettings,
    "ratelimitsvc": RateLimitSettings,
    "configsvc": ConfigSettings,
    "telemetrysvc": TelemetrySettings,
    "edge": EdgeSettings,
    "admin": AdminSettings,
}


def plan(around: Surroundings = AROUND) -> dict[str, ProcessSpec]:
    return {spec.name: spec for spec in plan_processes(around)}


def environment(name: str, around: Surroundings = AROUND) -> dict[str, str]:
    return dict(plan(around)[name].command.environment or {})


def test_every_process_stands_after_those_it_needs() -> None:
    services = ("authsvc", "ratelimitsvc", "configsvc", "telemetrysvc")
    assert {name: spec.after for name, spec in plan().items()} == {
        **dict.fromkeys(services, ("postgres", "valkey")),
        "upstream": (),
        "edge-0": services,
        "edge-1": services,
        "admin": services,
    }


def test_every_name_of_the_plan_has_its_place_in_the_log() -> None:
    assert {*plan(), "postgres", "valkey"} == set(process_names(OPTIONS))


def test_edge_workers_stop_before_the_services_they_call() -> None:
    stores = [replace(plan()["upstream"], name=name) for name in AROUND.stores]
    first, *_ = stop_waves([*stores, *plan_processes(AROUND)])
    assert set(first) == {"edge-0", "edge-1", "admin"}


def test_a_service_listens_on_tcp_for_teams_and_on_a_socket_for_us() -> None:
    assert environment("configsvc")["PENSTOCK_LISTEN"] == "127.0.0.1:50053,unix:/run/configsvc.sock"
    assert plan()["configsvc"].gate == GrpcServing("unix:/run/configsvc.sock")


def test_port_base_0_means_sockets_only() -> None:
    around = replace(AROUND, options=replace(OPTIONS, grpc_port_base=0))
    assert environment("authsvc", around)["PENSTOCK_LISTEN"] == "unix:/run/authsvc.sock"
    assert environment("edge-0", around)["PENSTOCK_OWN_PORTS"] == "8000,8001"


@pytest.mark.parametrize("name", ["authsvc", "ratelimitsvc", "configsvc", "telemetrysvc", "edge-0", "admin"])
def test_every_process_is_told_what_it_requires_and_nothing_that_it_does_not_read(name: str) -> None:
    told = environment(name, replace(AROUND, inherited={}))
    process = name.partition("-")[0]
    read = {f"PENSTOCK_{field.upper()}" for field in SETTINGS[process].model_fields}
    ours = [variable for variable in told if variable.startswith("PENSTOCK_")]
    assert [each for each in ours if each not in read and each.removesuffix("_FILE") not in read] == []
    required = {name.upper() for name, field in SETTINGS[process].model_fields.items() if field.is_required()}
    assert [each for each in required if not {f"PENSTOCK_{each}", f"PENSTOCK_{each}_FILE"} & set(ours)] == []
    assert told["PENSTOCK_IDENTITY_KEY_FILE"] == f"/data/secrets/{process}.identity"


@pytest.mark.parametrize(
    "name", ["authsvc", "ratelimitsvc", "configsvc", "telemetrysvc", "upstream", "edge-0", "admin"]
)
def test_a_shell_for_other_programs_changes_no_address_and_no_store(name: str) -> None:
    shell = {"HOST": "box", "PORT": "http", "REDIS_HOST": "r", "REDIS_PORT": "x", "REDIS_DB": "x", "REDIS_PASSWORD": ""}
    told = environment(name, replace(AROUND, inherited={**shell, "LOG_LEVEL": "debug", "RATE_LIMIT_REQUESTS": "7"}))
    assert told.keys().isdisjoint(shell)
    assert (told["LOG_LEVEL"], told["RATE_LIMIT_REQUESTS"]) == ("debug", "7")


def test_every_process_finds_the_peers_that_it_calls() -> None:
    called = {
        name: tuple(variable.split("_")[1].lower() for variable in environment(name) if variable.endswith("_ADDRESS"))
        for name in plan()
    }
    assert called == {
        **dict.fromkeys(("telemetrysvc", "upstream"), ()),
        **dict.fromkeys(("authsvc", "ratelimitsvc"), ("config",)),
        "configsvc": ("auth", "telemetry"),
        **dict.fromkeys(("edge-0", "edge-1"), ("auth", "ratelimit", "config", "telemetry")),
        "admin": ("auth", "config", "telemetry"),
    }
    assert environment("admin")["PENSTOCK_CONFIG_ADDRESS"] == "unix:/run/configsvc.sock"


def test_a_secret_is_known_to_those_alone_who_use_it() -> None:
    knowing = {
        secret: {name for name in plan() if f"PENSTOCK_{secret}" in environment(name)}
        for secret in ("KEK_FILE", "CLUSTER_KEY_FILE", "REDIS_URL", "DATABASE_URL_FILE")
    }
    assert knowing == {
        "KEK_FILE": {"authsvc"},
        "CLUSTER_KEY_FILE": {"edge-0", "edge-1"},
        "REDIS_URL": {"ratelimitsvc", "edge-0", "edge-1"},
        "DATABASE_URL_FILE": {"authsvc", "configsvc", "telemetrysvc"},
    }


def test_each_worker_has_a_slot_and_a_socket_of_its_own_and_the_same_data() -> None:
    slots = [environment(f"edge-{slot}") for slot in range(2)]
    assert [each["PENSTOCK_WORKER_SLOT"] for each in slots] == ["0", "1"]
    assert [each["PENSTOCK_LISTEN_FD"] for each in slots] == ["11", "12"]
    assert {each["PENSTOCK_DATA_DIR"] for each in slots} == {"/data/edge"}
    assert [plan()[f"edge-{slot}"].command.inherited_fds for slot in range(2)] == [(11,), (12,)]
    assert plan()["edge-1"].gate == ReadyLine("PENSTOCK_READY_FD")


def test_tls_is_the_workers_business_alone_and_each_has_its_part_of_the_plain_port() -> None:
    options = replace(OPTIONS, tls_certificates="/a.crt,/b.crt", tls_keys="/a.key,/b.key")
    shell = {"PENSTOCK_TLS_CERTIFICATES": "x", "PENSTOCK_REDIRECT_LISTEN": "0.0.0.0:80"}
    around = replace(AROUND, options=options, redirect_port=8080, redirect_fds=(21, 22), inherited=shell)
    told = [
        {name: value for name, value in environment(process, around).items() if "TLS" in name or "REDIRECT" in name}
        for process in ("edge-0", "edge-1", "authsvc", "admin")
    ]
    shared = {
        "PENSTOCK_TLS_CERTIFICATES": "/a.crt,/b.crt",
        "PENSTOCK_TLS_KEYS": "/a.key,/b.key",
        "PENSTOCK_REDIRECT_PORT": "8000",
    }
    assert told == [
        {**shared, "PENSTOCK_REDIRECT_LISTEN_FD": "21"},
        {**shared, "PENSTOCK_REDIRECT_LISTEN_FD": "22"},
        {},
        {},
    ]
    assert [plan(around)[f"edge-{slot}"].command.inherited_fds for slot in range(2)] == [(11, 21), (12, 22)]
    assert environment("edge-0", around)["PENSTOCK_OWN_PORTS"].split(",")[:3] == ["8000", "8080", "8001"]


@pytest.mark.parametrize(("told", "seconds"), [({}, 30.0), ({"PENSTOCK_DRAIN_SECONDS": "60"}, 130.0)])
def test_a_worker_is_not_killed_while_it_may_drain_and_ship(told: dict[str, str], seconds: float) -> None:
    assert plan(replace(AROUND, inherited=told))["edge-0"].drain_seconds == seconds


def test_limits_have_a_logical_database_of_their_own() -> None:
    assert environment("ratelimitsvc")["PENSTOCK_REDIS_URL"] == "unix:///run/valkey.sock?db=0"
    assert environment("edge-0")["PENSTOCK_REDIS_URL"] == "unix:///run/valkey.sock?db=1"


def test_the_operators_shell_adds_settings_but_never_replaces_ours() -> None:
    told = environment("authsvc")
    assert told["PENSTOCK_LOG_LEVEL"] == "debug"
    assert told["PATH"] == "/bin"
    assert "PENSTOCK_KEK" not in told
    assert told["PENSTOCK_LISTEN"] != "x"


def test_without_demo_there_is_no_upstream() -> None:
    assert "upstream" not in plan(replace(AROUND, upstream_fd=None))


def test_a_data_folder_is_made_for_the_edge_alone() -> None:
    assert data_dirs(plan_processes(AROUND)) == {Path("/data/edge")}


def test_no_secret_shows_in_the_text_of_a_plan() -> None:
    around = replace(AROUND, redis=split_databases("redis://:hush@h"), inherited={"PASSWORD": "hush"})
    assert "hush" not in repr(plan_processes(around)) + repr(around)


@pytest.mark.parametrize(
    ("host", "reached_by"),
    [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("::1", "[::1]"), ("gw.local", "gw.local")],
)
def test_the_machine_reaches_itself(host: str, reached_by: str) -> None:
    assert url_host(host) == reached_by
