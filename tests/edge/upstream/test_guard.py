"""Which addresses a tenant's targets may have."""

import pytest

from edge.upstream.guard import AddressGuard

PRIVATE = [
    "127.0.0.1",
    "10.1.2.3",
    "192.168.0.1",
    "169.254.169.254",
    "::1",
    "fe80::1%eth0",
    "fd00::1",
    "fec0::1",
    "::ffff:127.0.0.1",
    "::127.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::1",
    "2002:a9fe:a9fe::1",
    "2001:0:53aa:64c:0:0:80ff:fffe",  # Teredo of 127.0.0.1, which stands there inverted
]


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_for_trusted_tenants(address: str) -> None:
    guard = AddressGuard()
    assert not guard.permits(address, 80, trusted=False)
    assert guard.permits(address, 80, trusted=True)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "127.9.9.9", "0.0.0.0"])
def test_our_own_ports_are_for_nobody(address: str) -> None:
    assert not AddressGuard(own_ports=frozenset({8001})).permits(address, 8001, trusted=True)


@pytest.mark.parametrize("address", ["224.0.0.1", "0.0.0.0", "::"])
def test_addresses_that_name_no_host_are_for_nobody(address: str) -> None:
    assert not AddressGuard(private_allowed=True).permits(address, 80, trusted=True)


def test_public_addresses_are_for_everyone() -> None:
    for address in ("93.184.216.34", "2606:2800:220:1::1", "64:ff9b::93.184.216.34", "2002:5db8:d822::1"):
        assert AddressGuard().permits(address, 443, trusted=False)


def test_a_local_cluster_may_allow_private_addresses_to_all() -> None:
    assert AddressGuard(private_allowed=True).permits("127.0.0.1", 9001, trusted=False)
