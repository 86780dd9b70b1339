"""Addresses of targets: one strict spelling each."""

import pytest

from domain.targets import TargetAddress, parse_target, reference_name


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:9001", TargetAddress(False, "127.0.0.1", 9001)),
        ("http://sales", TargetAddress(False, "sales", 80)),
        ("https://Sales.Example.com", TargetAddress(True, "sales.example.com", 443)),
        ("http://sales_service:8000", TargetAddress(False, "sales_service", 8000)),
        ("http://[0:0:0:0:0:0:0:1]:80", TargetAddress(False, "::1", 80)),
    ],
)
def test_an_address_is_read(url: str, expected: TargetAddress) -> None:
    assert parse_target(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "",
        "sales:8000",
        "ftp://sales",
        "HTTP://sales",
        "http://",
        "http://sales/",
        "http://sales/path",
        "http://sales?x",
        "http://user@sales",
        "http://sales:0",
        "http://sales:65536",
        "http://sales:",
        "http://sa les",
        "http://sales\n",
        "http://-sales",
        "http://sales..test",
        "http://127.1",
        "http://2130706433",
        "http://0x7f.0.0.1",
        "http://127.0.0.1.",
        "http://127.0.0.01",
        "http://[::1",
        "http://[fe80::1%25eth0]",
        "http://[::g]",
        "http://sälés",
        "${SALES_SERVICE_URL}",
    ],
)
def test_any_other_spelling_is_not_an_address(url: str) -> None:
    assert parse_target(url) is None


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("${SALES_SERVICE_URL}", "SALES_SERVICE_URL"),
        ("${SALES_SERVICE_URL}/x", None),
        ("http://${SALES_SERVICE_URL}", None),
        ("${PATH}", None),
        ("${PENSTOCK_KEK}", None),
        ("${sales_service_url}", None),
        ("$SALES_SERVICE_URL", None),
    ],
)
def test_only_a_whole_value_is_a_reference(url: str, name: str | None) -> None:
    assert reference_name(url) == name
