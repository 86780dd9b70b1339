"""A file with a secret is its owner's alone, or it is not taken."""

from pathlib import Path

import pytest

from svckit.encryption import EncryptionError, Keyring, generate_kek
from svckit.identity import IdentityError, ProcessIdentity, generate_identity
from svckit.secret_files import SecretFileError, read_secret


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700], ids=oct)
def test_the_owners_file_is_read(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "secret"
    file.write_bytes(b"hush")
    file.chmod(mode)

    assert read_secret(file) == b"hush"


@pytest.mark.parametrize("mode", [0o640, 0o620, 0o610, 0o604, 0o602, 0o601, 0o777], ids=oct)
def test_a_file_that_others_have_any_right_to_is_refused_in_a_sentence(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "secret"
    file.write_bytes(b"hush")
    file.chmod(mode)

    with pytest.raises(SecretFileError) as refused:
        read_secret(file)
    assert str(refused.value) == f"{file} is open to others than its owner: chmod 600"


def test_a_file_that_cannot_be_read_is_told_with_the_systems_reason(tmp_path: Path) -> None:
    with pytest.raises(SecretFileError, match=r"nothing cannot be read: No such file"):
        read_secret(tmp_path / "nothing")
    with pytest.raises(SecretFileError, match="cannot be read: Is a directory"):
        read_secret(tmp_path)


def test_process_keys_and_key_encryption_keys_are_read_so(tmp_path: Path) -> None:
    generate_identity(tmp_path / "edge.key", "edge")
    generate_kek(tmp_path / "kek")
    for file in tmp_path.iterdir():
        file.chmod(0o640)

    with pytest.raises(IdentityError, match="chmod 600"):
        ProcessIdentity.load(tmp_path / "edge.key")
    with pytest.raises(EncryptionError, match="chmod 600"):
        Keyring.load(tmp_path / "kek")
