"""What the management API says of a request is what the edge does with it."""

import pytest

from tests.e2e.suite import Suite, config, eventually
from tests.e2e.upstream import RecordingUpstream


def test_an_explained_request_goes_where_it_is_said(suite: Suite, upstream: RecordingUpstream) -> None:
    tenant = suite.register("explained.example.com")
    document = config(upstream.url)
    document["routes"].append(
        {
            "name": "beta",
            "prefix": "/api",
            "service": "up",
            "auth": "none",
            "rewrite": "/v2",
            "methods": ["GET"],
            "headers": {"X-Beta": "1"},
        }
    )
    version = suite.publish(tenant, document)

    said = suite.done("GET", f"/tenants/{tenant.slug}/explain?path=/api/x&header=X-Beta: 1")
    assert (said["config_version"], said["host_bound"], said["route"]["name"]) == (version, True, "beta")
    assert [(each["name"], each["reason"]) for each in said["losers"]][:1] == [("api", "fewer_conditions")]

    done = suite.edge("/api/x", host="explained.example.com", x_beta="1", x_request_id="explained")
    assert done.status_code == 200
    assert upstream.requests[-1].path == said["route"]["upstream_path"] == "/v2/x"
    recorded = eventually(lambda: suite.logs(tenant, request_id="explained"))[0]
    assert recorded["route"] == said["route"]["name"]


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nowhere", 404), ("POST", "/only", 405)])
def test_an_explained_refusal_is_the_one_that_comes(
    suite: Suite, upstream: RecordingUpstream, method: str, path: str, status: int
) -> None:
    host = f"explained-{status}.example.com"
    tenant = suite.register(host)
    document = config(upstream.url)
    document["routes"].append({"name": "only", "prefix": "/only", "service": "up", "methods": ["GET"]})
    suite.publish(tenant, document)
    said = suite.done("GET", f"/tenants/{tenant.id}/explain?method={method}&path={path}")
    came = suite.edge(path, method=method, host=host)
    assert came.status_code == status
    assert (
        came.json()["code"]
        == {"not_found": "ROUTE_NOT_FOUND", "method_not_allowed": "METHOD_NOT_ALLOWED"}[said["outcome"]]
    )
    assert came.headers.get("allow", "") == ", ".join(said["allow"])
