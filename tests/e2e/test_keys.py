"""API keys as an operator and a client know them: the command, and what the edge says to keys that prove nobody."""

import json
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx
import pytest

from domain import api_keys
from tests.e2e.suite import Suite, Tenant, config, eventually
from tests.e2e.upstream import RecordingUpstream

RANDOM: Final = b"\x07" * 32
ELSEWHERE: Final = "sk-of-another-gateway-"


def penstock(suite: Suite, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    """Runs `penstock keys` as the operator."""
    command = (str(Path(sys.executable).parent / "penstock"), "keys", *arguments)
    environment = {
        **os.environ,
        "PENSTOCK_ADMIN_URL": suite.admin_url,
        "PENSTOCK_ADMIN_TOKEN_FILE": str(suite.data_dir / "admin.token"),
    }
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, input=given, env=environment
    )


def status(suite: Suite, tenant: Tenant, key: str) -> int:
    """What the edge answers to a request with the key."""
    return suite.edge("/api/x", host=tenant.hosts[0], x_api_key=key).status_code


def serving(suite: Suite, upstream: RecordingUpstream) -> Tenant:
    """A tenant that takes keys of its own and imported ones, and whose failures are not counted."""
    tenant = suite.register(f"{uuid4().hex}.keys.test")
    suite.publish(tenant, {**config(upstream.url, failed_authentication="unlimited"), "imported_keys": True})
    return tenant


def key_id(key: str) -> str:
    return key[17:25]


def test_the_command_leads_a_key_through_its_life(suite: Suite, upstream: RecordingUpstream) -> None:
    tenant = serving(suite, upstream)
    made = penstock(suite, "create", tenant.slug, "till", "--consumer", "shop", "--label", "team=till")
    key = made.stdout.strip()
    assert key not in made.stderr
    assert status(suite, tenant, key) == 200

    disabled = penstock(suite, "disable", tenant.slug, key_id(key))
    assert (disabled.returncode, status(suite, tenant, key)) == (0, 401)
    assert "is disabled, in force at every edge since" in disabled.stdout
    assert penstock(suite, "enable", tenant.slug, key_id(key)).returncode == 0
    eventually(lambda: status(suite, tenant, key) == 200)

    rotated = penstock(suite, "rotate", tenant.slug, key_id(key), "--grace-seconds", "3600").stdout.strip()
    assert [status(suite, tenant, each) for each in (key, rotated)] == [200, 200]
    assert penstock(suite, "revoke", tenant.slug, key_id(key)).returncode == 0
    assert [status(suite, tenant, each) for each in (key, rotated)] == [401, 200]

    listed = json.loads(penstock(suite, "list", tenant.slug, "--label", "team=till", "--json").stdout)
    assert {each["id"]: each["state"] for each in listed} == {key_id(key): "revoked", key_id(rotated): "active"}
    table = penstock(suite, "list", tenant.slug, "--consumer", "shop").stdout
    assert [line.split()[0] for line in table.splitlines()] == ["id", key_id(rotated), key_id(key)]
    assert_unseen(suite, key, rotated)


def test_keys_of_another_gateway_go_on_after_their_import(suite: Suite, upstream: RecordingUpstream) -> None:
    tenant = serving(suite, upstream)
    keys = [f"{ELSEWHERE}{uuid4()}" for _ in range(101)]
    assert status(suite, tenant, keys[0]) == 401
    lines = [json.dumps({"sha256": sha256(key.encode()).hexdigest(), "name": "old"}) + "\n" for key in keys]
    for told in ("101 keys were imported, 0 were there already.\n", "0 keys were imported, 101 were there already.\n"):
        assert penstock(suite, "import", tenant.slug, "-", given="".join(lines)).stdout == told
    # What the edge remembered of a refusal is over.
    eventually(lambda: status(suite, tenant, keys[0]) == 200)
    assert status(suite, tenant, keys[100]) == 200
    bearer = {"authorization": f"Bearer {keys[0]}", "host": tenant.hosts[0]}
    assert suite.edge("/api/x", **bearer).status_code == 401
    assert not any(key in str(sent) for sent in upstream.requests for key in keys)
    assert_unseen(suite, *keys, *(sha256(key.encode()).hexdigest() for key in keys))


