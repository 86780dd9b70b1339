"""A page token spells one position and nothing else."""

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.rpc import page_tokens

CREATED = datetime(2030, 1, 1, 12, 30, 0, 123456, tzinfo=UTC)


@given(
    created=st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),
    key_id=st.from_regex(r"[0-9A-Za-z]{8}", fullmatch=True),
)
def test_a_page_token_spells_its_position(created: datetime, key_id: str) -> None:
    assert page_tokens.read(page_tokens.spell((created, key_id))) == (created, key_id)


@pytest.mark.parametrize("token", ["", "x", "é", "MS5LZXk=", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTkuS2V5S2V5MDE=", "A" * 100])
def test_what_is_no_page_token_is_refused(token: str) -> None:
    assert page_tokens.read(token) is None


FORGED = {
    "another spelling of the number": "01893501000123456.KeyKey01",
    "a sign": "+1893501000123456.KeyKey01",
    "underscores": "1_893_501_000_123_456.KeyKey01",
    "no id": "1893501000123456.",
    "a short id": "1893501000123456.KeyKey",
    "an id in foreign letters": "1893501000123456.KéyKey01",
    "a third part": "1893501000123456.KeyKey01.",
    "no time": ".KeyKey01",
    "a time beyond the calendar": "99999999999999999999.KeyKey01",
}


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


def test_the_position_that_the_forged_ones_are_near_to() -> None:
    assert page_tokens.read(encoded("1893501000123456.KeyKey01")) == (CREATED, "KeyKey01")


@pytest.mark.parametrize("text", FORGED.values(), ids=FORGED.keys())
def test_a_position_has_one_spelling(text: str) -> None:
    assert page_tokens.read(encoded(text)) is None


def test_a_token_with_another_padding_is_none() -> None:
    assert page_tokens.read(page_tokens.spell((CREATED, "KeyKey01")) + "=") is None
