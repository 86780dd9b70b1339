"""Which credential a request presents, judged by its form alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.access import Denied
from domain.api_keys import compose
from domain.credentials import MAX_BYTES, SECRET, Presented, presented

KEY = compose(True, "tenant00", "keykey00", b"r" * 32)
TYPO = KEY.value[:-1] + (b"0" if KEY.value[-1:] != b"0" else b"1")


def api_key(value: bytes, *, well_formed: bool) -> Presented:
    return Presented(True, value, KEY if well_formed else None)


def token(value: bytes) -> Presented:
    return Presented(False, value)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({}, None, id="none"),
        pytest.param({b"x-api-key": KEY.value}, api_key(KEY.value, well_formed=True), id="an API key"),
        pytest.param({b"x-api-key": TYPO}, api_key(TYPO, well_formed=False), id="an API key with a typing fault"),
        pytest.param({b"x-api-key": b""}, api_key(b"", well_formed=False), id="an empty API key is not none"),
        pytest.param({b"x-api-key": b"a.b.c"}, api_key(b"a.b.c", well_formed=False), id="a token in the key's field"),
        pytest.param({b"authorization": b"Bearer a.b.c"}, token(b"a.b.c"), id="a token"),
        pytest.param({b"authorization": b"bEARER a.b.c"}, token(b"a.b.c"), id="a scheme in any case"),
        pytest.param({b"authorization": b"Bearer   a.b.c"}, token(b"a.b.c"), id="spaces before the token"),
        pytest.param({b"authorization": b"Bearer \ta"}, token(b"\ta"), id="a tab is the token's"),
        pytest.param({b"authorization": b"Bearer a b"}, token(b"a b"), id="a space inside is the token's"),
        pytest.param({b"authorization": b"Bearer " + b"x" * MAX_BYTES}, token(b"x" * MAX_BYTES), id="the longest"),
        pytest.param(
            {b"authorization": b"Bearer " + KEY.value}, api_key(KEY.value, well_formed=True), id="a key as a bearer"
        ),
        pytest.param(
            {b"authorization": b"Bearer psk_x"}, api_key(b"psk_x", well_formed=False), id="a bad key as a bearer"
        ),
        pytest.param({b"authorization": b"Bearer PSK_x"}, token(b"PSK_x"), id="a key's mark is in lower case"),
    ],
)
def test_a_credential_is_taken_as_presented(fields: dict[bytes, bytes], expected: Presented | None) -> None:
    assert presented(fields.get(b"authorization"), fields.get(b"x-api-key")) == expected


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"Bearer", id="a scheme alone"),
        pytest.param(b"Bearer ", id="an empty token"),
        pytest.param(b"Bearer    ", id="spaces for a token"),
        pytest.param(b"Basic YTpi", id="another scheme"),
        pytest.param(b"BearerX a", id="a longer scheme"),
        pytest.param(b"Bearer\ta", id="a tab for a space"),
        pytest.param(b" Bearer a", id="a space before the scheme"),
        pytest.param(KEY.value, id="a key without a scheme"),
        pytest.param(b"Bearer " + b"x" * (MAX_BYTES + 1), id="a token longer than any"),
    ],
)
def test_an_authorization_of_another_form_is_refused_and_never_taken_for_none(value: bytes) -> None:
    assert presented(value, None) == Denied("TOKEN_INVALID", "Authorization is not a bearer token")


@given(st.builds(bytes.__add__, st.sampled_from([b"", b"Bearer ", b"Bearer psk_"]), st.binary(max_size=80)))
def test_no_request_with_authorization_counts_as_anonymous_and_no_token_as_a_key(value: bytes) -> None:
    found = presented(value, None)
    assert found is not None
    if isinstance(found, Presented):
        assert found.is_api_key is found.value.startswith(b"psk_")
        assert found.value == value[len(b"Bearer ") :].strip(b" ") != b""
        assert found.key is None or found.key.value == found.value


@pytest.mark.parametrize("text", [KEY.value.decode(), "psa_x", "eyJhbGciOi.eyJ.c", "Bearer abc", "basic  YTpi"])
def test_what_looks_like_a_credential_is_found_anywhere(text: str) -> None:
    assert SECRET.search(f"/path/{text}/more")
    assert not SECRET.search("/psk/bearer/eyes")
