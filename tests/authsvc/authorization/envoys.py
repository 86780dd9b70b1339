"""A real Envoy that has its requests judged."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from tests.support.envoys import BACK, Envoy, asking_service, running_envoy

_TYPES = "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3"


def guarded_envoy(
    folder: Path,
    service: str,
    places: Mapping[str, Mapping[str, str]],
    back: str,
    *,
    token: str = "",
    **filtering: Any,
) -> AbstractAsyncContextManager[Envoy]:
    """Envoy with a route for each prefix in `places`, whose values are its `context_extensions`; `service` judges
    (`unix:…`), `back` is the socket of the upstream. `filtering` adds to the filter's config."""
    judged = {
        "@type": f"{_TYPES}.ExtAuthz",
        **asking_service(token),
        **filtering,
    }
    judged["grpc_service"] = {**judged["grpc_service"], "timeout": "10s"}
    routes = [
        {
            "match": {"prefix": prefix},
            "route": {"cluster": BACK},
            "typed_per_filter_config": {
                "tested": {
                    "@type": f"{_TYPES}.ExtAuthzPerRoute",
                    "check_settings": {"context_extensions": dict(extensions)},
                }
            },
        }
        for prefix, extensions in places.items()
    ]
    return running_envoy(folder, {"tested": judged}, routes, service, back=back)
