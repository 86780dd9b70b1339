"""Verdicts as Envoy reads them. Pure.

- A name that is both set and removed is removed: the names to remove are those that are not set.
- An answer that changes nothing lets the client's own fields through: what is allowed always has that list.
- What becomes of fields of the same name is said each time: Envoy's default is not what its documentation says.
- A failure of ours is an `error_response`. Older Envoys, which do not know it, refuse with 403.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

import orjson
from penstock.envoy.v3 import authorization_pb2 as pb
from penstock.envoy.v3 import rate_limit_pb2

from authsvc.authorization.question import OURS, Question
from authsvc.authorization.verdict import Allowed
from domain.access import Denied
from domain.identity_fields import identity_fields
from svckit.errors import BY_NAME, CATALOGUE, CHALLENGE, problem

_PROBLEM: Final = (
    ("Content-Type", "application/problem+json"),
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
)
_RETRY_SECONDS: Final = "1"


def allowed(verdict: Allowed, asked: Question, request_id: str) -> pb.CheckResponse:
    """Lets the request go on with our word on who is calling, and nobody else's."""
    response = pb.CheckResponse(status=pb.CheckResponse.Status())
    response.ok_response.MergeFromString(_told(identity_fields(verdict.tenant, verdict.caller)))
    response.ok_response.headers.extend(_set([("X-Request-ID", request_id)]))
    response.ok_response.headers_to_remove.extend(asked.imitations)
    return response


# The same for all requests of a caller, and a third of what a judgement costs.
@lru_cache(maxsize=4096)
def _told(identity: tuple[tuple[str, str], ...]) -> bytes:
    """The fields of an identity, and the removal of all others of ours but the request's id, ready to be sent."""
    said = {b"x-request-id", *(name.lower().encode() for name, _ in identity)}
    removed = [name.decode() for name in sorted(OURS - said)]
    return pb.OkHttpResponse(headers=_set(identity), headers_to_remove=removed).SerializeToString()


def denied(refusal: Denied, path: str, request_id: str) -> pb.CheckResponse:
    """Answers the client with the problem; as an error where that is ours."""
    reason = BY_NAME[refusal.reason]
    spec = CATALOGUE[reason]
    body = orjson.dumps(problem(reason, detail=refusal.detail, instance=path, request_id=request_id))
    fields = [*_PROBLEM, ("X-Request-ID", request_id)]
    if spec.http_status == 401:
        fields.append(("WWW-Authenticate", CHALLENGE))
    if spec.http_status == 503:
        fields.append(("Retry-After", _RETRY_SECONDS))
    answer = pb.DeniedHttpResponse(
        status=pb.DeniedHttpResponse.HttpStatus(code=spec.http_status), headers=_set(fields), body=body.decode()
    )
    status = pb.CheckResponse.Status(code=spec.grpc_status.value[0], message=spec.name)
    if spec.http_status >= 500:
        return pb.CheckResponse(status=status, error_response=answer)
    return pb.CheckResponse(status=status, denied_response=answer)


def _set(fields: Iterable[tuple[str, str]]) -> list[pb.HeaderValueOption]:
    return [
        pb.HeaderValueOption(
            header=rate_limit_pb2.HeaderValue(key=name, value=value),
            append_action=pb.HEADER_APPEND_ACTION_OVERWRITE,
        )
        for name, value in fields
    ]
