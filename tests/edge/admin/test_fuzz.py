"""Whatever is sent, the answer is a success or a refusal of the catalogue; never a failure of ours."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.admin.access import ROLES, Route
from tests.edge.admin.conftest import World
from tests.edge.admin.fakes import ACME

TENANT = "/admin/v1/tenants/{id}"
NAMES = (
    "slug", "name", "hosts", "parent_id", "subscription", "tier", "status", "valid_until", "read_only", "on", "until",
    "reason", "targets_allow", "consumer", "scopes", "expires_at", "test", "grace_seconds", "version", "comment",
    "role", "tenant_id",
)  # fmt: skip
# Each has broken some service somewhere: surrogates, overflows of time and number, types of another kind.
NASTY: tuple[Any, ...] = (
    "\ud800", "\x00", "", " ", "a" * 5000, "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00",
    "2030-02-30T00:00:00Z", "٢٠٣٠-01-01T00:00:00Z", ACME, "operator", "globex", "../x", 0, -1, 2**63, 2**64, 10**400,
    0.5, float("nan"), float("inf"), True, None, [], {}, [None], ["\ud800"], [[]], {"\ud800": "\ud800"},
)  # fmt: skip
VALUES = tuple(value for value in NASTY if isinstance(value, str))
TEXTS = st.sampled_from(VALUES) | st.text(alphabet=st.characters(exclude_categories=()), max_size=12)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS
VALUE = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES) | TEXTS, inner, max_size=4),
    max_leaves=8,
)
SOUND: dict[Route, dict[str, Any]] = {
    ("POST", "/admin/v1/tenants"): {"slug": "new", "subscription": {"valid_until": "2030-01-01T00:00:00Z"}},
    ("PATCH", TENANT): {"read_only": {"on": True, "until": "2030-01-01T00:00:00Z"}, "hosts": ["a.example"]},
    ("PUT", f"{TENANT}/config"): {"wrong": [1, 2]},
    ("POST", f"{TENANT}/config/rollback"): {"version": 1, "comment": "why"},
    ("POST", f"{TENANT}/keys"): {"name": "k", "scopes": ["a"], "expires_at": "2030-01-01T00:00:00Z"},
    ("POST", f"{TENANT}/keys/{{key_id}}/rotate"): {"grace_seconds": 1},
    ("POST", "/admin/v1/tokens"): {"name": "t", "role": "tenant_viewer", "tenant_id": "acme"},
}
"""A body that each route takes, to start from."""
GARBAGE = st.binary(max_size=60) | st.sampled_from(
    [b"[" * 100_000, b'{"a":' * 50_000, b"1" * 5000, b"", b"\xff", b"NaN", b'{"slug": 1' + b"0" * 5000 + b"}"]
)
CONTENT_TYPE = st.sampled_from(["application/yaml", "text/plain", "", "application/;", "a/b; c"])
ROUTES = sorted(route for route, roles in ROLES.items() if roles is not None)
PART = st.sampled_from([ACME, "globex", "1"]) | st.text(min_size=1, max_size=8).filter(
    lambda text: "/" not in text and text not in (".", "..")
)
QUERY = st.dictionaries(
    st.sampled_from(
        [
            "limit",
            "cursor",
            "since",
            "until",
            "status",
            "path",
            "consumer",
            "dry_run",
            "comment",
            "x",
            "method",
            "host",
            "header",
        ]
    ),
    st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=10) | st.sampled_from(["1", "4xx", "true"]),
    max_size=3,
)
HEADER = st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), max_size=12)
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "Content-Type": CONTENT_TYPE,
        "If-Match": HEADER | st.sampled_from(['"1"', "*"]),
        "Idempotency-Key": HEADER,
        "Accept": HEADER,
        "X-Request-ID": HEADER,
    },
)


@st.composite
def bodies(draw: st.DrawFn, sound: dict[str, Any]) -> bytes:
    """A sound body with a member or two changed or added, or no body worth the name."""
    if draw(st.integers(0, 9)) == 0:
        return draw(GARBAGE)
    names = st.sampled_from(sorted(sound)) | st.sampled_from(NAMES) | TEXTS
    return json.dumps({**sound, **draw(st.dictionaries(names, VALUE, min_size=1, max_size=2))}).encode()


def mutants(sound: Any) -> Iterator[Any]:
    """The body with each of its parts, at every depth, replaced by each nasty value, and with nasty members added."""
    yield from NASTY
    if isinstance(sound, dict):
        for name, value in sound.items():
            yield from ({**sound, name: mutant} for mutant in mutants(value))
        yield from ({**sound, name: value} for name in ("\ud800", "", "a" * 5000, "__class__") for value in (1, None))
    elif isinstance(sound, list):
        yield from ([*sound[:-1], mutant] for mutant in mutants(sound[-1]))


async def assert_unharmed(world: World, method: str, path: str, **options: Any) -> None:
    """Sends the request; what comes back is no failure of ours."""
    answer = await world.ask(method, path, **options)
    assert answer.status_code < 500 or answer.status_code == 501, answer.text
    if answer.status_code >= 400:
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["code"]


@pytest.mark.parametrize(("route", "sound"), SOUND.items(), ids=map(" ".join, SOUND))
async def test_no_nasty_value_in_a_body_makes_the_api_fail(world: World, route: Route, sound: Any) -> None:
    method, path = route
    headers = {"Content-Type": "application/json"}
    await world.ask("POST", "/admin/v1/tenants/acme/keys", json={"name": "key0"})
    for mutant in mutants(sound):
        content = json.dumps(mutant).encode()
        await assert_unharmed(world, method, path.format(id="acme", key_id="key0"), headers=headers, content=content)


@given(data=st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_no_request_makes_the_api_fail(world: World, data: st.DataObject) -> None:
    method, path = data.draw(st.sampled_from([*SOUND, *SOUND, *ROUTES]))
    sound = SOUND.get((method, path), {})
    parts = {"id": "acme", "key_id": "key0", "version": "1", "token_id": "zz"}
    headers = {"Content-Type": "application/json"}
    options: dict[str, Any] = {"content": json.dumps(sound).encode()} if method != "GET" else {}
    match data.draw(st.sampled_from(("body", "query", "headers", "part") if sound else ("query", "headers", "part"))):
        case "body":
            options["content"] = data.draw(bodies(sound))
        case "query":
            options["params"] = data.draw(QUERY)
        case "headers":
            headers |= data.draw(HEADERS)
        case "part":
            parts[data.draw(st.sampled_from(sorted(parts)))] = quoted(data.draw(PART))
    await world.ask("POST", "/admin/v1/tenants/acme/keys", json={"name": "key0"})
    await assert_unharmed(world, method, path.format(**parts), headers=headers, **options)


def quoted(text: str) -> str:
    """The text as one percent-encoded path segment."""
    return "".join(f"%{octet:02X}" for octet in text.encode("utf-8", "surrogatepass"))
