"""One spelling for each host."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.hosts import host_name


@pytest.mark.parametrize(
    ("authority", "host"),
    [
        (b"API.Acme.com", "api.acme.com"),
        (b"api.acme.com.:8443", "api.acme.com"),
        (b"[2001:DB8::1]:80", "[2001:db8::1]"),
        (b"10.0.0.7", "10.0.0.7"),
        (b"", None),
        (b"a:0", None),
        (b"a:65536", None),
        (b"a b", None),
        (b"user@a", None),
        (b"a" * 256, None),
    ],
)
def test_the_host_of_an_authority(authority: bytes, host: str | None) -> None:
    assert host_name(authority) == host


@given(st.binary(max_size=30) | st.from_regex(rb"[A-Za-z0-9.:\[\]-]{1,30}", fullmatch=True))
def test_a_host_is_its_own_host_and_safe_in_any_line(authority: bytes) -> None:
    host = host_name(authority)
    if host is not None:
        assert host_name(host.encode()) == host == host.lower()
        assert set(host) <= set("abcdefghijklmnopqrstuvwxyz0123456789.-[]:")
