"""The demo tenant: registered once, with a config of its own and one API key. Never overwrites an edited config."""

import asyncio
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx
import yaml

from penstockctl.cluster.admin_api import AdminApi
from penstockctl.faults import OperatorError
from penstockctl.private_files import read_kept, write_private_text

SLUG = "demo"
# Browsers and curl take every name under `localhost` for this machine (RFC 6761 §6.3): requests without a key
# find the demo's routes there.
HOST = "demo.localhost"
# The first version of a tenant is `inherit: default`; whatever comes later was published on purpose.
_INHERITED_TAG = '"1"'
# A start that was killed in the middle of the registration is finished by the next one.
_REGISTRATION = "penstock-up-demo"
_SERVES_SECONDS = 15.0


def demo_document(upstream_url: str) -> dict[str, Any]:
    """The config of examples/demo.yaml with its service at `upstream_url`."""
    document: dict[str, Any] = yaml.safe_load((files("examples") / "demo.yaml").read_bytes())
    document["services"][0]["targets"] = [{"url": upstream_url}]
    return document


async def ensure_demo(api: AdminApi, key_file: Path, upstream_url: str, *, upstream_moved: bool) -> str:
    """Register what is missing and return the demo's API key, which is kept in `key_file`.

    `upstream_moved`: the upstream has another address than at the last start, so the config must say so.
    """
    key = read_kept(key_file)
    tenant = await api.find_tenant(SLUG)
    if tenant is None or tenant["status"] == "provisioning":
        asked = {"slug": SLUG, "name": "Demo", "hosts": [HOST]}
        tenant, key = await api.register_tenant(asked, _REGISTRATION)
        write_private_text(key_file, key + "\n")
    elif key is None:
        key = await api.create_key(tenant["id"], {"name": "demo", "consumer": "demo"})
        write_private_text(key_file, key + "\n")
    tag = await api.config_tag(tenant["id"])
    if tag == _INHERITED_TAG or upstream_moved:
        await api.publish_config(tenant["id"], demo_document(upstream_url), tag)
    return key


async def wait_until_served(url: str, key: str) -> None:
    """Return when the edge answers 200 on `url`: the config has reached it. OperatorError: it does not."""
    answer = "no answer"
    try:
        # The port is our own: whether its certificate is for this name is the operator's business.
        unverified = httpx.AsyncClient(trust_env=False, verify=False)  # noqa: S501
        async with asyncio.timeout(_SERVES_SECONDS), unverified as client:
            while True:
                answer = await _try(client, url, key)
                if answer == "200":
                    return
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise OperatorError(
            f"{url} does not answer 200 but: {answer} (was the demo tenant's config or key changed?)"
        ) from None


async def _try(client: httpx.AsyncClient, url: str, key: str) -> str:
    try:
        response = await client.get(url, headers={"X-API-Key": key})
    except httpx.HTTPError as error:
        return str(error) or type(error).__name__
    return "200" if response.status_code == httpx.codes.OK else f"{response.status_code} {response.text[:200]}"
