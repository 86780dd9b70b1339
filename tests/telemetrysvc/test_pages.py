"""Page tokens come back as the place that they were made of, or not at all."""

from datetime import UTC, datetime
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from telemetrysvc.pages import Place, read_token, write_token

MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC))


@given(moment=MOMENTS, identifier=st.uuids(), filters=st.binary(max_size=50))
def test_a_token_is_read_with_the_filters_that_it_was_made_with(
    moment: datetime, identifier: UUID, filters: bytes
) -> None:
    token = write_token(Place(moment, identifier), filters)
    assert read_token(token, filters) == Place(moment, identifier)
    assert read_token(token, filters + b"x") is None


@given(st.text(max_size=80))
def test_no_other_text_is_a_token(text: str) -> None:
    assert read_token(text, b"") is None
