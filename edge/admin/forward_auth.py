"""Requests that nginx, Traefik and the like want judged, as authsvc takes them; its answers as those take them. Pure.

The other gateway says by X-Forwarded-Method, -Host and -Uri what it was asked for, and by the query of our address
what the place asks for: only it can write either.
"""

from collections.abc import Sequence
from typing import Final

from penstock.envoy.v3 import authorization_pb2 as pb
from penstock.errors.v1 import error_reason_pb2 as reasons
from starlette.responses import Response

from domain.identity_fields import fold
from edge.http.forwarded import TrustedProxies, parse_address
from svckit.errors import Fault, FieldFault

METHOD: Final = b"x-forwarded-method"
HOST: Final = b"x-forwarded-host"
URI: Final = b"x-forwarded-uri"


def question(fields: Sequence[tuple[bytes, bytes]], query: Sequence[tuple[str, str]]) -> pb.CheckRequest:
    """The question of a request with these fields, to an address with this query; Fault BAD_REQUEST names what the
    other gateway's config does not say, or says twice."""
    faults: list[FieldFault] = []
    method, host = _said(fields, METHOD), _said(fields, HOST)
    extensions = dict(query)
    if len(method) != 1 or not method[0]:
        faults.append(FieldFault("X-Forwarded-Method", "must be said once"))
    if len(host) != 1 and not (extensions.get("tenant") and not host):
        faults.append(FieldFault("X-Forwarded-Host", "must be said once, or the tenant in the query"))
    if len(extensions) != len(query):
        faults.append(FieldFault("query", "says something twice"))
    if faults:
        raise Fault(reasons.ERROR_REASON_BAD_REQUEST, fields=tuple(faults))
    header = pb.AttributeContext.Header
    http = pb.AttributeContext.HttpRequest(
        method=method[0],
        host=host[0] if host else b"",
        path=next(iter(_said(fields, URI)), b""),
        header_map=pb.AttributeContext.HeaderMap(
            headers=[header(key=name.decode("latin-1"), raw_value=value) for name, value in fields]
        ),
    )
    asked = pb.AttributeContext.Request(http=http)
    return pb.CheckRequest(attributes=pb.AttributeContext(request=asked, context_extensions=extensions))


def answer(response: pb.CheckResponse) -> Response:
    """200 with the fields that the other gateway has to set, or the answer for its client.

    Fault BAD_REQUEST where a field would have to be removed that only looks like one of ours: nobody does that here,
    and the other gateway cannot be told to.
    """
    if allows(response):
        if any(fold(name.encode()) != name.encode() for name in response.ok_response.headers_to_remove):
            raise Fault(reasons.ERROR_REASON_BAD_REQUEST, "a header field is spelled like one of ours")
        return Response(None, 200, _headers(response.ok_response.headers))
    told = response.denied_response if response.HasField("denied_response") else response.error_response
    return Response(told.body, told.status.code, _headers(told.headers))


def allows(response: pb.CheckResponse) -> bool:
    """Whether the request goes on."""
    return response.status.code == 0 and response.HasField("ok_response")


def may_ask(peer: str | None, networks: TrustedProxies) -> bool:
    """Whether a peer may have requests judged: one of the networks, or, where there are any, one of a Unix socket."""
    return bool(networks.networks) and (peer is None or networks.trusts(parse_address(peer.partition("%")[0])))


def _said(fields: Sequence[tuple[bytes, bytes]], name: bytes) -> list[bytes]:
    return [value for each, value in fields if each.lower() == name]


def _headers(options: Sequence[pb.HeaderValueOption]) -> dict[str, str]:
    return {each.header.key: each.header.value for each in options}
