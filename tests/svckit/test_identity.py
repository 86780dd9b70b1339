"""Process tokens: good for one audience and a minute, and worth nothing once anything of them is changed."""

import base64
import json
import stat
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from svckit.identity import IdentityError, ProcessIdentity, TrustedKeys, generate_identity

NOW = 1_800_000_000.0
KEY = Ed25519PrivateKey.generate()
EDGE = ProcessIdentity("edge", KEY, clock=lambda: NOW)
TRUSTED = TrustedKeys.parse({"edge": [EDGE.public_key], "admin": []})


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(claims: dict[str, object], key: Ed25519PrivateKey = KEY) -> str:
    """A token with any claims, signed as the module signs."""
    payload = orjson.dumps(claims)
    return f"v1.{encode(payload)}.{encode(key.sign(b'penstock process token v1' + bytes(1) + payload))}"


CLAIMS = {"iss": "edge", "aud": "authsvc", "iat": int(NOW), "exp": int(NOW) + 60}


def test_a_token_names_its_process_to_its_audience() -> None:
    assert TRUSTED.verify(EDGE.token("authsvc"), "authsvc", NOW) == "edge"


def test_the_tests_own_signer_makes_good_tokens() -> None:
    assert TRUSTED.verify(signed(dict(CLAIMS)), "authsvc", NOW) == "edge"


def changed(part: int, change: Callable[[str], str]) -> str:
    parts = EDGE.token("authsvc").split(".")
    parts[part] = change(parts[part])
    return ".".join(parts)


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("", id="nothing"),
        pytest.param("v1.e30", id="two parts"),
        pytest.param(changed(0, lambda _: "v2"), id="another version"),
        pytest.param(changed(1, lambda text: encode(orjson.dumps({**CLAIMS, "iss": "admin"}))), id="payload"),
        pytest.param(changed(2, lambda text: encode(bytes(64))), id="zero signature"),
        pytest.param(changed(2, lambda text: ("A" if text[0] != "A" else "B") + text[1:]), id="one bit"),
        pytest.param(changed(2, lambda text: text + "="), id="padding"),
        pytest.param(changed(2, lambda text: "é" + text), id="not base64"),
        pytest.param(changed(1, lambda text: "A" * 2000), id="too long"),
        pytest.param(signed({**CLAIMS, "iss": "admin"}), id="name of another process"),
        pytest.param(signed({**CLAIMS, "iss": "nobody"}), id="unknown name"),
        pytest.param(signed(dict(CLAIMS), Ed25519PrivateKey.generate()), id="strange key"),
        pytest.param(signed({**CLAIMS, "aud": "configsvc"}), id="another audience"),
        pytest.param(signed({**CLAIMS, "exp": int(NOW) + 61}), id="lives too long"),
        pytest.param(signed({**CLAIMS, "iat": int(NOW) + 6, "exp": int(NOW) + 60}), id="from the future"),
        pytest.param(signed({**CLAIMS, "iat": int(NOW) - 65, "exp": int(NOW) - 5}), id="expired"),
        pytest.param(signed({**CLAIMS, "extra": 1}), id="more claims"),
        pytest.param(signed({**CLAIMS, "exp": float(NOW) + 60}), id="fractional time"),
        pytest.param(signed({**CLAIMS, "aud": ["authsvc"]}), id="list of audiences"),
        pytest.param(f"v1.{encode(b'[]')}.{encode(bytes(64))}", id="payload is no object"),
        pytest.param(f"v1.{encode(b'{')}.{encode(bytes(64))}", id="payload is no JSON"),
    ],
)
def test_a_token_is_refused_when_it_is(token: str) -> None:
    with pytest.raises(IdentityError):
        TRUSTED.verify(token, "authsvc", NOW)


def test_a_signature_of_the_bare_payload_is_no_token() -> None:
    payload = orjson.dumps(CLAIMS)

    with pytest.raises(IdentityError):
        TRUSTED.verify(f"v1.{encode(payload)}.{encode(KEY.sign(payload))}", "authsvc", NOW)


def test_clocks_may_differ_by_five_seconds() -> None:
    token = EDGE.token("authsvc")

    assert TRUSTED.verify(token, "authsvc", NOW - 5) == "edge"
    assert TRUSTED.verify(token, "authsvc", NOW + 64.9) == "edge"


def test_a_token_is_kept_for_45_seconds_per_audience() -> None:
    now = NOW
    identity = ProcessIdentity("edge", KEY, clock=lambda: now)
    first, other = identity.token("authsvc"), identity.token("configsvc")
    now += 44.9
    assert (identity.token("authsvc"), identity.token("configsvc")) == (first, other)
    now += 0.1
    assert identity.token("authsvc") != first


def test_both_keys_are_good_while_one_replaces_the_other() -> None:
    old, new = (ProcessIdentity("edge", Ed25519PrivateKey.generate(), lambda: NOW) for _ in range(2))
    trusted = TrustedKeys.parse({"edge": [old.public_key, new.public_key]})

    assert trusted.verify(old.token("x"), "x", NOW) == trusted.verify(new.token("x"), "x", NOW) == "edge"


def test_a_generated_identity_is_private_and_trusted_by_its_public_key(tmp_path: Path) -> None:
    file = tmp_path / "edge.key"
    public_key = generate_identity(file, "edge")
    (tmp_path / "trusted.json").write_text(json.dumps({"edge": [public_key]}))

    identity = ProcessIdentity.load(file)

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert (identity.name, identity.public_key) == ("edge", public_key)
    token = ProcessIdentity("edge", identity._key, clock=lambda: NOW).token("authsvc")
    assert TrustedKeys.load(tmp_path / "trusted.json").verify(token, "authsvc", NOW) == "edge"


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    generate_identity(tmp_path / "edge.key", "edge")

    with pytest.raises(FileExistsError):
        generate_identity(tmp_path / "edge.key", "edge")


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    generate_identity(tmp_path / "edge.key", "edge")
    (tmp_path / "edge.key").chmod(0o644)

    with pytest.raises(IdentityError, match="open to others"):
        ProcessIdentity.load(tmp_path / "edge.key")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"name": "edge", "private_key": "AAAA"}'])
def test_a_file_that_is_no_identity_is_refused_by_name(tmp_path: Path, text: str) -> None:
    file = tmp_path / "edge.key"
    file.write_text(text)
    file.chmod(0o600)

    with pytest.raises(IdentityError, match=r"edge\.key"):
        ProcessIdentity.load(file)


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(IdentityError, match=r"nothing\.json cannot be read: No such file"):
        TrustedKeys.load(tmp_path / "nothing.json")


@pytest.mark.parametrize("document", ['{"edge": "key"}', '{"edge": [1]}', '{"edge": ["AAAA"]}'])
def test_trusted_keys_must_be_lists_of_keys(tmp_path: Path, document: str) -> None:
    file = tmp_path / "trusted.json"
    file.write_text(document)

    with pytest.raises(IdentityError, match="does not map names"):
        TrustedKeys.load(file)
