"""`penstock up` as a person starts it, with the demo: what it prints works, what it made is kept, its end is complete.

One data directory, two starts: the first is killed, the second is what the tests look at.
"""

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from penstockctl.cluster.admin_api import AdminApi
from penstockctl.cluster.admin_token import ensure_admin_token
from penstockctl.cluster.demo import demo_document, ensure_demo, wait_until_served
from penstockctl.faults import OperatorError
from svckit.identity import ProcessIdentity
from tests.e2e.suite import Suite, eventually, running_suite, started_suite
from tests.penstockctl.processes import wait_until_gone

GONE_SECONDS = 10.0


@dataclass(frozen=True)
class Up:
    """The second start, and what the first one left: its log, its token, its key, processes that outlived it."""

    suite: Suite
    first_log: str
    first_token: str
    first_key: str
    survivors: list[str]

    @property
    def key(self) -> str:
        """The demo's API key."""
        return (self.suite.data_dir / "demo.key").read_text().strip()

    @property
    def authsvc(self) -> str:
        """Its address."""
        return f"unix:{self.suite.data_dir / 'run/authsvc.sock'}"

    def api(self) -> AdminApi:
        """The management API as the operator."""
        return AdminApi(self.suite.admin_url, (self.suite.data_dir / "admin.token").read_text().strip())


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    folder = tmp_path_factory.mktemp("up")
    with started_suite(folder, "--demo") as first:
        token, key = ((first.data_dir / name).read_text() for name in ("admin.token", "demo.key"))
        log = first.log.read_text()
        children = descendants(first.process.pid)
        first.process.kill()
        first.process.wait()
        survivors = [command for child, command in children.items() if not is_gone(child)]
    assert len(children) >= 9, children
    with running_suite(folder, "--demo") as second:
        yield Up(second, log, token.strip(), key.strip(), survivors)


def descendants(process_id: int) -> dict[int, str]:
    """The commands of all processes below one, by process id."""
    found: dict[int, str] = {}
    parents = {process_id}
    while parents:
        children = {child: command for child, parent, command in processes() if parent in parents}
        found |= children
        parents = set(children)
    return found


