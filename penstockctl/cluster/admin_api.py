"""Calls of the management REST, for commands and for setting up the demo tenant."""

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
        found = (tenant for tenant in await self.items("/tenants", {}) if tenant["slug"] == slug)
        return next(found, None)

    async def items(self, path: str, filters: dict[str, Any]) -> list[dict[str, Any]]:
        """A list, all its pages."""
        found: list[dict[str, Any]] = []
        params = dict(filters)
        while True:
            page = _content(await self._ask("GET", path, params=params))
            found += page["items"]
            if not page.get("next_cursor"):
                return found
            params = {**filters, "cursor": page["next_cursor"]}

    async def call(self, method: str, path: str, **more: Any) -> tuple[int, dict[str, Any]]:
        """The status and the content of a call that must succeed. OperatorError says why it did not."""
        answer = await self._ask(method, path, **more)
        return answer.status_code, _content(answer)

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
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            reason = str(error) or type(error).__name__
            raise OperatorError(f"The management API did not answer {method} {path}: {reason.rstrip('.')}.") from error


def _content(answer: httpx.Response) -> dict[str, Any]:
    if answer.is_error:
        raise OperatorError(
            f"The management API refused {answer.request.method} {answer.request.url.path}"
            f" ({answer.status_code}): {_reason(answer)}"
        )
    return dict(answer.json()) if answer.content else {}


def _reason(answer: httpx.Response) -> str:
    """What the problem says (RFC 9457), each of its faults with its place; else the beginning of the answer."""
    try:
        problem = answer.json()
        faults = [f"{each['path']} {each['detail']}" for each in problem.get("errors") or ()]
        return "; ".join((f"{problem['code']}: {problem['detail']}", *faults))[:2000]
    except (ValueError, KeyError, TypeError, AttributeError):
        return answer.text[:500]
