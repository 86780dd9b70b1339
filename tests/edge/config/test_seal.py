"""Warm copies are ours or nobody's."""

import pytest

from edge.config.seal import Seal

KEY = b"k" * 32


def test_a_seal_holds_for_its_own_parts_and_key_only() -> None:
    mac = Seal(KEY).mac(b"scope", b"body")
    assert Seal(KEY).holds(mac, b"scope", b"body")
    assert not Seal(b"x" * 32).holds(mac, b"scope", b"body")
    assert not Seal(KEY).holds(mac, b"scopeb", b"ody")
    assert not Seal(KEY).holds(mac, b"scope")
    assert not Seal(KEY).holds(b"", b"scope", b"body")


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Seal(b"k" * 31)
