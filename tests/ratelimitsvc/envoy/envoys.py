"""A real Envoy that asks a service about limits."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from tests.support.envoys import BACK, Envoy, asking_service, running_envoy

OVERRIDE = {"requests_per_unit": 2, "unit": "HOUR"}
# Where a route's `RateLimit.limit` finds it.
OVERRIDE_KEY = {"dynamic_metadata": {"metadata_key": {"key": "test.limits", "path": [{"key": "override"}]}}}
_EXTENSIONS = "type.googleapis.com/envoy.extensions.filters.http"


def limited_envoy(
    folder: Path,
    service: str,
    rules: Mapping[str, Sequence[Any]],
    *,
    domain: str = "acme",
    token: str = "",
    deny_on_failure: bool = False,
) -> AbstractAsyncContextManager[Envoy]:
    """Envoy with a route for each prefix in `rules`, whose actions make descriptors; `service` answers (`unix:…`).

    In place of a list of actions there may be all of a `RateLimit`. Every request carries `OVERRIDE` in its metadata.
    `folder` has a short path.
    """
    describing = {
        "@type": f"{_EXTENSIONS}.set_metadata.v3.Config",
        "metadata": [{"metadata_namespace": "test.limits", "value": {"override": OVERRIDE}}],
    }
    limiting = {
        "@type": f"{_EXTENSIONS}.ratelimit.v3.RateLimit",
        "domain": domain,
        "timeout": "10s",
        "failure_mode_deny": deny_on_failure,
        "enable_x_ratelimit_headers": "DRAFT_VERSION_03",
        "rate_limit_service": asking_service(token),
    }
    routes = [
        {
            "match": {"prefix": prefix},
            **_limited([each if isinstance(each, dict) else {"actions": each} for each in limits]),
        }
        for prefix, limits in rules.items()
    ]
    return running_envoy(folder, {"describe": describing, "limit": limiting}, routes, service)


def _limited(limits: list[dict[str, Any]]) -> dict[str, Any]:
    """Route and limits. Those of the route itself may bring a limit along, those of the filter may count in units:
    Envoy passes over either in the other place."""
    if not any("hits_addend" in each for each in limits):
        return {"route": {"cluster": BACK, "rate_limits": limits}}
    per_route = {"@type": f"{_EXTENSIONS}.ratelimit.v3.RateLimitPerRoute", "rate_limits": limits}
    return {"route": {"cluster": BACK}, "typed_per_filter_config": {"limit": per_route}}
