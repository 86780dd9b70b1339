"""Keys and passwords of a local cluster."""

import json
import time
from pathlib import Path

import pytest

from penstockctl.cluster.secrets import PROCESS_NAMES, open_secrets
from penstockctl.faults import OperatorError
from svckit.encryption import Keyring
from svckit.identity import ProcessIdentity, TrustedKeys, generate_identity


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
    sidecar = [generate_identity(folder / "sidecar", "sidecar")]
    secrets.trusted_keys_file.write_text(json.dumps({**trusted, "sidecar": sidecar}))
    secrets.identity_file("edge").unlink()

    again = json.loads(open_secrets(folder).trusted_keys_file.read_text())

    assert again["sidecar"] == sidecar
    assert len(again["edge"]) == 2
    assert again["authsvc"] == trusted["authsvc"]


def test_the_key_encryption_key_encrypts(folder: Path) -> None:
    keyring = Keyring.load(open_secrets(folder).kek_file)

    assert keyring.decrypt(keyring.encrypt(b"signing key", b"place"), b"place") == b"signing key"


@pytest.mark.parametrize("name", ["edge.identity", "trusted-keys.json", "kek", "cluster.key", "auth.database-password"])
def test_a_file_that_is_empty_is_one_sentence_that_names_it(folder: Path, name: str) -> None:
    open_secrets(folder).database_password("auth")
    (folder / name).write_text("")

    with pytest.raises(OperatorError, match=r"^[^\n]*restore it from a backup[^\n]*$") as refused:
        open_secrets(folder).database_password("auth")
    assert str(folder / name) in str(refused.value)


def test_a_key_that_others_may_read_is_one_sentence_that_says_what_to_do(folder: Path) -> None:
    path = open_secrets(folder).identity_file("edge")
    path.chmod(0o644)

    with pytest.raises(OperatorError, match=rf"{path} is open to others than its owner: chmod 600\.$"):
        open_secrets(folder)
