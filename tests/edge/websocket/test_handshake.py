"""What a client may ask for, and which answers of an upstream fit."""

import pytest

from edge.http.head import Head
from edge.problems import Refusal
from edge.websocket.handshake import Asked, agreed, read_handshake
from tests.edge.heads import Field, head_of

Changes = dict[bytes, bytes | None]
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
"""The pair of RFC 6455 §1.3."""
VALID: dict[bytes, bytes | None] = {
    b"Upgrade": b"websocket",
    b"Connection": b"Upgrade",
    b"Sec-WebSocket-Version": b"13",
    b"Sec-WebSocket-Key": KEY,
}


def asking(*more: Field, method: bytes = b"GET", version: str = "1.1", changes: Changes | None = None) -> Head:
    """A valid handshake but for the changes; None leaves a field out."""
    fields = {**VALID, **(changes or {})}
    kept = [(name, value) for name, value in fields.items() if value is not None]
    return head_of(*kept, *more, method=method, version=version)


def asked(*more: Field, changes: Changes | None = None, allowed: bool = True) -> Asked | Refusal | None:
    return read_handshake(asking(*more, changes=changes), allowed=allowed)


@pytest.mark.parametrize(
    ("more", "changes"),
    [
        ((), {}),
        ((), {b"Upgrade": b"WebSocket"}),
        ((), {b"Upgrade": b"h2c, websocket"}),
        ((), {b"Connection": b"keep-alive, Upgrade"}),
    ],
)
def test_a_valid_handshake_is_answered_with_the_digest_of_its_key(more: tuple[Field, ...], changes: Changes) -> None:
    assert asked(*more, changes=changes) == Asked(ACCEPT, frozenset(), frozenset())


def test_subprotocols_and_extensions_are_read_from_all_lines() -> None:
    found = asked(
        (b"Sec-WebSocket-Protocol", b"chat, superchat"),
        (b"Sec-WebSocket-Protocol", b"v2"),
        (b"Sec-WebSocket-Extensions", b'permessage-deflate; client_max_window_bits; x="10", x-y'),
    )
    assert found == Asked(ACCEPT, frozenset({b"chat", b"superchat", b"v2"}), frozenset({b"permessage-deflate", b"x-y"}))


@pytest.mark.parametrize(
    ("status", "more", "changes"),
    [
        (426, (), {b"Sec-WebSocket-Version": None}),
        (426, (), {b"Sec-WebSocket-Version": b"8"}),
        (426, ((b"Sec-WebSocket-Version", b"13"),), {}),
        (400, (), {b"Sec-WebSocket-Key": None}),
        (400, (), {b"Sec-WebSocket-Key": b"dGhlIHNhbXBsZSBub25jZR=="}),
        (400, (), {b"Sec-WebSocket-Key": b"c2hvcnQ="}),
        (400, (), {b"Sec-WebSocket-Key": b"dGhlIHNhbXBsZSBub25jZQ==="}),
        (400, ((b"Sec-WebSocket-Key", KEY),), {}),
        (400, ((b"sec-websocket-protocol", b"chat, chat"),), {}),
        (400, ((b"Sec-WebSocket-Protocol", b"a b"),), {}),
        (400, ((b"Sec-WebSocket-Extensions", b"a;;b"),), {}),
        (400, ((b"Sec-WebSocket-Extensions", b'a; b="c, d"'),), {}),
    ],
)
def test_a_handshake_that_breaks_a_rule_is_refused(status: int, more: tuple[Field, ...], changes: Changes) -> None:
    found = asked(*more, changes=changes)
    assert isinstance(found, Refusal)
    assert found.status == status


def test_it_begins_with_get() -> None:
    found = read_handshake(asking(method=b"POST"), allowed=True)
    assert isinstance(found, Refusal)
    assert found.status == 400


@pytest.mark.parametrize("changes", [{b"Upgrade": None}, {b"Connection": None}, {b"Connection": b"close"}])
def test_a_handshake_that_a_proxy_has_shorn_is_told_so(changes: Changes) -> None:
    found = asked(changes=changes)
    assert isinstance(found, Refusal)
    assert found.status == 426
    assert "proxy" in found.detail
    assert asked(changes=changes, allowed=False) is None


def test_over_http_1_0_nothing_can_be_asked_for() -> None:
    found = read_handshake(asking(version="1.0"), allowed=True)
    assert isinstance(found, Refusal)
    assert found.status == 426


def test_a_refusal_of_the_version_names_the_right_one() -> None:
    found = asked(changes={b"Sec-WebSocket-Version": b"8"})
    assert isinstance(found, Refusal)
    assert (b"Sec-WebSocket-Version", b"13") in found.fields
    assert (b"Upgrade", b"websocket") in found.fields


def test_a_route_without_websockets_refuses_them_and_ignores_other_protocols() -> None:
    found = asked(allowed=False)
    assert isinstance(found, Refusal)
    assert found.status == 426
    assert asked(changes={b"Upgrade": b"h2c"}, allowed=False) is None


def test_an_ordinary_request_asks_for_nothing() -> None:
    assert read_handshake(head_of(), allowed=True) is None


ASKED = Asked(ACCEPT, frozenset({b"chat"}), frozenset({b"permessage-deflate"}))
GIVEN = ((b"upgrade", b"WebSocket"), (b"Connection", b"upgrade"), (b"Sec-WebSocket-Accept", ACCEPT))


@pytest.mark.parametrize(
    ("more", "extensions"),
    [
        ((), frozenset()),
        (((b"Sec-WebSocket-Protocol", b"chat"),), frozenset()),
        (((b"Sec-WebSocket-Extensions", b"permessage-deflate; x=1"),), frozenset({b"permessage-deflate"})),
    ],
)
def test_an_answer_that_fits_is_taken(more: tuple[Field, ...], extensions: frozenset[bytes]) -> None:
    assert agreed(ASKED, (*GIVEN, *more)) == extensions


@pytest.mark.parametrize(
    "fields",
    [
        GIVEN[1:],
        GIVEN[::2],
        GIVEN[:2],
        (*GIVEN[1:], (b"Upgrade", b"h2c")),
        (*GIVEN, (b"Upgrade", b"websocket")),
        (*GIVEN[:2], (b"Sec-WebSocket-Accept", b"x")),
        (*GIVEN, (b"Sec-WebSocket-Accept", ACCEPT)),
        (*GIVEN, (b"Sec-WebSocket-Protocol", b"other")),
        (*GIVEN, (b"Sec-WebSocket-Protocol", b"chat"), (b"Sec-WebSocket-Protocol", b"chat")),
        (*GIVEN, (b"Sec-WebSocket-Extensions", b"other")),
        (*GIVEN, (b"Sec-WebSocket-Extensions", b";")),
    ],
)
def test_an_answer_that_does_not_fit_is_not(fields: tuple[Field, ...]) -> None:
    assert agreed(ASKED, fields) is None
