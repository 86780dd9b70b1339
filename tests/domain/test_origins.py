"""Origins have one spelling."""

import pytest

from domain.origins import ORIGIN


@pytest.mark.parametrize("text", ["https://a.test", "http://localhost:3000", "capacitor://localhost"])
def test_an_origin(text: str) -> None:
    assert ORIGIN.fullmatch(text)


@pytest.mark.parametrize("text", ["https://a.test/", "https://A.test", "https://", "https://a.test:", "a.test", "null"])
def test_no_origin(text: str) -> None:
    assert not ORIGIN.fullmatch(text)
