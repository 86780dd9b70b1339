"""What each request field means to the edge, in every spelling that an upstream could take for it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.identity_fields import IDENTITY, fold
from edge.http.fields import (
    HOP_BY_HOP,
    LISTS,
    PROTECTED,
    PROXIES,
    READ,
    READ_FORWARD,
    Use,
    classify,
)
from tests.edge.spoofs import SEPARATORS, spoofs


@pytest.mark.parametrize(
    ("name", "use"),
    [
        pytest.param(b"Accept", Use.FORWARD, id="a field that means nothing to us"),
        pytest.param(b"x-custom_field", Use.FORWARD, id="a foreign name with an underscore"),
        pytest.param(b"", Use.FORWARD, id="an empty name"),
        pytest.param(b"X" * 65, Use.FORWARD, id="a name too long to be remembered"),
        pytest.param(b"Connection", Use.READ, id="Connection"),
        pytest.param(b"Authorization", Use.READ, id="Authorization"),
        pytest.param(b"X-Tenant-ID", Use.READ, id="the tenant"),
        pytest.param(b"X-Request-ID", Use.READ, id="the request id"),
        pytest.param(b"X-Forwarded-For", Use.READ, id="X-Forwarded-For"),
        pytest.param(b"Forwarded", Use.READ, id="Forwarded"),
        pytest.param(b"Upgrade", Use.READ, id="Upgrade"),
        pytest.param(b"Origin", Use.READ_FORWARD, id="Origin"),
        pytest.param(b"User-Agent", Use.READ_FORWARD, id="User-Agent"),
        pytest.param(b"X-User-Role", Use.DROP, id="an identity field"),
        pytest.param(b"X-Forwarded-By", Use.DROP, id="the mark of the gateway"),
        pytest.param(b"Keep-Alive", Use.DROP, id="hop by hop"),
        pytest.param(b"Proxy-Authorization", Use.DROP, id="the credential of a proxy"),
        pytest.param(b"X-Forwarded-Proto", Use.READ, id="X-Forwarded-Proto"),
        pytest.param(b"X_User_Role", Use.DROP, id="an identity field by underscores"),
        pytest.param(b"X.User.Role", Use.DROP, id="an identity field by dots"),
        pytest.param(b"x_user.Role", Use.DROP, id="an identity field by both"),
        pytest.param(b"X_API_Key", Use.DROP, id="a credential in another spelling"),
        pytest.param(b"Content_Length", Use.DROP, id="framing in another spelling"),
        pytest.param(b"User_Agent", Use.FORWARD, id="another spelling of what we do not set"),
        pytest.param(b"X~User!Role", Use.DROP, id="an identity field by what lighttpd folds"),
        pytest.param(b"X-Forwarded-Port", Use.DROP, id="a word of proxies that we do not say"),
        pytest.param(b"x_forwarded+user", Use.DROP, id="another one in another spelling"),
        pytest.param(b"X-Real-IP", Use.DROP, id="another client address"),
        pytest.param(b"X-Original-URL", Use.DROP, id="another path"),
        pytest.param(b"Proxy", Use.DROP, id="the proxy of a CGI program"),
        pytest.param(b"X_Tenant-ID", Use.REFUSE, id="the tenant by an underscore"),
        pytest.param(b"x.tenant.id", Use.REFUSE, id="the tenant by dots"),
    ],
)
def test_a_field_is_used_as_its_name_says(name: bytes, use: Use) -> None:
    assert classify(name) == (name.lower(), use)


def spelled(names: frozenset[bytes]) -> st.SearchStrategy[bytes]:
    """One of the names with any letters in upper case and any separators for hyphens."""

    def spelling(name: bytes) -> st.SearchStrategy[bytes]:
        octets = (
            st.sampled_from([bytes([each]) for each in SEPARATORS])
            if octet == ord("-")
            else st.sampled_from([bytes([octet]).upper(), bytes([octet])])
            for octet in name
        )
        return st.tuples(*octets).map(b"".join)

    return st.sampled_from(sorted(names)).flatmap(spelling)


@given(spelled(PROTECTED))
def test_no_spelling_of_a_protected_name_is_passed_on(name: bytes) -> None:
    assert classify(name)[1] in (Use.READ, Use.DROP, Use.REFUSE)


@given(spelled(IDENTITY - READ | HOP_BY_HOP - READ | PROXIES))
def test_what_only_the_edge_may_set_is_dropped_however_it_is_spelled(name: bytes) -> None:
    assert classify(name)[1] is Use.DROP


@given(spelled(READ - {b"x-tenant-id"}))
def test_a_name_that_is_read_is_read_in_its_own_spelling_only(name: bytes) -> None:
    lower = name.lower()
    assert classify(name) == (lower, Use.READ if lower in READ else Use.DROP)


@given(st.binary(max_size=80))
def test_folding_knows_neither_case_nor_the_kind_of_separator(name: bytes) -> None:
    folded = fold(name)
    assert fold(folded) == fold(name.upper()) == folded
    assert not set(SEPARATORS.replace(b"-", b"")) & set(folded)
    assert classify(name)[0] == name.lower()


def test_no_spoof_of_an_identity_is_passed_on() -> None:
    assert len(spoofs()) > 2000
    assert [name for name in spoofs() if classify(name)[1] in (Use.FORWARD, Use.READ_FORWARD)] == []


def test_lists_are_among_the_fields_that_are_read() -> None:
    assert LISTS <= READ | READ_FORWARD
    assert not READ & READ_FORWARD
