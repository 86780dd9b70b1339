"""Bundles of certificate authorities as config documents carry them, in PEM."""

from typing import Final

from cryptography import x509

MAX_BUNDLE: Final = 64 * 1024
"""Characters of a bundle: some thirty certificates."""


def read_authorities(pem: str) -> tuple[x509.Certificate, ...]:
    """The certificates of a bundle; ValueError when it has none, or something else."""
    if len(pem) > MAX_BUNDLE or not pem.isascii():
        raise ValueError(f"must be at most {MAX_BUNDLE} characters of ASCII")
    try:
        return tuple(x509.load_pem_x509_certificates(pem.encode("ascii")))
    except ValueError as error:
        raise ValueError("must be certificates in PEM") from error
