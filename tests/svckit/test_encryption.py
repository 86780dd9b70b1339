"""Secrets at rest: genuine or refused, bound to what they belong to, re-wrapped without being touched."""

import base64
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from svckit.encryption import EncryptionError, Keyring, generate_kek, key_id

OLD = Keyring("k1", {"k1": b"1" * 32})
BOTH = Keyring("k2", {"k1": b"1" * 32, "k2": b"2" * 32})
NEW = Keyring("k2", {"k2": b"2" * 32})


def write_private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)


@given(st.binary(max_size=200), st.binary(max_size=50))
def test_what_is_encrypted_comes_back(plaintext: bytes, associated: bytes) -> None:
    assert OLD.decrypt(OLD.encrypt(plaintext, associated), associated) == plaintext


def test_two_ciphertexts_of_one_secret_differ() -> None:
    assert OLD.encrypt(b"secret", b"") != OLD.encrypt(b"secret", b"")


def test_a_ciphertext_names_its_key() -> None:
    assert key_id(OLD.encrypt(b"secret", b"")) == "k1"


def test_a_ciphertext_opens_only_for_what_it_belongs_to() -> None:
    ciphertext = OLD.encrypt(b"secret", b"tenant a")

    with pytest.raises(EncryptionError, match="not genuine"):
        OLD.decrypt(ciphertext, b"tenant b")


def test_no_byte_can_be_changed_or_cut() -> None:
    ciphertext = OLD.encrypt(b"secret", b"")

    for position in range(len(ciphertext)):
        flipped = bytearray(ciphertext)
        flipped[position] ^= 1
        for forged in (bytes(flipped), ciphertext[:position]):
            with pytest.raises(EncryptionError):
                OLD.decrypt(forged, b"")


def test_the_newest_key_encrypts_and_all_decrypt() -> None:
    old = OLD.encrypt(b"secret", b"")

    assert BOTH.decrypt(old, b"") == b"secret"
    assert key_id(BOTH.encrypt(b"secret", b"")) == "k2"


def test_a_rewrapped_secret_no_longer_needs_the_old_key() -> None:
    old = OLD.encrypt(b"secret", b"x")

    rewrapped = BOTH.rewrap(old, b"x")

    assert NEW.decrypt(rewrapped, b"x") == b"secret"
    assert rewrapped[-22:] == old[-22:]  # the payload and its tag are as they were
    assert BOTH.rewrap(rewrapped, b"x") == rewrapped


def test_a_missing_key_is_named() -> None:
    with pytest.raises(EncryptionError, match="'k1'"):
        NEW.decrypt(OLD.encrypt(b"secret", b""), b"")


def test_a_keyring_does_not_show_its_keys() -> None:
    assert "1111" not in repr(OLD)


def test_a_generated_file_is_private_and_loads(tmp_path: Path) -> None:
    generate_kek(tmp_path / "kek")

    keyring = Keyring.load(tmp_path / "kek")

    assert stat.S_IMODE((tmp_path / "kek").stat().st_mode) == 0o600
    assert (keyring.newest, len(keyring.keks["k1"])) == ("k1", 32)
    with pytest.raises(FileExistsError):
        generate_kek(tmp_path / "kek")


def test_the_last_line_is_the_newest_key(tmp_path: Path) -> None:
    lines = [f"{name} {base64.b64encode(name.encode() * 16).decode()}\n" for name in ("k1", "k2")]
    write_private(tmp_path / "kek", "".join(lines))

    assert Keyring.load(tmp_path / "kek") == Keyring("k2", {"k1": b"k1" * 16, "k2": b"k2" * 16})


@pytest.mark.parametrize("text", ["", "k1\n", "k1 AAAA\n", " AAAA\n", f"k1 {'A' * 43}=\n" * 2, "k1 é\n"])
def test_a_file_that_is_not_lines_of_new_ids_and_keys_is_refused(tmp_path: Path, text: str) -> None:
    write_private(tmp_path / "kek", text)

    with pytest.raises(EncryptionError, match=r"line \d is not a new id|has no key|is not text"):
        Keyring.load(tmp_path / "kek")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EncryptionError, match="cannot be read"):
        Keyring.load(tmp_path / "nothing")
