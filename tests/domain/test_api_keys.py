"""Keys and admin tokens: what is composed parses, and nothing else does."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import api_keys

ids = st.text(api_keys.ALPHABET, min_size=8, max_size=8)
secrets = st.binary(min_size=32, max_size=32)
KEY = api_keys.compose(True, "Tenant01", "KeyKey01", bytes(range(32)))
TOKEN = api_keys.compose_admin_token("Token001", bytes(range(32)))


@given(live=st.booleans(), tenant=ids, key=ids, secret=secrets)
def test_a_composed_key_parses_to_its_parts(live: bool, tenant: str, key: str, secret: bytes) -> None:
    composed = api_keys.compose(live, tenant, key, secret)
    assert api_keys.parse(composed.value) == composed
    assert (composed.live, composed.tenant_short_id, composed.key_id) == (live, tenant, key)
    assert re.fullmatch(api_keys.API_KEY_PATTERN, composed.value.decode())


@given(token=ids, secret=secrets)
def test_a_composed_admin_token_parses_to_its_parts(token: str, secret: bytes) -> None:
    composed = api_keys.compose_admin_token(token, secret)
    assert api_keys.parse_admin_token(composed.value) == composed
    assert re.fullmatch(api_keys.ADMIN_TOKEN_PATTERN, composed.value.decode())


@given(position=st.integers(9, 64), character=st.sampled_from(api_keys.ALPHABET))
def test_a_key_with_one_other_character_is_malformed(position: int, character: str) -> None:
    changed = KEY.value[:position] + character.encode() + KEY.value[position + 1 :]
    assert changed == KEY.value or api_keys.parse(changed) is None


@pytest.mark.parametrize(
    "value",
    [
        b"",
        KEY.value[:-1],
        KEY.value + b"0",
        KEY.value + b"\n",
        b" " + KEY.value[1:],
        KEY.value.replace(b"psk_", b"psa_"),
        KEY.value.replace(b"live", b"LIVE"),
        KEY.value.replace(b"live", b"test"),
        KEY.value[:30] + b"\xff" + KEY.value[31:],
        TOKEN.value,
        b"a" * 100_000,
    ],
)
def test_what_is_not_exactly_a_key_is_malformed(value: bytes) -> None:
    assert api_keys.parse(value) is None


@pytest.mark.parametrize("value", [b"", KEY.value, TOKEN.value[:-1], TOKEN.value + b"\n", TOKEN.value.swapcase()])
def test_what_is_not_exactly_an_admin_token_is_malformed(value: bytes) -> None:
    assert api_keys.parse_admin_token(value) is None


def test_the_form_is_stable() -> None:
    assert KEY.value == b"psk_live_Tenant01KeyKey01_" + KEY.value[26:58] + b"_" + KEY.value[-6:]
    assert len(KEY.value) == api_keys.API_KEY_LENGTH
    assert len(TOKEN.value) == api_keys.ADMIN_TOKEN_LENGTH
    assert KEY.display == "psk_live_Tenant01KeyKey01_…"


def test_no_representation_shows_the_secret() -> None:
    secret = KEY.value[26:58].decode()
    assert secret not in repr(KEY)
    assert secret not in KEY.display
    assert TOKEN.value[13:45].decode() not in repr(TOKEN)


def test_ids_come_from_randomness_alone() -> None:
    assert api_keys.new_id(bytes(16)) == "00000000"
    assert api_keys.new_id(b"\xff" * 16) != api_keys.new_id(b"\xfe" * 16)


@pytest.mark.parametrize("randomness", [b"", bytes(31), bytes(33)])
def test_too_little_randomness_is_refused(randomness: bytes) -> None:
    with pytest.raises(ValueError, match="random"):
        api_keys.compose(True, "Tenant01", "KeyKey01", randomness)
    with pytest.raises(ValueError, match="random"):
        api_keys.new_id(randomness)


@pytest.mark.parametrize("bad", ["", "short", "with spa", "ninechars"])
def test_ids_of_another_form_are_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="8 base62"):
        api_keys.compose(True, bad, "KeyKey01", bytes(32))
    with pytest.raises(ValueError, match="8 base62"):
        api_keys.compose(False, "Tenant01", bad, bytes(32))
    with pytest.raises(ValueError, match="8 base62"):
        api_keys.compose_admin_token(bad, bytes(32))


@pytest.mark.parametrize(
    ("value", "may"),
    [
        pytest.param(b"k" * 16, True, id="the shortest"),
        pytest.param(b"!~" * 128, True, id="the longest, of any visible characters"),
        pytest.param(b"k" * 15, False, id="too short"),
        pytest.param(b"k" * 257, False, id="too long"),
        pytest.param(b"key of another gw", False, id="with spaces"),
        pytest.param("schlüssel-anderswo".encode(), False, id="beyond ASCII"),
        pytest.param(b"k" * 16 + b"\n", False, id="with a line's end"),
        pytest.param(KEY.value, False, id="a key of ours"),
        pytest.param(KEY.value[:-1], False, id="a key of ours with a typing fault"),
        pytest.param(TOKEN.value, False, id="a token of ours"),
        pytest.param(b"psg_" + b"k" * 30, False, id="a gateway's credential"),
    ],
)
def test_the_form_of_another_gateways_key(value: bytes, may: bool) -> None:
    assert api_keys.may_be_imported(value) is may
