"""What of a request may stand in a log line: nothing that is a credential, wherever it stands."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.redaction import HIDDEN, SHOWN, redacted, shown_fields, shown_query
from tests.edge.heads import block_of

KEY = "psk_live_default0keykey00_" + "s" * 32 + "_000000"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2VjcmV0LXNlY3JldA"
SECRETS = [KEY, KEY.replace("psk", "psa"), KEY.replace("psk", "psg"), JWT]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("/api/v1/sales", "/api/v1/sales", id="a path"),
        pytest.param("/apps/keys/eyJ", "/apps/keys/eyJ", id="what only begins like one"),
        pytest.param(f"/api/{KEY}/x", f"/api/{HIDDEN}/x", id="a key in a path"),
        pytest.param(f"x_{KEY}", f"x_{HIDDEN}", id="a key behind something else"),
        pytest.param(f"a {JWT},b", f"a {HIDDEN},b", id="a token among others"),
        pytest.param("curl Bearer abc.def/ghi+jk==", f"curl {HIDDEN}", id="a bearer token of any form"),
        pytest.param("BEARER  abc; basic YTpi", f"{HIDDEN}; {HIDDEN}", id="schemes in any case"),
        pytest.param("the bearer", "the bearer", id="a word"),
    ],
)
def test_what_looks_like_a_credential_is_hidden(text: str, shown: str) -> None:
    assert redacted(text) == shown


@given(st.text(max_size=20), st.sampled_from(SECRETS), st.text(max_size=20))
def test_no_surroundings_show_a_credential(before: str, secret: str, after: str) -> None:
    assert secret not in redacted(before + secret + after)
    assert secret[-20:] not in redacted(before + secret + after)


def test_only_values_of_harmless_fields_are_shown() -> None:
    block = block_of(
        (b"Host", b"a.test"),
        (b"Authorization", b"Bearer x"),
        (b"Cookie", b"session=x"),
        (b"X-App-Token", b"x"),
        (b"Accept", b"*/*"),
        (b"User-Agent", KEY.encode()),
        (b"Referer", b"https://a.test/?token=x"),
        (KEY.encode(), b"x"),
    )
    assert shown_fields(block) == {
        "host": "a.test",
        "authorization": HIDDEN,
        "cookie": HIDDEN,
        "x-app-token": HIDDEN,
        "accept": "*/*",
        "user-agent": HIDDEN,
        "referer": HIDDEN,
        HIDDEN: HIDDEN,
    }


def test_no_field_that_carries_a_credential_is_shown() -> None:
    secret = b"authorization proxy-authorization cookie set-cookie x-api-key x-request-id referer".split()
    assert not SHOWN & set(secret)
    assert not [name for name in SHOWN if b"token" in name or b"key" in name or b"auth" in name]


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        pytest.param(b"", "", id="none"),
        pytest.param(b"?", "", id="an empty one"),
        pytest.param(b"?page=2&ids[]=3&a.b=", "page=***&ids[]=***&a.b=***", id="names and no values"),
        pytest.param(b"?token", HIDDEN, id="a value without a name"),
        pytest.param(b"?a=b=c&&d", f"a=***&{HIDDEN}", id="more signs"),
        pytest.param(KEY.encode().join((b"?", b"=1")), HIDDEN, id="a key for a name"),
        pytest.param(b"?%70sk_live=1", HIDDEN, id="a name that is encoded"),
        pytest.param(b"?" + b"n" * 65 + b"=1", HIDDEN, id="a long name"),
        pytest.param(b"?\xff=1", HIDDEN, id="a name beyond ASCII"),
    ],
)
def test_a_query_is_shown_by_its_names(query: bytes, shown: str) -> None:
    assert shown_query(query) == shown
