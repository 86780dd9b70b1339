"""What all certificates of the edge have in common: protocols, ciphers, and the name that a client has asked for."""

import ssl
import sys
from collections.abc import Iterable
from typing import Any, Final

from edge.listener.server_names import by_name, chosen, normal_name

CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2: forward secrecy and authenticated encryption only, as RFC 9325 §4.2 recommends. Those of 1.3 all are."""
PROTOCOLS: Final = ("http/1.1",)


class TlsSession(ssl.SSLObject):
    """One client's TLS. `server_name` is the host that it asked for, in its normal form; empty where it named none."""

    server_name: str = ""


def server_context() -> ssl.SSLContext:
    """A context without a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.set_alpn_protocols(PROTOCOLS)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.sslobject_class = TlsSession
    return context


def ignore_unreadable_names() -> None:
    """Has Python keep silent about names that are no ASCII: it ends such a handshake, and would write a trace with the
    client's octets to standard error for each, because nobody is there to be told."""
    others = sys.unraisablehook

    def hook(unraisable: "sys.UnraisableHookArgs") -> None:
        if not (isinstance(unraisable.exc_value, UnicodeDecodeError) and isinstance(unraisable.object, bytes)):
            others(unraisable)

    sys.unraisablehook = hook


def choose_by_name(contexts: Iterable[tuple[ssl.SSLContext, Iterable[str]]]) -> ssl.SSLContext:
    """One context for all of these, each for its names. The first of them is for clients that name no host, or one
    that no certificate is for: these see for themselves that it is not theirs."""
    given = [(context, tuple(names)) for context, names in contexts]
    front, certified = given[0][0], by_name(given)

    def choose(session: Any, server_name: str | None, _context: ssl.SSLContext) -> None:
        name = session.server_name = normal_name(server_name or "")
        context = chosen(certified, name)
        if context is not None and context is not front:
            session.context = context

    front.sni_callback = choose
    return front
