"""One tenant's day through the whole suite: register, key, request, limit, revoke, records."""

import time

import httpx

from domain.tenants import TenantId, schema_name
from tests.e2e.suite import Suite, config, eventually
from tests.e2e.upstream import RecordingUpstream, dead_port

WINDOW_SECONDS = 3


def test_a_tenant_from_its_registration_to_its_records(suite: Suite, upstream: RecordingUpstream) -> None:
    tenant, neighbour = suite.register(), suite.register()
    suite.publish(tenant, config(upstream.url, authenticated="3/s"))

    # a request with the key goes through; the upstream learns who is calling and never sees the key
    answer = suite.edge("/api/v1/things?q=1", x_api_key=tenant.key, x_request_id="the-first", x_user_id="admin")
    assert answer.status_code == 200
    assert answer.json() == {"from": "upstream"}
    assert answer.headers["x-request-id"] == "the-first"
    sent = upstream.requests[-1]
    assert sent.path == "/api/v1/things?q=1"
    assert sent.headers["x-tenant-id"] == tenant.id
    assert sent.headers["x-user-type"] == "consumer"
    assert sent.headers["x-user-id"] != "admin"
    assert sent.headers["x-request-id"] == "the-first"
    assert "x-api-key" not in sent.headers
    assert tenant.key not in str(sent.headers)

    # the fourth request within a second is refused, and waiting as long as told is enough
    refused = eventually(lambda: next((a for a in _burst(suite, tenant.key) if a.status_code == 429), None))
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["code"] == "RATE_LIMITED"
    assert refused.headers["retry-after"] == "1"
    time.sleep(1)
    assert suite.edge("/api/x", x_api_key=tenant.key).status_code == 200

    # a second key of the same tenant is revoked: from the answer on, it is refused
    made = suite.done("POST", f"/tenants/{tenant.id}/keys", {"name": "second", "consumer": "second"})
    second = made["api_key"]
    assert suite.edge("/api/x", x_api_key=second).status_code == 200
    revoked = suite.admin("DELETE", f"/tenants/{tenant.id}/keys/{made['key']['id']}")
    assert revoked.status_code == 200, revoked.text
    after = suite.edge("/api/x", x_api_key=second)
    assert (after.status_code, after.json()["code"]) == (401, "KEY_INVALID")

    # the records are in this tenant's schema and in no other
    first = eventually(lambda: suite.logs(tenant, request_id="the-first"))[0]
    assert (first["path"], first["status"], first["route"]) == ("/api/v1/things", 200, "api")
    eventually(lambda: [row for row in suite.logs(tenant) if row["code"] == "KEY_INVALID"])
    assert [row for row in suite.logs(tenant) if row["code"] == "RATE_LIMITED"]
    assert suite.logs(neighbour) == []
    assert suite.schemas_holding("the-first") == [schema_name(TenantId(tenant.id))]


def _burst(suite: Suite, key: str) -> list[httpx.Response]:
    return [suite.edge("/api/x", x_api_key=key) for _ in range(6)]


def test_waiting_as_long_as_told_is_enough_and_a_second_less_is_not(suite: Suite, upstream: RecordingUpstream) -> None:
    """Retry-After is in whole seconds; tests/domain/test_limits.py shows the wait before it is rounded up."""
    early, late = eventually(lambda: _early_and_late(suite, upstream), 60)
    assert (early.status_code, early.json()["code"]) == (429, "RATE_LIMITED")
    assert int(early.headers["retry-after"]) == 1
    assert late.status_code == 200


def _early_and_late(suite: Suite, upstream: RecordingUpstream) -> tuple[httpx.Response, httpx.Response] | None:
    """What a caller at its limit is told a second before it is to come back, and then.

    None when the machine was so slow that the window had ended before the early answer: then it proves nothing.
    """
    tenant = suite.register()
    suite.publish(tenant, config(upstream.url, authenticated=f"2/{WINDOW_SECONDS}s"))
    began = time.monotonic()
    admitted = [suite.edge("/api/x", x_api_key=tenant.key).status_code for _ in range(2)]
    refused = suite.edge("/api/x", x_api_key=tenant.key)
    told = time.monotonic()
    if refused.status_code == 200 and told - began >= WINDOW_SECONDS:
        return None
    assert [*admitted, refused.status_code] == [200, 200, 429]
    wait = int(refused.headers["retry-after"])
    assert wait <= WINDOW_SECONDS

    time.sleep(wait - 1)
    early = suite.edge("/api/x", x_api_key=tenant.key)
    answered = time.monotonic()
    time.sleep(max(0.0, told + wait - answered))
    late = suite.edge("/api/x", x_api_key=tenant.key)
    return (early, late) if answered - began < WINDOW_SECONDS else None


def test_each_refusal_is_a_problem_with_its_code(suite: Suite, upstream: RecordingUpstream) -> None:
    tenant = suite.register("refusals.example.com")
    document = config(upstream.url)
    document["services"] += [
        {"name": "dead", "targets": [{"url": f"http://127.0.0.1:{dead_port()}"}]},
        {"name": "slow", "targets": [{"url": upstream.url}], "timeout": {"response": "200ms"}},
    ]
    document["routes"] += [
        {"name": "dead", "prefix": "/dead", "service": "dead"},
        {"name": "slow", "prefix": "/slow", "service": "slow"},
    ]
    suite.publish(tenant, document)
    wrong = tenant.key[:-7] + "A" + tenant.key[-6:]
    host, key = "refusals.example.com", tenant.key
    expected = {
        (401, "TOKEN_MISSING"): suite.edge("/api/x", host=host),
        (401, "KEY_INVALID"): suite.edge("/api/x", host=host, x_api_key=wrong),
        (400, "CREDENTIALS_CONFLICT"): suite.edge("/api/x", x_api_key=key, authorization=f"Bearer {key}"),
        (404, "ROUTE_NOT_FOUND"): suite.edge("/nowhere", x_api_key=key),
        (400, "AMBIGUOUS_PATH"): suite.edge("/api/%2e%2e/x", x_api_key=key),
        (502, "DOWNSTREAM_UNREACHABLE"): suite.edge("/dead", x_api_key=key),
    }
    assert upstream.requests == []
    expected[504, "DOWNSTREAM_TIMEOUT"] = suite.edge("/slow", x_api_key=key)
    for (status, code), answer in expected.items():
        problem = answer.json()
        assert (answer.status_code, problem["code"], problem["error"]) == (status, code, code)
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["x-request-id"] == problem["request_id"]
        assert problem["status"] == status
    assert expected[504, "DOWNSTREAM_TIMEOUT"].json()["stage"] == "response"
    assert "www-authenticate" in expected[401, "TOKEN_MISSING"].headers


def test_the_counts_are_shown_as_metrics(suite: Suite, upstream: RecordingUpstream) -> None:
    tenant = suite.register()
    document = config(upstream.url)
    document["routes"].append({"name": "counted", "prefix": "/counted", "service": "up"})
    suite.publish(tenant, document)
    assert suite.edge("/counted/1234", x_api_key=tenant.key).status_code == 200

    def shown() -> bool:
        text = httpx.get(f"{suite.admin_url}/metrics", headers=suite.operator, trust_env=False).text
        return 'http_requests_total{method="GET",path="/counted",status="200"} 1.0' in text

    eventually(shown)
