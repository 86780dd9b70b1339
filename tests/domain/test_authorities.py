"""Which bundles of authorities can be read."""

import pytest

from domain.authorities import MAX_BUNDLE, read_authorities
from tests.support.authority import Authority


def test_a_bundle_has_one_or_more_certificates() -> None:
    one, other = Authority().pem, Authority().pem
    assert len(read_authorities(one)) == 1
    assert len(read_authorities(f"# ours\n{one}\n{other}")) == 2


@pytest.mark.parametrize("pem", ["", "no certificate", "é", "x" * (MAX_BUNDLE + 1), Authority().pem[:200]])
def test_anything_else_is_none(pem: str) -> None:
    with pytest.raises(ValueError, match=r"must be"):
        read_authorities(pem)
