"""The command `penstock` as a process: what it says, how it ends."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path

import pytest

from penstockctl.cluster.data_dir import claim_data_dir
from penstockctl.cluster.sockets import find_free_port
from tests.penstockctl.processes import as_ordinary_user, read_until, started


def penstock(*arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout, stderr."""
    command = (sys.executable, "-m", "penstockctl.main", *arguments)
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env={**os.environ, "COLUMNS": "500"}
    )
    return done.returncode, done.stdout, done.stderr


class _Ok(BaseHTTPRequestHandler):
    """Answers 200 to every GET."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Keeps quiet."""


@contextmanager
def serving_ok() -> Iterator[int]:
    """The port of a server that is well."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Ok) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def test_version_is_that_of_the_distribution() -> None:
    assert penstock("version") == (0, f"{version('penstock')}\n", "")


@pytest.mark.parametrize(("chosen", "level"), [({}, "ERROR"), ({"GRPC_VERBOSITY": "DEBUG"}, "DEBUG")])
def test_the_core_of_grpc_is_told_to_keep_quiet_before_it_is_imported(chosen: dict[str, str], level: str) -> None:
    code = """
import os, sys
from penstockctl.main import main
sys.argv = ["penstock", "version"]
print("grpc" in sys.modules)
try:
    main()
finally:
    print("grpc" in sys.modules, os.environ["GRPC_VERBOSITY"])
