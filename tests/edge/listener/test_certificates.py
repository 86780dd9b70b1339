"""Which certificates and keys are taken, and what is said of the others."""

import base64
import stat
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.listener.certificates import FILE_BYTES, CertificateError, CertificateFiles, load_certificate
from tests.support.authority import DAY, Authority


def test_a_certificate_says_what_it_is_for_and_how_long(authority: Authority, tmp_path: Path) -> None:
    certificate = load_certificate(authority.issue(tmp_path, "Edge.Test", "*.edge.test", life=3 * DAY))
    assert certificate.names == ("edge.test", "*.edge.test")
    now = datetime.now(UTC)
    assert [certificate.valid_at(now + each) for each in (-2 * DAY, timedelta(), 4 * DAY)] == [False, True, False]


def test_a_certificate_without_names_can_be_the_first_one(authority: Authority, tmp_path: Path) -> None:
    assert load_certificate(authority.issue(tmp_path)).names == ()


def test_a_chain_may_stand_behind_it(authority: Authority, tmp_path: Path) -> None:
    files = authority.issue(tmp_path, "edge.test")
    files.certificate.write_bytes(files.certificate.read_bytes() + authority.pem.encode())
    assert load_certificate(files).names == ("edge.test",)


def test_an_expired_one_can_be_read(authority: Authority, tmp_path: Path) -> None:
    certificate = load_certificate(authority.issue(tmp_path, "edge.test", since=-9 * DAY, life=DAY))
    assert not certificate.valid_at(datetime.now(UTC))


def another_key(files: CertificateFiles) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    files.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def folder_for_certificate(files: CertificateFiles) -> None:
    files.certificate.unlink()
    files.certificate.mkdir()


def wrong_order(files: CertificateFiles) -> None:
    chain = files.certificate.with_name("authority.pem").read_bytes()
    files.certificate.write_bytes(chain + files.certificate.read_bytes())


SPOILT: dict[str, tuple[Callable[[CertificateFiles], object], str]] = {
    "no certificate": (lambda files: files.certificate.unlink(), "{crt} cannot be read: No such file or directory"),
    "a folder": (folder_for_certificate, "{crt} cannot be read: Is a directory"),
    "an empty certificate": (
        lambda files: files.certificate.write_bytes(b""),
        "{crt} does not hold a certificate in PEM",
    ),
    "a certificate cut short": (
        lambda files: files.certificate.write_bytes(files.certificate.read_bytes()[:200]),
        "{crt} does not hold a certificate in PEM",
    ),
    "a key for a certificate": (
        lambda files: files.certificate.write_bytes(files.key.read_bytes()),
        "{crt} does not hold a certificate in PEM",
    ),
    "a file without end": (
        lambda files: files.certificate.write_bytes(bytes(FILE_BYTES + 1)),
        f"{{crt}} is larger than {FILE_BYTES} octets",
    ),
    "the authority's certificate first": (
        wrong_order,
        "{key} is not the key of the first certificate in {crt}",
    ),
    "no key": (lambda files: files.key.unlink(), "{key} cannot be read: No such file or directory"),
    "a key for all to read": (
        lambda files: files.key.chmod(0o644),
        "{key} is open to others than its owner: chmod 600",
    ),
    "a key for the group to read": (
        lambda files: files.key.chmod(0o640),
        "{key} is open to others than its owner: chmod 600",
    ),
    "an empty key": (lambda files: files.key.write_bytes(b""), "{key} does not hold a private key in PEM"),
    "a certificate for a key": (
        lambda files: files.key.write_bytes(files.certificate.read_bytes()),
        "{key} does not hold a private key in PEM",
    ),
    "another key": (another_key, "{key} is not the key of the first certificate in {crt}"),
}


@pytest.mark.parametrize(("spoil", "sentence"), SPOILT.values(), ids=SPOILT.keys())
def test_what_cannot_be_served_is_told_by_the_name_of_its_file(
    authority: Authority, tmp_path: Path, spoil: Callable[[CertificateFiles], object], sentence: str
) -> None:
    files = authority.issue(tmp_path, "edge.test")
    authority.written(tmp_path)
    secret = files.key.read_text().splitlines()[1]
    spoil(files)
    with pytest.raises(CertificateError) as error:
        load_certificate(files)
    assert str(error.value) == sentence.replace("{crt}", str(files.certificate)).replace("{key}", str(files.key))
    assert secret not in str(error.value)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.booleans(), st.integers(0, 600), st.binary(max_size=4))
def test_files_that_are_spoilt_anywhere_are_served_or_refused_and_end_nothing(
    authority: Authority, tmp_path: Path, of_key: bool, at: int, octets: bytes
) -> None:
    files = authority.issue(tmp_path, "edge.test")
    path = files.key if of_key else files.certificate
    text = path.read_bytes()
    der = base64.b64decode(b"".join(text.splitlines()[1:-1]))
    spoilt = der[:at] + octets + der[at + len(octets) :]  # valid PEM around what may be no certificate
    first, *_, last = text.splitlines()
    path.write_bytes(b"\n".join((first, base64.b64encode(spoilt), last, b"")))
    with suppress(CertificateError):
        load_certificate(files)


def test_a_key_with_a_passphrase_is_refused_and_not_asked_for(authority: Authority, tmp_path: Path) -> None:
    files = authority.issue(tmp_path, "edge.test", passphrase=b"secret")
    with pytest.raises(CertificateError, match=r"edge\.key is encrypted: the edge takes keys without a passphrase$"):
        load_certificate(files)


def test_the_files_of_the_tests_are_as_safe_as_an_operators(authority: Authority, tmp_path: Path) -> None:
    assert stat.S_IMODE(authority.issue(tmp_path, "edge.test").key.stat().st_mode) == 0o600
