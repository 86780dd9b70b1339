"""The metrics page answers a scraper and survives whoever else connects."""

import asyncio
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry

from svckit.metrics import RpcMetrics, metrics_page, new_registry


async def fetch(address: str, path: str = "/metrics") -> httpx.Response:
    if not address.startswith("unix:"):
        async with httpx.AsyncClient() as client:
            return await client.get(f"http://{address}{path}")
    transport = httpx.AsyncHTTPTransport(uds=address.removeprefix("unix:"))
    async with httpx.AsyncClient(transport=transport) as client:
        return await client.get(f"http://process{path}")


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "unix:{dir}/metrics.sock"])
async def test_the_page_shows_what_was_counted(short_dir: Path, listen: str) -> None:
    registry = CollectorRegistry()
    RpcMetrics(registry).of_method("/a.v1.B/C")("OK", 0.2)

    async with metrics_page(listen.format(dir=short_dir), registry) as address:
        response = await fetch(address)

    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain")
    assert 'grpc_server_handled_total{code="OK",method="/a.v1.B/C"} 1.0' in response.text
    assert 'grpc_server_handling_seconds_bucket{le="0.25",method="/a.v1.B/C"} 1.0' in response.text


async def test_another_path_is_not_found() -> None:
    async with metrics_page("127.0.0.1:0", CollectorRegistry()) as address:
        assert (await fetch(address, "/")).status_code == 404


@pytest.mark.parametrize("sent", [b"", b"\x16\x03\x01", b"GET", b"A" * 20_000])
async def test_a_stranger_does_not_harm_the_page(sent: bytes) -> None:
    async with metrics_page("127.0.0.1:0", CollectorRegistry()) as address:
        host, port = address.split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(sent)
        writer.close()
        assert (await fetch(address)).status_code == 200


async def test_a_registry_tells_about_its_process() -> None:
    async with metrics_page("127.0.0.1:0", new_registry()) as address:
        assert "process_resident_memory_bytes" in (await fetch(address)).text
