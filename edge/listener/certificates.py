"""Certificates with their keys, read from files. What cannot be used is refused with a sentence that names the file;
a key, or a part of it, is never in one."""

import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from edge.listener.server_names import normal_name
from edge.listener.tls import server_context
from svckit.secret_files import SecretFileError, read_secret

FILE_BYTES: Final = 1024 * 1024
"""Of a file with a chain of certificates."""


class CertificateError(Exception):
    """A certificate or its key cannot be used; the text names the file and says why."""


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """Where a certificate is, its chain behind it, and where its key is; both in PEM."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate that can be served: the `names` it is for, when it is valid, and the `context` that has its key."""

    files: CertificateFiles
    names: tuple[str, ...]
    serial: int
    not_before: datetime
    not_after: datetime
    context: ssl.SSLContext = field(repr=False)

    def valid_at(self, now: datetime) -> bool:
        """Whether clients will take it."""
        return self.not_before <= now <= self.not_after


def load_certificate(files: CertificateFiles) -> Certificate:
    """Reads a certificate and its key; CertificateError when they cannot be served. Whether it is valid now is another
    question."""
    leaf = _leaf(files.certificate)
    try:
        key = load_pem_private_key(read_secret(files.key), password=None)
    except SecretFileError as error:
        raise CertificateError(str(error)) from None
    except TypeError:
        raise CertificateError(f"{files.key} is encrypted: the edge takes keys without a passphrase") from None
    except (ValueError, UnsupportedAlgorithm):
        raise CertificateError(f"{files.key} does not hold a private key in PEM") from None
    if key.public_key() != leaf.public_key():
        raise CertificateError(f"{files.key} is not the key of the first certificate in {files.certificate}")
    context = server_context()
    try:
        context.load_cert_chain(files.certificate, files.key, password=_no_passphrase)
    except (OSError, ValueError) as error:  # SSLError is an OSError
        reason = getattr(error, "reason", None) or "other content than a moment ago"
        raise CertificateError(f"{files.certificate} cannot be served: {reason.lower().replace('_', ' ')}") from None
    return Certificate(
        files,
        tuple(_names(leaf)),
        leaf.serial_number,
        leaf.not_valid_before_utc,
        leaf.not_valid_after_utc,
        context,
    )


def _leaf(path: Path) -> x509.Certificate:
    try:
        with path.open("rb") as file:
            octets = file.read(FILE_BYTES + 1)
    except OSError as error:
        raise CertificateError(f"{path} cannot be read: {error.strerror}") from None
    if len(octets) > FILE_BYTES:
        raise CertificateError(f"{path} is larger than {FILE_BYTES} octets")
    try:
        leaf = x509.load_pem_x509_certificates(octets)[0]
        tuple(_names(leaf))  # what a certificate is for is only read when it is asked for
        leaf.public_key()
    except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        raise CertificateError(f"{path} does not hold a certificate in PEM") from None
    return leaf


def _names(leaf: x509.Certificate) -> Iterator[str]:
    """The host names that it is for, as clients see it: a common name does not count (RFC 9525 §2)."""
    try:
        found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return
    yield from map(normal_name, found.value.get_values_for_type(x509.DNSName))


def _no_passphrase() -> str:
    """In place of a question on the terminal: a key that became encrypted a moment ago."""
    raise ValueError
