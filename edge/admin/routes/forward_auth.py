"""The endpoints for gateways that ask by HTTP, off where no networks are named. What they ask for authsvc judges."""

from typing import Final

import grpc
import structlog
from fastapi import Request, Response
from penstock.envoy.v3 import authorization_pb2 as pb
from penstock.errors.v1 import error_reason_pb2 as reasons

from edge.admin import forward_auth
from edge.admin.admission import Called, Noted
from edge.admin.rim import Act
from edge.admin.services import Services
from edge.http.forwarded import TrustedProxies
from svckit.errors import Fault, from_rpc_error

_JUDGEMENT_SECONDS: Final = 2.0
log = structlog.get_logger()


async def judge_request(request: Request, services: Called, act: Noted) -> Response:
    """Judge a request of another gateway: 200 with the fields to set, or the answer for its client."""
    return forward_auth.answer(await _judged(request, services, act))


async def tell_refusal(request: Request, services: Called, act: Noted) -> Response:
    """Tell why a request of another gateway is refused, for those that drop the answer of the first question."""
    response = await _judged(request, services, act)
    if forward_auth.allows(response):
        # It would pass by now: an empty success would stand for an answer of the upstream.
        raise Fault(reasons.ERROR_REASON_AUTH_UNAVAILABLE)
    return forward_auth.answer(response)


async def _judged(request: Request, services: Services, act: Act) -> pb.CheckResponse:
    act.quiet = True
    networks: TrustedProxies = request.app.state.forward_auth_networks
    peer = None if request.client is None else request.client.host
    if not forward_auth.may_ask(peer, networks):
        if networks.networks:
            log.warning("a stranger wants requests judged", client=peer)
        raise Fault(reasons.ERROR_REASON_NOT_FOUND)
    try:
        asked = forward_auth.question(request.headers.raw, request.query_params.multi_items())
    except Fault as fault:
        log.error("a check asks what cannot be", faults=[f"{each.path} {each.message}" for each in fault.fields])
        raise Fault(reasons.ERROR_REASON_INTERNAL) from None
    try:
        return await services.check(asked, timeout=_JUDGEMENT_SECONDS)
    except grpc.aio.AioRpcError as error:
        log.warning("nothing can be judged", code=error.code().name, reason=from_rpc_error(error).spec.name)
        raise Fault(reasons.ERROR_REASON_AUTH_UNAVAILABLE) from error
