"""Keys and passwords of a local cluster."""

import json
import time
from pathlib import Path

from penstockctl.cluster.secrets import PROCESS_NAMES, open_secrets
from svckit.encryption import Keyring
from svckit.identity import ProcessIdentity, TrustedKeys


def test_everything_is_the_owners_alone(folder: Path) -> None:
    secrets = open_secrets(folder / "secrets")
    secrets.database_password("auth")

    assert {path.stat().st_mode & 0o777 for path in (folder / "secrets").iterdir()} == {0o600}
    assert (folder / "secrets").stat().st_mode & 0o777 == 0o700


def test_a_second_start_changes_nothing(folder: Path) -> None:
    password = open_secrets(folder).database_password("auth")
    before = {path: path.read_bytes() for path in folder.iterdir()}

    assert open_secrets(folder).database_password("auth") == password
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_each_process_is_known_to_the_others_by_its_key(folder: Path) -> None:
    secrets = open_secrets(folder)
    trusted = TrustedKeys.load(secrets.trusted_keys_file)

    for name in PROCESS_NAMES:
        token = ProcessIdentity.load(secrets.identity_file(name)).token("authsvc")
        assert trusted.verify(token, "authsvc", time.time()) == name


def test_a_lost_key_is_replaced_and_what_an_operator_trusts_stays(folder: Path) -> None:
    secrets = open_secrets(folder)
    trusted = json.loads(secrets.trusted_keys_file.read_text())
    secrets.trusted_keys_file.write_text(json.dumps({**trusted, "sidecar": ["a key"]}))
    secrets.identity_file("edge").unlink()

    again = json.loads(open_secrets(folder).trusted_keys_file.read_text())

    assert again["sidecar"] == ["a key"]
    assert len(again["edge"]) == 2
    assert again["authsvc"] == trusted["authsvc"]


def test_the_key_encryption_key_encrypts(folder: Path) -> None:
    keyring = Keyring.load(open_secrets(folder).kek_file)

    assert keyring.decrypt(keyring.encrypt(b"signing key", b"place"), b"place") == b"signing key"
