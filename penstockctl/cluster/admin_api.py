"""The few calls of the management REST that setting up the demo tenant needs (design §9)."""

from types import TracebackType
from typing import Any, Self

import httpx

from penstockctl.faults import OperatorError

_CALL_SECONDS = 15.0


class AdminApi:
    """A client of `base_url` with an operator's token; use as a context manager."""

    def __init__(self, base_url: str, token: str) -> None:
        self._client = httpx.AsyncClient(
            base_url=f"{base_url}/admin/v1",
            headers={"Authorization": f"Bearer {token}"},
            timeout=_CALL_SECONDS,
            trust_env=False,  # a proxy of the environment must not stand between us and our own port
        )

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._client.__aexit__(kind, error, trace)

    async def find_tenant(self, slug: str) -> dict[str, Any] | None:
        """The tenant with this slug, looked for on all pages."""
        params: dict[str, str] = {}
        while True:
            page = _content(await self._ask("GET", "/tenants", params=params))
            for tenant in page["items"]:
                if tenant["slug"] == slug:
                    return dict(tenant)
            if not page.get("next_cursor"):
                return None
            params = {"cursor": page["next_cursor"]}

    async def register_tenant(self, document: dict[str, Any], idempotency_key: str) -> tuple[dict[str, Any], str]:
        """The new tenant and its API key; the same `idempotency_key` finishes a registration that broke off."""
        headers = {"Idempotency-Key": idempotency_key}
        answer = _content(await self._ask("POST", "/tenants", json=document, headers=headers))
        return dict(answer["tenant"]), str(answer["api_key"])

    async def create_key(self, tenant_id: str, document: dict[str, Any]) -> str:
        """A new API key of the tenant."""
        return str(_content(await self._ask("POST", f"/tenants/{tenant_id}/keys", json=document))["api_key"])

    async def config_tag(self, tenant_id: str) -> str:
        """The ETag of the tenant's config document."""
        answer = await self._ask("GET", f"/tenants/{tenant_id}/config", headers={"Accept": "application/json"})
        _content(answer)
        return answer.headers["ETag"]

    async def publish_config(self, tenant_id: str, document: dict[str, Any], etag: str) -> None:
        """Replace the config if it is still the one with `etag`."""
        _content(await self._ask("PUT", f"/tenants/{tenant_id}/config", json=document, headers={"If-Match": etag}))

    async def _ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        try:
            return await self._client.request(method, path, **more)
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
            raise OperatorError(f"The management API did not answer {method} {path}: {reason}.") from error


def _content(answer: httpx.Response) -> dict[str, Any]:
    if answer.is_error:
        raise OperatorError(
            f"The management API refused {answer.request.method} {answer.request.url.path}"
            f" ({answer.status_code}): {answer.text[:500]}"
        )
    return dict(answer.json()) if answer.content else {}
