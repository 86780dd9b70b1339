"""A request as another gateway describes it, read for what it is to be judged by. Pure.

Nothing that a client can send is a fault here: it is refused or taken as it is. Where the other gateway is told to
let pass what could not be judged, a fault would be a way around the judgement.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from penstock.envoy.v3 import authorization_pb2 as pb
from penstock.errors.v1 import error_reason_pb2 as reasons

from domain.access import Denied
from domain.credentials import SECRET, Presented, presented
from domain.hosts import host_name
from domain.identity_fields import IDENTITY, fold
from domain.tenants import TenantId, parse_tenant_id
from svckit.errors import Fault
from svckit.request_ids import WELL_FORMED

CREDENTIALS: Final = frozenset((b"authorization", b"x-api-key"))
OURS: Final = IDENTITY | CREDENTIALS
"""The names, in lower case, that no upstream gets from a client."""
_MAX_PATH_CHARACTERS: Final = 1024


@dataclass(frozen=True, slots=True)
class Question:
    """`host` is None when it is not valid; `credential`, `requested` (the tenant of X-Tenant-ID) and `spelling` may be
    the reason of a refusal; `imitations` are the names that some upstream could take for ours."""

    method: str
    path: str
    host: str | None
    credential: Presented | Denied | None = field(repr=False)
    requested: TenantId | Denied | None
    spelling: Denied | None
    request_id: str
    imitations: tuple[str, ...]


def read_question(request: pb.CheckRequest) -> Question:
    """The question in a request of Envoy's; Fault BAD_REQUEST when it is about no request of HTTP."""
    if not request.attributes.request.HasField("http"):
        raise Fault(reasons.ERROR_REASON_BAD_REQUEST, "only requests of HTTP can be judged")
    http = request.attributes.request.http
    fields = _fields(http)
    imitations = tuple(
        name for name in fields if (octets := name.encode()) != (folded := fold(octets)) and folded in OURS
    )
    tenant_spelled = any(fold(name.encode()) == b"x-tenant-id" for name in imitations)
    return Question(
        method=http.method.decode("latin-1").upper(),
        path=http.path.partition(b"?")[0].decode("utf-8", "replace")[:_MAX_PATH_CHARACTERS],
        host=host_name(http.host),
        credential=_credential(fields),
        requested=_requested(fields),
        spelling=Denied("BAD_REQUEST", "X-Tenant-ID is spelled in another way") if tenant_spelled else None,
        request_id=_request_id(fields),
        imitations=imitations,
    )


def _fields(http: pb.AttributeContext.HttpRequest) -> Mapping[str, Sequence[bytes]]:
    """The values of each field by lower-case name, without pseudo-fields."""
    fields: defaultdict[str, list[bytes]] = defaultdict(list)
    for name, value in http.headers.items():
        fields[name.lower()].append(value)
    for each in http.header_map.headers:
        fields[each.key.lower()].append(each.raw_value or each.value)
    return {name: values for name, values in fields.items() if not name.startswith(":")}


def _credential(fields: Mapping[str, Sequence[bytes]]) -> Presented | Denied | None:
    authorization, api_key = fields.get("authorization", ()), fields.get("x-api-key", ())
    # Envoy joins lines by commas, and no credential has one.
    if len(authorization) + len(api_key) > 1 or any(b"," in each for each in (*authorization, *api_key)):
        return Denied("CREDENTIALS_CONFLICT", "more than one credential")
    return presented(next(iter(authorization), None), next(iter(api_key), None))


def _requested(fields: Mapping[str, Sequence[bytes]]) -> TenantId | Denied | None:
    values = fields.get("x-tenant-id", ())
    if not values:
        return None
    named = parse_tenant_id(values[0].decode("latin-1")) if len(values) == 1 else None
    return named or Denied("BAD_REQUEST", "X-Tenant-ID is not a UUID in lower case")


def _request_id(fields: Mapping[str, Sequence[bytes]]) -> str:
    """The id that the request has already, if it may stand in a log; else none."""
    values = fields.get("x-request-id", ())
    given = values[0].decode("latin-1") if len(values) == 1 else ""
    return given if WELL_FORMED.fullmatch(given) and not SECRET.search(given) else ""
