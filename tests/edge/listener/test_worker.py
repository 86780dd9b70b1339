"""A worker as a process that serves over TLS by its settings: from its start to an exchanged certificate."""

import asyncio
import json
import os
import signal
import socket
import ssl
from pathlib import Path

import httpx
import pytest

from edge.listener.certificates import CertificateFiles
from tests.edge.listener.test_tls import asks
from tests.edge.plane import DEADLINE
from tests.edge.test_main import ended, environment  # noqa: F401 - a fixture
from tests.edge.test_worker import worker
from tests.support.authority import Authority

SETTINGS = "edge: the settings cannot be used:\n"


def settings(*files: CertificateFiles, **more: str) -> dict[str, str]:
    """What a worker is told of its certificates."""
    return {
        "PENSTOCK_TLS_CERTIFICATES": ",".join(str(each.certificate) for each in files),
        "PENSTOCK_TLS_KEYS": ",".join(str(each.key) for each in files),
        **more,
    }


def shown(context: ssl.SSLContext, port: int) -> int:
    """The number of the certificate that a client verifies, on a connection that it asks over."""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=DEADLINE) as plain,
        context.wrap_socket(plain, server_hostname="edge.test") as client,
    ):
        client.sendall(asks("edge.test", "/livez"))
        assert client.recv(65536).startswith(b"HTTP/1.1 200 ")
        certificate = client.getpeercert()
        assert certificate is not None
        return int(str(certificate["serialNumber"]), 16)


def log_line(descriptor: int, event: str) -> dict[str, object]:
    """The next log line of this event."""
    line = b""
    while octet := os.read(descriptor, 1):
        line += octet
        if octet == b"\n":
            said: dict[str, object] = json.loads(line)
            if said["event"] == event:
                return said
            line = b""
    raise AssertionError("the worker ended")


@pytest.mark.parametrize("told", ["by nobody", "by SIGHUP"])
async def test_a_certificate_is_exchanged_and_a_bad_one_is_not(authority: Authority, tmp_path: Path, told: str) -> None:
    files = authority.issue(tmp_path, "edge.test", file="tls")
    context = authority.client()
    async with worker(tmp_path, inherited=None, **settings(files)) as edge:
        port = edge.client.base_url.port
        assert port is not None
        before = await asyncio.to_thread(shown, context, port)

        files.certificate.write_text("broken")
        if told == "by SIGHUP":
            edge.process.send_signal(signal.SIGHUP)
        refused = await asyncio.to_thread(log_line, edge.stdout, "certificate not exchanged")
        assert refused["reason"] == f"{files.certificate} does not hold a certificate in PEM"
        assert await asyncio.to_thread(shown, context, port) == before

        authority.issue(tmp_path, "edge.test", file="tls")
        if told == "by SIGHUP":
            edge.process.send_signal(signal.SIGHUP)
        assert (await asyncio.to_thread(log_line, edge.stdout, "certificate in use"))["names"] == ["edge.test"]
        assert await asyncio.to_thread(shown, context, port) != before
        edge.process.terminate()
        assert await edge.process.wait() == 0


async def test_the_plain_port_leads_there_and_answers_ask_for_tls(authority: Authority, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as plain:
        descriptor, port = os.dup(plain.fileno()), plain.getsockname()[1]
    os.set_inheritable(descriptor, True)
    files = authority.issue(tmp_path, "localhost", file="tls")
    more = {"PENSTOCK_REDIRECT_LISTEN_FD": str(descriptor), "PENSTOCK_REDIRECT_PORT": "8443", "PENSTOCK_HSTS": ""}
    try:
        async with worker(tmp_path, inherited=descriptor, **settings(files, **more)) as edge:
            led = await edge.client.get(f"http://localhost:{port}/livez?a=b")
            assert (led.status_code, led.headers["location"]) == (308, "https://localhost:8443/livez?a=b")
            secure = f"https://localhost:{edge.client.base_url.port}"
            async with httpx.AsyncClient(base_url=secure, verify=authority.client(), trust_env=False) as client:
                answer = await client.get("/livez")
            assert (answer.status_code, "strict-transport-security" in answer.headers) == (200, False)
            edge.process.terminate()
            assert await edge.process.wait() == 0
    finally:
        os.close(descriptor)


async def test_what_cannot_be_served_ends_it_by_name(
    environment: dict[str, str],  # noqa: F811
    authority: Authority,
    tmp_path: Path,
) -> None:
    files = authority.issue(tmp_path, "edge.test", file="tls")
    files.key.chmod(0o640)
    assert await ended({**environment, **settings(files)}) == (
        2,
        f"{SETTINGS}PENSTOCK_TLS_CERTIFICATES names files that cannot be used: "
        f"{files.key} is open to others than its owner: chmod 600\n",
    )


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        pytest.param(
            {"PENSTOCK_TLS_CERTIFICATES": "a,b", "PENSTOCK_TLS_KEYS": "a"},
            "PENSTOCK_TLS_KEYS does not name one file for each of PENSTOCK_TLS_CERTIFICATES",
            id="a certificate without a key",
        ),
        pytest.param(
            {"PENSTOCK_TLS_KEYS": "a"},
            "PENSTOCK_TLS_KEYS does not name one file for each of PENSTOCK_TLS_CERTIFICATES",
            id="a key without a certificate",
        ),
        pytest.param(
            {"PENSTOCK_REDIRECT_LISTEN": "127.0.0.1:0"},
            "PENSTOCK_REDIRECT_LISTEN leads to https, and there is no PENSTOCK_TLS_CERTIFICATES",
            id="a way to https without it",
        ),
        pytest.param(
            {"PENSTOCK_REDIRECT_LISTEN": "here", "PENSTOCK_TLS_CERTIFICATES": "a"},
            "PENSTOCK_TLS_KEYS does not name one file for each of PENSTOCK_TLS_CERTIFICATES\n"
            "PENSTOCK_REDIRECT_LISTEN is not a host and a port",
            id="two faults",
        ),
        pytest.param(
            {"PENSTOCK_HSTS": "max-age=1\r\nX: y"},
            "PENSTOCK_HSTS is not valid: value error, max-age=SECONDS, then at most ; includeSubDomains and ; preload",
            id="a header line in another",
        ),
        pytest.param(
            {"PENSTOCK_HSTS": "includeSubDomains"},
            "PENSTOCK_HSTS is not valid: value error, max-age=SECONDS, then at most ; includeSubDomains and ; preload",
            id="no time",
        ),
    ],
)
async def test_settings_that_do_not_go_together_are_told(
    environment: dict[str, str],  # noqa: F811
    told: dict[str, str],
    sentence: str,
) -> None:
    assert await ended({**environment, **told}) == (2, f"{SETTINGS}{sentence}\n")
