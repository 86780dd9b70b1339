"""The edge worker's rim: what it cannot use is told in one sentence, by name."""

import asyncio
import os
import socket
import sys
from asyncio.subprocess import PIPE
from collections.abc import Callable
from pathlib import Path

import pytest

from svckit.identity import generate_identity

DEADLINE_SECONDS = 30.0


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Settings of a worker whose services are all away."""
    generate_identity(tmp_path / "edge.key", "edge")
    (tmp_path / "cluster.key").touch(mode=0o600)
    (tmp_path / "cluster.key").write_text("k" * 43)
    (tmp_path / "data").mkdir()
    return {
        "PENSTOCK_LISTEN": "127.0.0.1:0",
        "PENSTOCK_IDENTITY_KEY_FILE": str(tmp_path / "edge.key"),
        "PENSTOCK_CLUSTER_KEY_FILE": str(tmp_path / "cluster.key"),
        "PENSTOCK_DATA_DIR": str(tmp_path / "data"),
        "PENSTOCK_RUN_DIR": str(tmp_path / "run"),
        **{f"PENSTOCK_{name}_ADDRESS": f"unix:{tmp_path}/nobody" for name in ("AUTH", "CONFIG", "TELEMETRY")},
    }


async def ended(environment: dict[str, str]) -> tuple[int | None, str]:
    """The exit code and the standard error of a worker."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "edge", env={"PATH": os.environ["PATH"], **environment}, stdout=PIPE, stderr=PIPE
    )
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            _, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
    return process.returncode, errors.decode()


def another_key(folder: Path) -> None:
    (folder / "edge.key").unlink()
    generate_identity(folder / "edge.key", "admin")


def file_for_folder(folder: Path) -> None:
    (folder / "data").rmdir()
    (folder / "data").touch()


SETTINGS = "the settings cannot be used:\n"
SPOILT: dict[str, tuple[Callable[[Path], object], str]] = {
    "another process's key": (another_key, "{folder}/edge.key is the key of admin, not of edge"),
    "a short cluster key": (
        lambda folder: (folder / "cluster.key").write_text("short"),
        f"{SETTINGS}PENSTOCK_CLUSTER_KEY_FILE names a file that cannot be used: the cluster key has less than 32 bytes",
    ),
    "a cluster key for all to read": (
        lambda folder: (folder / "cluster.key").chmod(0o644),
        "{folder}/cluster.key is open to others than its owner: chmod 600",
    ),
    "no cluster key": (
        lambda folder: (folder / "cluster.key").unlink(),
        "{folder}/cluster.key cannot be read: No such file or directory",
    ),
    "a gateway id that is none": (
        lambda folder: (folder / "data" / "gateway.id").write_text("a b\n"),
        f"{SETTINGS}PENSTOCK_DATA_DIR names a folder that cannot be used: "
        "{folder}/data/gateway.id does not hold a gateway id",
    ),
    "a data folder that is a file": (
        file_for_folder,
        f"{SETTINGS}PENSTOCK_DATA_DIR names a folder that cannot be used: File exists",
    ),
}


@pytest.mark.parametrize(("spoil", "sentence"), SPOILT.values(), ids=SPOILT.keys())
async def test_a_file_that_cannot_be_used_ends_it_with_code_2(
    environment: dict[str, str], tmp_path: Path, spoil: Callable[[Path], object], sentence: str
) -> None:
    spoil(tmp_path)
    assert await ended(environment) == (2, f"edge: {sentence}\n".replace("{folder}", str(tmp_path)))


async def test_wrong_addresses_are_told_together(environment: dict[str, str]) -> None:
    wrong = {"PENSTOCK_LISTEN": "here", "PENSTOCK_OWN_PORTS": "8000,http"}
    assert await ended({**environment, **wrong}) == (
        2,
        f"edge: {SETTINGS}PENSTOCK_OWN_PORTS is not a list of port numbers\nPENSTOCK_LISTEN is not a host and a port\n",
    )


async def test_a_port_by_another_gateways_name_is_listened_on_or_told_by_that_name(environment: dict[str, str]) -> None:
    del environment["PENSTOCK_LISTEN"]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert await ended({**environment, "PORT": port}) == (1, "edge: [Errno 98] Address already in use\n")
    code, errors = await ended({**environment, "PORT": "http"})
    assert (code, errors.startswith(f"edge: {SETTINGS}PORT is not valid")) == (2, True)


async def test_a_taken_port_is_a_failure_told_in_one_sentence(environment: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        code, errors = await ended({**environment, "PENSTOCK_LISTEN": address})
    assert (code, errors) == (1, "edge: [Errno 98] Address already in use\n")
