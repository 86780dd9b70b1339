"""An authority for tests: issues certificates into files, and makes contexts of clients that trust it."""

import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)

from edge.listener.certificates import CertificateFiles

DAY = timedelta(days=1)


class Authority:
    """Its own certificate is in `file`."""

    def __init__(self, folder: Path) -> None:
        self._key, self._name = ec.generate_private_key(ec.SECP256R1()), _name("Test Authority")
        certificate = (
            _begun(self._name, self._key, datetime.now(UTC) - DAY, 10 * DAY)
            .issuer_name(self._name)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .add_extension(_usage(signs=True), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.file = folder / "authority.pem"
        self.file.write_bytes(certificate.public_bytes(Encoding.PEM))

    def issue(
        self,
        folder: Path,
        *names: str,
        file: str = "edge",
        since: timedelta = -DAY,
        life: timedelta = 5 * DAY,
        passphrase: bytes | None = None,
    ) -> CertificateFiles:
        """A certificate for these names with its key, in `folder`; in place of one that was there before."""
        key = ec.generate_private_key(ec.SECP256R1())
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        begun = _begun(_name("edge"), key, datetime.now(UTC) + since, life).issuer_name(self._name)
        if names:
            begun = begun.add_extension(x509.SubjectAlternativeName([x509.DNSName(each) for each in names]), False)
        certificate = begun.add_extension(authority, critical=False).sign(self._key, hashes.SHA256())
        encryption: KeySerializationEncryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
        octets = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
        files = CertificateFiles(folder / f"{file}.crt", folder / f"{file}.key")
        files.certificate.write_bytes(certificate.public_bytes(Encoding.PEM))
        files.key.unlink(missing_ok=True)
        files.key.touch(mode=0o600)
        files.key.write_bytes(octets)
        return files

    def client(self, protocols: Sequence[str] = ("http/1.1",)) -> ssl.SSLContext:
        """The context of a client that trusts this authority alone."""
        context = ssl.create_default_context(cafile=self.file)
        context.set_alpn_protocols(protocols)
        return context


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common)])


def _begun(
    subject: x509.Name, key: EllipticCurvePrivateKey, since: datetime, life: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(since + life)
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )
