"""The plan of the local cluster."""

from dataclasses import replace
from pathlib import Path

import pytest

from penstockctl.cluster.options import ClusterOptions
from penstockctl.cluster.plan import Surroundings, data_dirs, plan_processes, process_names, url_host
from penstockctl.cluster.process_spec import ProcessSpec, stop_waves
from penstockctl.cluster.redis_urls import split_databases
from penstockctl.cluster.secrets import ClusterSecrets
from penstockctl.gates import GrpcServing, HttpOk

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
def test_every_process_of_ours_knows_its_peers_and_itself(name: str) -> None:
    told = environment(name)
    identity = name.partition("-")[0]
    assert told["PENSTOCK_IDENTITY_KEY_FILE"] == f"/data/secrets/{identity}.identity"
    assert told["PENSTOCK_METRICS_LISTEN"] == f"unix:/run/{name}.metrics.sock"
    assert told["PENSTOCK_ENVIRONMENT"] == "local"
    assert told["PENSTOCK_RATELIMIT_ADDRESS"] == "unix:/run/ratelimitsvc.sock"


def test_each_worker_has_a_slot_and_a_socket_of_its_own_and_the_same_data() -> None:
    slots = [environment(f"edge-{slot}") for slot in range(2)]
    assert [each["PENSTOCK_WORKER_SLOT"] for each in slots] == ["0", "1"]
    assert [each["PENSTOCK_LISTEN_FD"] for each in slots] == ["11", "12"]
    assert {each["PENSTOCK_DATA_DIR"] for each in slots} == {"/data/edge"}
    assert [plan()[f"edge-{slot}"].command.inherited_fds for slot in range(2)] == [(11,), (12,)]
    assert plan()["edge-1"].gate == HttpOk("http://127.0.0.1:8000/readyz", connections=16)


def test_limits_have_a_logical_database_of_their_own() -> None:
    assert environment("ratelimitsvc")["PENSTOCK_REDIS_URL"] == "unix:///run/valkey.sock?db=0"
    for name in ("edge-0", "configsvc", "authsvc", "admin"):
        assert environment(name)["PENSTOCK_REDIS_URL"] == "unix:///run/valkey.sock?db=1"


def test_only_the_owners_of_data_learn_of_a_database() -> None:
    told = {name for name in plan() if "PENSTOCK_DATABASE_URL_FILE" in environment(name)}
    assert told == {"authsvc", "configsvc", "telemetrysvc"}


def test_the_operators_shell_adds_settings_but_never_replaces_ours() -> None:
    told = environment("authsvc")
    assert told["PENSTOCK_LOG_LEVEL"] == "debug"
    assert told["PATH"] == "/bin"
    assert "PENSTOCK_KEK" not in told
    assert told["PENSTOCK_LISTEN"] != "x"


def test_without_demo_there_is_no_upstream() -> None:
    assert "upstream" not in plan(replace(AROUND, upstream_fd=None))


def test_data_folders_are_made_for_all_but_the_upstream() -> None:
    names = {path.name for path in data_dirs(plan_processes(AROUND))}
    assert names == {"authsvc", "ratelimitsvc", "configsvc", "telemetrysvc", "edge", "admin"}


def test_no_secret_shows_in_the_text_of_a_plan() -> None:
    around = replace(AROUND, redis=split_databases("redis://:hush@h"), inherited={"PASSWORD": "hush"})
    assert "hush" not in repr(plan_processes(around)) + repr(around)


@pytest.mark.parametrize(
    ("host", "reached_by"),
    [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("::1", "[::1]"), ("gw.local", "gw.local")],
)
def test_the_machine_reaches_itself(host: str, reached_by: str) -> None:
    assert url_host(host) == reached_by