@pytest.fixture
def refused(suite: Suite, upstream: RecordingUpstream) -> tuple[Tenant, dict[str, str]]:
    """A tenant, and keys that prove nobody there."""
    tenant, other = serving(suite, upstream), serving(suite, upstream)
    short_id, path = tenant.key[9:17], f"/tenants/{tenant.slug}/keys"
    made = {name: suite.done("POST", path, {"name": name})["api_key"] for name in ("revoked", "disabled", "expired")}
    suite.done("DELETE", f"{path}/{key_id(made['revoked'])}")
    suite.done("POST", f"{path}/{key_id(made['disabled'])}/disable")
    suite.done("POST", f"{path}/{key_id(made['expired'])}/rotate")
    old = f"{ELSEWHERE}{uuid4()}"
    taken = suite.done("POST", f"{path}/import", {"keys": [{"sha256": sha256(old.encode()).hexdigest(), "name": "o"}]})
    suite.done("DELETE", f"{path}/{taken['items'][0]['id']}")

    def composed(short: str, identifier: str, *, live: bool = True) -> str:
        return api_keys.compose(live, short, identifier, RANDOM).value.decode()

    return tenant, {
        "unknown": composed(short_id, "AbsentId"),
        "of an unknown tenant": composed("AbsentId", "AbsentId"),
        "wrong secret": composed(short_id, key_id(tenant.key)),
        "wrong kind": composed(short_id, key_id(tenant.key), live=False),
        "of another tenant": other.key,
        "of another tenant, in this one's name": composed(short_id, key_id(other.key)),
        "malformed": tenant.key[:-1] + ("0" if tenant.key[-1] != "0" else "1"),
        "imported by nobody": f"{ELSEWHERE}{uuid4()}",
        "imported and revoked": old,
        **made,
    }


@pytest.mark.parametrize("path", ["/api/x", "/maybe/x"])
def test_keys_that_prove_nobody_get_the_same_answer_to_the_octet(
    suite: Suite, refused: tuple[Tenant, dict[str, str]], path: str
) -> None:
    tenant, keys = refused
    for _ in range(2):  # as it is found out, and as it is remembered
        answers = {name: shown(suite.edge(path, host=tenant.hosts[0], x_api_key=key)) for name, key in keys.items()}
        assert answers == dict.fromkeys(keys, answers["unknown"])
    assert answers["unknown"][0] == 401
    assert status(suite, tenant, tenant.key) == 200
    assert_unseen(suite, *keys.values())


def shown(answer: httpx.Response) -> tuple[int, list[tuple[bytes, bytes]], dict[str, Any]]:
    """All that a client sees of an answer, but for the request's own id and the second."""
    body = answer.json()
    own = body.pop("request_id").encode()
    fields = [(name, value) for name, value in answer.headers.raw if name.lower() not in (b"x-request-id", b"date")]
    assert own == answer.headers["x-request-id"].encode()
    return answer.status_code, fields, body


def assert_unseen(suite: Suite, *secrets: str) -> None:
    """No log line of any process holds one of these: of our keys the secret part counts."""
    log = suite.log.read_text()
    found = [secret for secret in secrets if (secret.split("_")[-2] if "_" in secret else secret) in log]
    assert not found


def test_what_cannot_be_done_is_one_sentence(suite: Suite, upstream: RecordingUpstream) -> None:
    tenant = serving(suite, upstream)
    elsewhere = ("--admin", "nonsense")
    for arguments, said in (
        (("revoke", tenant.slug, "AbsentId"), "(404): NOT_FOUND: The key does not exist."),
        (("enable", "no-such-tenant", "AbsentId"), "(404): NOT_FOUND: The resource does not exist."),
        (("create", tenant.slug, "till", "--scope", "a b"), "scopes[0]"),
        (("create", tenant.slug, "till", "--label", "team"), "A label is NAME=VALUE."),
        (("import", tenant.slug, str(suite.data_dir / "admin.token")), "Line 1 is not a JSON object."),
        (("list", tenant.slug, *elsewhere), "did not answer"),
        (("list", tenant.slug, "--token-file", str(suite.log)), "There is no admin token in"),
    ):
        refused = penstock(suite, *arguments)
        assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (1, "", 1), arguments
        assert said in refused.stderr