"""
    environment = {name: value for name, value in os.environ.items() if name != "GRPC_VERBOSITY"}
    done = subprocess.run(
        (sys.executable, "-c", code), capture_output=True, text=True, timeout=60, check=False, env=environment | chosen
    )
    assert done.stdout.split() == ["False", version("penstock"), "True", level]


def test_each_port_that_is_taken_is_one_sentence_with_its_option(folder: Path) -> None:
    free = {"--edge-port": "0", "--admin-port": "0", "--grpc-port-base": "0"}
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        for option in free:
            given = [text for pair in (free | {option: str(port)}).items() for text in pair]
            code, out, err = penstock("up", "--data-dir", str(folder / "d"), *given)
            sentence = f"Port {port} on 127.0.0.1 is taken by another program: choose another with {option}."
            assert (code, out, err) == (1, "", f"penstock: {sentence}\n")
    assert not (folder / "d/postgres").exists(), "nothing is begun before the ports are sure"


def test_a_port_that_two_options_choose_is_one_sentence(folder: Path) -> None:
    assert penstock("up", "--data-dir", str(folder / "d"), "--edge-port", "28000", "--admin-port", "28000") == (
        1,
        "",
        "penstock: --edge-port and --admin-port are both 28000: choose different ones.\n",
    )


def test_a_data_directory_in_use_is_one_sentence(folder: Path) -> None:
    with claim_data_dir(folder):
        code, out, err = penstock("up", "--data-dir", str(folder))
    assert (code, out) == (1, "")
    assert err.startswith(f"penstock: The data directory {folder} is in use by another `penstock up` (process ")
    assert err.count("\n") == 1


def test_a_data_directory_that_cannot_be_written_is_one_sentence(folder: Path) -> None:
    (folder / "file").touch()
    code, out, err = penstock("up", "--data-dir", str(folder / "file"))
    assert (code, out) == (1, "")
    assert err == f"penstock: The data directory {folder / 'file'} is a file: choose another with --data-dir.\n"


@pytest.mark.parametrize("command", ["up", "prepare", "migrate", "admin-token"])
async def test_another_users_data_directory_is_one_sentence(folder: Path, command: str) -> None:
    with claim_data_dir(folder / "d"):
        pass
    if os.geteuid() != 0:  # nobody else to be
        assert (folder / "d/penstock.lock").stat().st_uid == os.geteuid()
        return
    words = ("--database-url", "postgresql://a:b@/postgres?host=/nowhere") if command == "prepare" else ()
    run = as_ordinary_user(sys.executable, "-m", "penstockctl.main", command, "--data-dir", str(folder / "d"), *words)
    async with started("sh", "-c", 'exec "$0" "$@" 2>&1', *run, PYTHONDONTWRITEBYTECODE="1") as process:
        said = await read_until(process, "penstock: ")
    refusal = f"The data directory {folder / 'd'} was made by user id 0 and cannot be used by user id 65534"
    assert said == [f"penstock: {refusal}: start as that user, or choose another with --data-dir."]


@pytest.mark.parametrize(
    ("command", "option"),
    [
        *(("up", "--data-dir"), ("up", "--host"), ("up", "--redis-url"), ("up", "--database-url")),
        *(("prepare", "--data-dir"), ("prepare", "--redis-url"), ("prepare", "--database-url")),
        *(("migrate", "--database-url"), ("admin-token", "--authsvc"), ("health", "--host")),
    ],
)
def test_an_empty_value_is_one_sentence(folder: Path, command: str, option: str) -> None:
    required = () if command != "prepare" or option == "--database-url" else ("--database-url", "postgresql:///x")
    assert penstock(command, *required, option, "") == (
        1,
        "",
        f"penstock: {option} is empty: give it a value, or leave it out.\n",
    )


def test_health_of_nothing_is_a_table_and_exit_code_1() -> None:
    free = str(find_free_port("127.0.0.1"))
    code, out, _ = penstock(
        *("health", "--edge-port", free, "--admin-port", free, "--grpc-port-base", str(min(int(free), 65_000)))
    )
    assert code == 1
    assert out.count("not serving") == 6
    assert f"http://127.0.0.1:{free}/readyz" in out


def test_health_of_one_process_asks_that_one_alone() -> None:
    with serving_ok() as port:
        assert penstock("health", "--only", "edge", "--edge-port", str(port))[0] == 0
        assert penstock("health", "--only", "edge", "--only", "admin", "--edge-port", str(port))[0] == 1


def test_health_of_an_unknown_process_says_whom_it_can_ask() -> None:
    code, out, err = penstock("health", "--only", "postgres")
    assert (code, out) == (1, "")
    assert err == (
        "penstock: There is no process postgres to ask:"
        " --only takes authsvc, ratelimitsvc, configsvc, telemetrysvc, edge, admin.\n"
    )


def test_an_admin_token_without_a_cluster_says_what_it_needs(folder: Path) -> None:
    code, out, err = penstock("admin-token", "--data-dir", str(folder))
    assert (code, out) == (1, "")
    assert err.startswith(f"penstock: There is no cluster in {folder} (")
    assert err.count("\n") == 1


def test_a_redis_url_that_is_none_is_one_sentence(folder: Path) -> None:
    code, out, err = penstock(
        *("prepare", "--data-dir", str(folder), "--database-url", "postgresql://a:b@/postgres?host=/nowhere"),
        *("--redis-url", "http://:hush@cache"),
    )
    assert (code, out) == (1, "")
    assert err == "penstock: --redis-url is no URL of a Redis database: redis://HOST:PORT/NUMBER is one.\n"


@pytest.mark.parametrize("option", ["--database-url", "--redis-url"])
def test_a_url_of_a_store_that_is_none_is_told_before_anything_starts(folder: Path, option: str) -> None:
    code, out, err = penstock("up", "--data-dir", str(folder / "d"), option, "redis://u:hush@127.0.0.1:99999/x")
    assert (code, out) == (1, "")
    assert err.startswith(f"penstock: {option} is no URL of a ")
    assert err.count("\n") == 1
    assert "hush" not in err
    assert not (folder / "d").exists()


def test_health_of_a_port_that_cannot_be_is_a_wrong_option() -> None:
    for option in ("--edge-port", "--admin-port", "--grpc-port-base"):
        code, out, err = penstock("health", option, "99999999")
        assert (code, out) == (2, "")
        assert option in err
        assert "less than or equal to 655" in err


def test_migrate_without_a_cluster_says_what_it_needs(folder: Path) -> None:
    code, _, err = penstock("migrate", "--data-dir", str(folder / "none"))
    assert code == 1
    assert err == f"penstock: There is no cluster in {folder / 'none'}: give its --data-dir, or a --database-url.\n"


def test_a_password_on_the_command_line_never_reaches_an_error(folder: Path) -> None:
    code, out, err = penstock(
        *("up", "--data-dir", str(folder), "--edge-port", "0", "--admin-port", "0", "--grpc-port-base", "0"),
        *("--database-url", "postgresql://root:hush@/postgres?host=/nowhere", "--redis-url", "unix:///nowhere"),
    )
    assert code == 1
    assert "hush" not in out + err


def test_a_file_that_cannot_be_used_is_one_sentence(folder: Path) -> None:
    (folder / "secrets").touch()
    assert penstock("migrate", "--data-dir", str(folder)) == (
        1,
        "",
        f"penstock: {folder / 'secrets'} cannot be used: File exists.\n",
    )
