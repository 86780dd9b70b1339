"""Who is told details of the edge's health."""

import pytest

from edge.builtin.access import DetailAccess

TOKEN = "s3cr3t-of-the-monitor"
BOTH = DetailAccess.of(TOKEN, ["127.0.0.0/8", "::1/128", "10.1.0.0/16"])
NETWORKS = DetailAccess.of("", ["127.0.0.0/8"])


@pytest.mark.parametrize("client", ["127.0.0.1", "127.9.9.9", "::1", "10.1.2.3", "::ffff:127.0.0.1"])
def test_a_client_of_a_trusted_network_is(client: str) -> None:
    assert BOTH.admits(client, client, {})


@pytest.mark.parametrize("client", ["192.0.2.1", "10.2.0.1", "::2", "::ffff:192.0.2.1", "fe80::1%lo", "", "127.0.0.1x"])
def test_another_client_is_not(client: str) -> None:
    assert not BOTH.admits(client, client, {})


@pytest.mark.parametrize("name", ["x-forwarded-for", "forwarded"])
def test_a_request_by_way_of_a_proxy_that_is_not_known_is_not_near(name: str) -> None:
    assert not BOTH.admits("127.0.0.1", "127.0.0.1", {name: "127.0.0.1"})


def test_behind_a_known_proxy_the_address_that_was_found_counts() -> None:
    fields = {"x-forwarded-for": "10.1.2.3"}
    assert BOTH.admits("10.1.2.3", "192.0.2.1", fields)
    assert not BOTH.admits("192.0.2.7", "127.0.0.1", fields)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_whoever_shows_the_token_is_from_anywhere(scheme: str) -> None:
    assert BOTH.admits("192.0.2.1", "192.0.2.1", {"authorization": f"{scheme} {TOKEN}"})


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer ", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x", "Bearer é"]
)
def test_another_credential_is_none(authorization: str) -> None:
    assert not BOTH.admits("192.0.2.1", "192.0.2.1", {"authorization": authorization})


@pytest.mark.parametrize("authorization", ["Bearer", "Bearer ", ""])
def test_without_a_token_nothing_is_the_token(authorization: str) -> None:
    assert not NETWORKS.admits("192.0.2.1", "192.0.2.1", {"authorization": authorization})


def test_without_networks_nobody_is_near() -> None:
    assert not DetailAccess.of(TOKEN, []).admits("127.0.0.1", "127.0.0.1", {})


def test_what_is_no_network_is_refused() -> None:
    with pytest.raises(ValueError, match="has host bits set"):
        DetailAccess.of("", ["10.1.2.3/16"])
