"""Two edge workers over TLS: while certificates are exchanged and the workers replaced no request fails, and real
clients see what they should."""

import asyncio
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bench.keepalive import Count, Crowd, crowd_runs
from tests.e2e.suite import Suite, Tenant, config, eventually, running_suite
from tests.e2e.test_restart import REPLACED
from tests.e2e.upstream import recording_upstream
from tests.support.authority import Authority
from tests.support.ports import free_port

CROWDS = (Crowd("busy", 4), Crowd("at rest", 16, rest_seconds=1.0), Crowd("fresh", 4, fresh=True))
LOAD_SECONDS = 120.0
EXCHANGES = 4


@dataclass
class Secure:
    """A running suite over TLS, with a tenant."""

    suite: Suite
    tenant: Tenant
    authority: Authority
    folder: Path
    redirect_port: int

    @property
    def port(self) -> int:
        return urlsplit(self.suite.edge_url).port or 0

    def issue(self) -> int:
        """Has another certificate in the place of the present one; its number."""
        files = self.authority.issue(self.folder, "localhost")
        text = subprocess.run(
            ["openssl", "x509", "-noout", "-serial", "-in", files.certificate], capture_output=True, check=True
        ).stdout
        return int(text.decode().strip().removeprefix("serial="), 16)

    def shown(self) -> set[int]:
        """The numbers of the certificates that twenty new connections are shown: by both workers, surely."""
        return {self._shown() for _ in range(20)}

    def _shown(self) -> int:
        context = self.authority.client()
        with (
            socket.create_connection(("127.0.0.1", self.port), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as client,
        ):
            return int(str((client.getpeercert() or {})["serialNumber"]), 16)

    async def load(self, count: Count, over: Callable[[], bool]) -> None:
        """Has all crowds ask until it is over."""
        key, context = f"X-API-Key: {self.tenant.key}", self.authority.client()
        async with asyncio.timeout(LOAD_SECONDS), asyncio.TaskGroup() as tasks:
            for crowd in CROWDS:
                tasks.create_task(crowd_runs(crowd, self.port, "/api/x", (key,), count, over, context))

    def curl(self, url: str, *options: str) -> str:
        """What curl says, who verifies."""
        command = [
            "curl",
            "--silent",
            "--show-error",
            "--max-time",
            "10",
            "--cacert",
            str(self.authority.written(self.folder)),
        ]
        told = subprocess.run([*command, *options, url], capture_output=True, check=False)
        return (told.stdout + told.stderr).decode()


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secure]:
    """Two workers."""
    folder = tmp_path_factory.mktemp("tls")
    authority = Authority()
    files = authority.issue(folder, "localhost")
    plain = free_port()
    options = (
        "--no-demo",
        "--workers=2",
        f"--tls-certificates={files.certificate}",
        f"--tls-keys={files.key}",
        f"--redirect-port={plain}",
    )
    with recording_upstream() as upstream, running_suite(folder, *options) as suite:
        tenant = suite.register("localhost")
        document = config(upstream.url, authenticated="100000/s")
        del document["services"][0]["timeout"]
        suite.publish(tenant, document)
        yield Secure(suite, tenant, authority, folder, plain)


def test_no_request_fails_while_certificates_are_exchanged(secure: Secure) -> None:
    count, exchanged = Count(), []

    def exchange() -> None:
        for _ in range(EXCHANGES):
            number = secure.issue()
            eventually(lambda number=number: secure.shown() == {number}, 30)  # type: ignore[misc]
            exchanged.append(number)

    async def both() -> None:
        async with asyncio.TaskGroup() as tasks:
            exchanging = tasks.create_task(asyncio.to_thread(exchange))
            tasks.create_task(secure.load(count, exchanging.done))

    asyncio.run(both())
    assert count.failures == {}
    assert count.answered > 200
    assert len({*exchanged}) == EXCHANGES


def test_no_request_fails_while_the_workers_are_replaced(secure: Secure) -> None:
    count = Count()
    secure.suite.process.send_signal(1)

    def over() -> bool:
        return secure.suite.log.read_text().count(REPLACED) == 1 and count.answered + count.failed >= 500

    asyncio.run(secure.load(count, over))
    assert count.failures == {}
    assert count.said_close > 0


def test_curl_gets_through_by_the_plain_port_and_sees_what_browsers_are_told(secure: Secure) -> None:
    told = secure.curl(
        f"http://localhost:{secure.redirect_port}/api/x",
        *("--location", "--location-trusted", "--include", "--header", f"X-API-Key: {secure.tenant.key}"),
    )
    first, second = [part for part in told.replace("\r", "").split("\n\n") if part.startswith("HTTP/1.1 ")]
    assert first.startswith("HTTP/1.1 308 ")
    assert f"Location: https://localhost:{secure.port}/api/x" in first
    assert "Strict-Transport-Security" not in first
    assert second.startswith("HTTP/1.1 200 ")
    assert "Strict-Transport-Security: max-age=31536000" in second


@pytest.mark.parametrize(
    ("options", "said"),
    [
        pytest.param(("--tls-max", "1.2"), "200", id="TLS 1.2"),
        pytest.param(("--tlsv1.3",), "200", id="TLS 1.3"),
        pytest.param(("--header", "Host: other.test"), "421", id="another host"),
        pytest.param(("--http2",), "200", id="who would rather have HTTP/2"),
    ],
)
def test_curl_is_answered(secure: Secure, options: tuple[str, ...], said: str) -> None:
    key = ("--header", f"X-API-Key: {secure.tenant.key}")
    url = f"https://localhost:{secure.port}/api/x"
    assert secure.curl(url, *options, *key, "--output", "/dev/null", "--write-out", "%{http_code}") == said


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_openssl_sees_the_protocol_and_the_end(secure: Secure) -> None:
    request = "GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{secure.port}", "-servername", "localhost"]
    told = subprocess.run(
        [*command, "-CAfile", str(secure.authority.written(secure.folder)), "-alpn", "h2,http/1.1", "-ign_eof"],
        input=request.encode(),
        capture_output=True,
        check=False,
        timeout=20,
    )
    text = told.stdout.decode()
    assert "Verify return code: 0 (ok)" in text
    assert "ALPN protocol: http/1.1" in text
    assert "HTTP/1.1 200 OK" in text
    assert text.rstrip().endswith("closed")  # by close_notify: an end without says "unexpected eof"
    assert "unexpected eof" not in told.stderr.decode()
