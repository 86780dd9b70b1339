"""The credential of a request, as the edge keeps it; its forms are those of tests/domain/test_credentials.py."""

import pytest

from domain.api_keys import compose
from edge.http.credentials import Presented, presented
from edge.principal import CredentialKind
from edge.problems import Refusal

KEY = compose(True, "tenant00", "keykey00", b"r" * 32)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({b"host": b"a", b"origin": b"b"}, None, id="none among other fields"),
        pytest.param({b"x-api-key": KEY.value}, Presented(CredentialKind.API_KEY, KEY.value, KEY), id="an API key"),
        pytest.param({b"x-api-key": b"psk_x"}, Presented(CredentialKind.API_KEY, b"psk_x"), id="a malformed one"),
        pytest.param({b"authorization": b"Bearer a.b.c"}, Presented(CredentialKind.TOKEN, b"a.b.c"), id="a token"),
    ],
)
def test_a_credential_is_taken_as_presented(fields: dict[bytes, bytes], expected: Presented | None) -> None:
    assert presented(fields) == expected


def test_an_authorization_of_another_form_is_refused() -> None:
    refusal = presented({b"authorization": b"Basic YTpi"})
    assert isinstance(refusal, Refusal)
    assert (refusal.code, refusal.detail) == ("TOKEN_INVALID", "Authorization is not a bearer token")
