"""An authority for tests: issues certificates into files, and makes contexts of clients that trust it."""

import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
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
    """Its own certificate is `pem`."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(f"Test Authority {x509.random_serial_number()}")
        certificate = (
            _begun(self._name, self._key, datetime.now(UTC) - DAY, 10 * DAY)
            .issuer_name(self._name)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .add_extension(_usage(signs=True), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.pem = certificate.public_bytes(Encoding.PEM).decode()

    def written(self, folder: Path) -> Path:
        """The file of its certificate in `folder`."""
        file = folder / "authority.pem"
        file.write_text(self.pem)
        return file

    def issue(
        self,
        folder: Path,
        *names: str,
        file: str = "edge",
        since: timedelta = -DAY,
        life: timedelta = 5 * DAY,
        passphrase: bytes | None = None,
    ) -> CertificateFiles:
        """A certificate for these names or addresses with its key, in `folder`; in place of one that was there
        before."""
        key = ec.generate_private_key(ec.SECP256R1())
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        begun = _begun(_name("edge"), key, datetime.now(UTC) + since, life).issuer_name(self._name)
        if names:
            begun = begun.add_extension(x509.SubjectAlternativeName(list(map(_general, names))), False)
        certificate = begun.add_extension(authority, critical=False).sign(self._key, hashes.SHA256())
        encryption: KeySerializationEncryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
        octets = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
        files = CertificateFiles(folder / f"{file}.crt", folder / f"{file}.key")
        files.certificate.write_bytes(certificate.public_bytes(Encoding.PEM))
        files.key.unlink(missing_ok=True)
        files.key.touch(mode=0o600)
        files.key.write_bytes(octets)
        return files

    def server(self, folder: Path, *names: str) -> ssl.SSLContext:
        """The context of a server that proves these names or addresses; leaves its files in `folder`."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        files = self.issue(folder, *names)
        context.load_cert_chain(files.certificate, files.key)
        return context

    def client(self, protocols: Sequence[str] = ("http/1.1",)) -> ssl.SSLContext:
        """The context of a client that trusts this authority alone."""
        context = ssl.create_default_context(cadata=self.pem)
        context.set_alpn_protocols(protocols)
        return context


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


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
