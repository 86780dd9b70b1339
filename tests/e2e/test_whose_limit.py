"""Whose counter a request is counted on, through the whole suite."""

import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx

from domain import api_keys
from tests.e2e.suite import Suite, Tenant, config, eventually
from tests.e2e.upstream import RecordingUpstream

LIMIT = 1000
BUDGET = 5


def limited(suite: Suite, upstream: RecordingUpstream) -> Tenant:
    """A tenant whose callers may ask so often that nobody is refused: what remains tells who shares a counter."""
    tenant = suite.register()
    suite.publish(tenant, config(upstream.url, authenticated=f"{LIMIT}/10min"))
    return tenant


def consumer(suite: Suite, tenant: Tenant, name: str) -> tuple[str, str]:
    """A consumer's first key: its id, and the key itself."""
    made = suite.done("POST", f"/tenants/{tenant.id}/keys", {"name": name, "consumer": name})
    return made["key"]["id"], made["api_key"]


def used(suite: Suite, key: str, address: str = "127.0.0.1") -> int:
    """How many requests have been counted with one more."""
    with httpx.Client(transport=httpx.HTTPTransport(local_address=address)) as client:
        answer = client.get(f"{suite.edge_url}/api/x", headers={"X-API-Key": key}, timeout=30)
    assert answer.status_code == 200, answer.text
    return LIMIT - int(answer.headers["ratelimit"].partition(";r=")[2].partition(";")[0])


def counted(trial: Callable[[int], list[int]], expected: list[int]) -> None:
    """Has a trial count as expected. It is repeated with others: a loaded machine may count a request in its worker."""
    numbers = iter(range(1_000))
    eventually(lambda: trial(next(numbers)) == expected)


def test_both_keys_of_a_consumer_that_rotates_share_its_limit(suite: Suite, upstream: RecordingUpstream) -> None:
    tenant = limited(suite, upstream)

    def trial(number: int) -> list[int]:
        key_id, old = consumer(suite, tenant, f"robot-{number}")
        first = used(suite, old)
        rotated = suite.done("POST", f"/tenants/{tenant.id}/keys/{key_id}/rotate", {"grace_seconds": 600})
        return [first, used(suite, rotated["api_key"]), used(suite, old), used(suite, rotated["api_key"])]

    counted(trial, [1, 2, 3, 4])


def test_a_consumer_has_one_limit_wherever_it_calls_from_and_another_has_its_own(
    suite: Suite, upstream: RecordingUpstream
) -> None:
    tenant = limited(suite, upstream)

    def trial(number: int) -> list[int]:
        _, key = consumer(suite, tenant, f"here-{number}")
        _, other = consumer(suite, tenant, f"there-{number}")
        return [used(suite, key), used(suite, key, "127.0.0.2"), used(suite, key, "127.0.0.3"), used(suite, other)]

    counted(trial, [1, 2, 3, 1])


def test_a_flood_of_wrong_keys_is_looked_up_as_far_as_its_address_may(
    suite: Suite, upstream: RecordingUpstream
) -> None:
    def trial(_number: int) -> list[int]:
        tenant = suite.register()
        document = config(upstream.url)
        document["limits"]["failed_authentication"] = f"{BUDGET}/10min"
        suite.publish(tenant, document)
        _, stranger = consumer(suite, tenant, "stranger")
        assert status(suite, tenant.key) == 200
        with ThreadPoolExecutor(16) as threads:
            flood = list(threads.map(lambda _: status(suite, wrong(tenant)), range(40)))
        assert status(suite, tenant.key) == 200  # is remembered as good
        refused = status(suite, stranger)
        assert status(suite, stranger, "127.0.0.2") == 200
        return [flood.count(401), flood.count(429), refused]

    counted(trial, [BUDGET, 40 - BUDGET, 429])


def status(suite: Suite, key: str, address: str = "127.0.0.1") -> int:
    with httpx.Client(transport=httpx.HTTPTransport(local_address=address)) as client:
        return client.get(f"{suite.edge_url}/api/x", headers={"X-API-Key": key}, timeout=30).status_code


def wrong(tenant: Tenant) -> str:
    """A key of the tenant that nobody was given."""
    key_id = api_keys.new_id(secrets.token_bytes(api_keys.ID_RANDOM_BYTES))
    key = api_keys.compose(True, tenant.key[9:17], key_id, secrets.token_bytes(api_keys.SECRET_RANDOM_BYTES))
    return key.value.decode()