def processes() -> Iterator[tuple[int, int, str]]:
    """Id, parent and command of every process."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            # The name in parentheses may hold spaces: what follows is state and parent (proc_pid_stat(5)).
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        yield int(folder.name), parent, command


def is_gone(process_id: int) -> bool:
    try:
        wait_until_gone(process_id, GONE_SECONDS)
    except TimeoutError:
        return False
    return True


def printed_requests(suite: Suite) -> list[httpx.Response]:
    """The answers to the curl commands that were printed, in their order."""
    commands = [line for line in suite.log.read_text().splitlines() if line.lstrip().startswith("curl ")]
    return [curl(shlex.split(command)) for command in commands]


def curl(command: list[str]) -> httpx.Response:
    """What `curl [-H HEADER] URL` gets; like curl it takes every name under localhost for this machine."""
    headers = dict(command[at + 1].split(": ", 1) for at, word in enumerate(command) if word == "-H")
    url = urlsplit(command[-1])
    assert url.hostname == "127.0.0.1" or str(url.hostname).endswith(".localhost")
    return httpx.get(
        f"http://127.0.0.1:{url.port}{url.path}", headers={"Host": url.netloc, **headers}, timeout=30, trust_env=False
    )


def penstock(*arguments: str, **environment: str) -> tuple[int, str, str]:
    """Exit code, stdout, stderr."""
    command = [sys.executable, "-m", "penstockctl.main", *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env={**os.environ, **environment}
    )
    return done.returncode, done.stdout, done.stderr


def test_token_and_key_are_there_before_the_edge_is(up: Up) -> None:
    log = up.first_log
    assert log.index("/penstock.auth.v1.AdminTokenService/CreateAdminToken") < log.index("admin is ready")
    assert log.index('"path":"/admin/v1/tenants","status":201') < log.index("edge-0       |")
    assert log.index("edge-0 is ready") < log.index("Penstock is up")


def test_no_process_outlives_a_kill(up: Up) -> None:
    assert up.survivors == []


def test_token_and_key_are_kept_over_a_kill_and_a_start(up: Up) -> None:
    assert (up.suite.data_dir / "admin.token").read_text().strip() == up.first_token
    assert up.key == up.first_key
    assert f'curl -H "X-API-Key: {up.first_key}"' in up.suite.log.read_text()
    for name in ("admin.token", "demo.key"):
        assert (up.suite.data_dir / name).stat().st_mode & 0o777 == 0o600


def test_the_printed_commands_do_what_is_said_of_them(up: Up) -> None:
    with_key, without_key = printed_requests(up.suite)
    assert with_key.status_code == 200
    assert with_key.json()["path"] == "/hello"
    assert "x-api-key" not in with_key.json()["headers"]
    assert (without_key.status_code, without_key.json()["code"]) == (401, "TOKEN_MISSING")
    assert "without the key: 401 TOKEN_MISSING" in up.suite.log.read_text()


@pytest.mark.parametrize("option", ["--edge-port", "--admin-port"])
def test_a_port_that_another_cluster_has_is_one_sentence(up: Up, tmp_path: Path, option: str) -> None:
    port = str(urlsplit(up.suite.edge_url if option == "--edge-port" else up.suite.admin_url).port)
    ports = {"--edge-port": "0", "--admin-port": "0", "--grpc-port-base": "0", option: port}
    given = [text for pair in ports.items() for text in pair]
    assert penstock("up", "--data-dir", str(tmp_path), *given) == (
        1,
        "",
        f"penstock: Port {port} on 127.0.0.1 is taken by another program: choose another with {option}.\n",
    )


def test_a_data_directory_has_one_cluster(up: Up) -> None:
    code, _, err = penstock("up", "--data-dir", str(up.suite.data_dir))
    assert code == 1
    assert f"is in use by another `penstock up` (process {up.suite.process.pid})" in err


def test_health_asks_all_of_it(up: Up) -> None:
    addresses = {
        f"PENSTOCK_{name}_ADDRESS": f"unix:{up.suite.data_dir}/run/{service}.sock"
        for name, service in (
            *(("AUTH", "authsvc"), ("RATELIMIT", "ratelimitsvc")),
            *(("CONFIG", "configsvc"), ("TELEMETRY", "telemetrysvc")),
        )
    }
    edge, admin = (str(urlsplit(url).port) for url in (up.suite.edge_url, up.suite.admin_url))
    code, out, _ = penstock("health", "--edge-port", edge, "--admin-port", admin, **addresses)
    assert (code, out.count(" serving")) == (0, 6)


async def test_only_an_operators_token_that_authsvc_knows_is_kept(up: Up, tmp_path: Path) -> None:
    path, identity = tmp_path / "token", ProcessIdentity.load(up.suite.data_dir / "secrets/ctl.identity")
    tenant = up.suite.register()
    asked = {"name": "t", "role": "tenant_admin", "tenant_id": tenant.id}
    for refused in ("x" * 300, up.first_key, up.suite.done("POST", "/tokens", asked)["secret"]):
        path.write_text(refused)
        token, is_new = await ensure_admin_token(path, up.authsvc, identity)
        assert is_new
        assert path.read_text() == f"{token}\n"
        assert up.suite.admin("GET", "/tenants", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    assert await ensure_admin_token(path, up.authsvc, identity) == (token, False)


def test_a_rotated_token_ends_the_one_before(up: Up) -> None:
    before = up.suite.operator
    options = ("--data-dir", str(up.suite.data_dir), "--authsvc", up.authsvc)
    code, out, _ = penstock("admin-token", "--rotate", *options)
    assert code == 0
    assert up.suite.operator != before
    assert up.suite.operator["Authorization"].removeprefix("Bearer ") not in out
    assert up.suite.admin("GET", "/tenants", headers=before).status_code == 401
    assert up.suite.admin("GET", "/tenants").status_code == 200
    assert penstock("admin-token", *options) == (0, f"{up.suite.data_dir / 'admin.token'} has a valid token.\n", "")


def test_a_token_needs_an_authsvc_that_answers(up: Up, tmp_path: Path) -> None:
    code, out, err = penstock(
        "admin-token", "--data-dir", str(up.suite.data_dir), "--authsvc", f"unix:{tmp_path}/nobody.sock", "--rotate"
    )
    assert (code, out) == (1, "")
    assert err.startswith(f"penstock: authsvc at unix:{tmp_path}/nobody.sock did not make an admin token: ")
    assert up.suite.admin("GET", "/tenants").status_code == 200, "the token in use is as it was"


async def test_a_lost_demo_key_is_replaced_by_another_one(up: Up, tmp_path: Path) -> None:
    async with up.api() as api:
        key = await ensure_demo(api, tmp_path / "key", "http://127.0.0.1:9", upstream_moved=False)
    assert key != up.key
    assert (tmp_path / "key").read_text().strip() == key
    for each in (key, up.key):
        await wait_until_served(f"{up.suite.edge_url}/demo/hello", each)


async def test_an_edited_demo_config_stays_until_the_upstream_moves(up: Up) -> None:
    port = (up.suite.data_dir / "demo.port").read_text().strip()
    upstream, key_file = f"http://127.0.0.1:{port}", up.suite.data_dir / "demo.key"
    async with up.api() as api:
        tenant = await api.find_tenant("demo")
        assert tenant is not None
        edited = demo_document(upstream)
        edited["routes"].append({"name": "mine", "prefix": "/mine", "service": "demo", "auth": "none"})
        await api.publish_config(tenant["id"], edited, await api.config_tag(tenant["id"]))
        tag = await api.config_tag(tenant["id"])

        await ensure_demo(api, key_file, upstream, upstream_moved=False)
        assert await api.config_tag(tenant["id"]) == tag

        await ensure_demo(api, key_file, upstream, upstream_moved=True)
        assert await api.config_tag(tenant["id"]) != tag
    eventually(lambda: up.suite.edge("/mine", x_api_key=up.key).status_code == 404)


async def test_what_the_management_api_refuses_is_told(up: Up) -> None:
    async with up.api() as api:
        assert await api.find_tenant("nobody") is None
        with pytest.raises(OperatorError, match=r"refused GET /admin/v1/tenants/nobody/config \(404\)"):
            await api.config_tag("nobody")


async def test_a_management_api_that_does_not_answer_is_told(up: Up) -> None:
    async with AdminApi("http://127.0.0.1:9", "psa_x") as api:
        with pytest.raises(OperatorError, match="did not answer GET /tenants: All connection attempts failed"):
            await api.find_tenant("demo")


async def test_a_demo_that_is_not_served_is_told(up: Up, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstockctl.cluster.demo._SERVES_SECONDS", 0.5)
    with pytest.raises(OperatorError, match="does not answer 200 but: 401"):
        await wait_until_served(f"{up.suite.edge_url}/demo/hello", "psk_wrong")
    with pytest.raises(OperatorError, match="does not answer 200 but: All connection attempts failed"):
        await wait_until_served("http://127.0.0.1:9/demo/hello", up.key)
