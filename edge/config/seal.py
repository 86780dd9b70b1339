"""Proof that a warm copy was written by this cluster: HMAC-SHA-256 under the cluster key. Pure."""

import hashlib
import hmac
from typing import Final

MAC_BYTES: Final = 32
_MIN_KEY_BYTES: Final = 32


class Seal:
    """Seals bytes under a key that all edges of a cluster share; ValueError for a key below 32 bytes."""

    def __init__(self, cluster_key: bytes) -> None:
        if len(cluster_key) < _MIN_KEY_BYTES:
            raise ValueError(f"the cluster key has less than {_MIN_KEY_BYTES} bytes")
        # A key of its own for this purpose: the cluster key may come to serve others too.
        self._key = hmac.digest(cluster_key, b"penstock warm config v1", hashlib.sha256)

    def mac(self, *parts: bytes) -> bytes:
        """The proof of these parts in this order; where one ends and the next begins counts too."""
        digest = hmac.new(self._key, digestmod=hashlib.sha256)
        for part in parts:
            digest.update(len(part).to_bytes(8))
            digest.update(part)
        return digest.digest()

    def holds(self, mac: bytes, *parts: bytes) -> bool:
        """Whether `mac` proves these parts."""
        return hmac.compare_digest(mac, self.mac(*parts))
