"""What the edge would do with a request."""

import asyncio
import re
import time
from collections.abc import Mapping, Sequence
from typing import Annotated, Final

from fastapi import Query
from penstock.config.v1 import config_service_pb2 as pb2
from penstock.config.v1 import tenant_pb2
from penstock.errors.v1 import error_reason_pb2 as reasons

from domain.hosts import host_name
from domain.tenants import DEFAULT_TENANT, TenantId
from edge.admin.admission import Called, Entered
from edge.admin.models.explanations import Explained, ExplainFilters
from edge.admin.problems import InvalidDocument
from edge.config.reasons import Refused
from edge.explain import Question, explain, view_of
from edge.http.block import read_block
from edge.problems import Refusal
from svckit.errors import Fault, FieldFault

_FIELD: Final = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*)")
_MOST_FIELDS: Final = 100


async def explain_request(tenant: Entered, services: Called, filters: Annotated[ExplainFilters, Query()]) -> Explained:
    """Explain which route takes a request, and why no other does.

    By the newest document, which an edge may not have applied yet. 422 when an edge could not apply it at all.
    """
    question = _question(filters, tenant.hosts)
    answer = await _newest(services, TenantId(tenant.id))
    owner = TenantId(tenant.id)
    if answer.config.inherit_default:
        owner = DEFAULT_TENANT
        answer = await _newest(services, owner)
    # A document of 20,000 routes takes a moment to compile.
    return await asyncio.to_thread(_explained, question, tenant, answer, owner)


async def _newest(services: Called, tenant: TenantId) -> pb2.GetConfigResponse:
    return await services.configs.GetConfig(pb2.GetConfigRequest(tenant_id=tenant, format=pb2.DOCUMENT_FORMAT_JSON))


def _question(filters: ExplainFilters, bound: Sequence[str]) -> Question:
    host = host_name(filters.host.encode()) if filters.host else next(iter(bound), "")
    if host is None:
        raise Fault(reasons.ERROR_REASON_BAD_REQUEST, fields=(FieldFault("host", "is not a host"),))
    path = filters.path.partition("?")[0]
    return Question(filters.method, host, path.encode("utf-8", "replace"), _fields(filters.header))


def _fields(given: Sequence[str]) -> Mapping[bytes, bytes]:
    """The fields as the edge would read them."""
    pairs = []
    for index, each in enumerate(given):
        match = _FIELD.fullmatch(each)
        if match is None:
            fault = FieldFault(f"header[{index}]", "must be `name: value`")
            raise Fault(reasons.ERROR_REASON_BAD_REQUEST, fields=(fault,))
        pairs.append((match[1].encode(), match[2].rstrip(" \t").encode()))
    block = read_block("1.1", pairs, _MOST_FIELDS)
    if isinstance(block, Refusal):
        raise Fault(reasons.ERROR_REASON_BAD_REQUEST, fields=(FieldFault("header", block.detail),))
    return block.by_name()


def _explained(
    question: Question, record: tenant_pb2.Tenant, answer: pb2.GetConfigResponse, owner: TenantId
) -> Explained:
    view = view_of(record, answer.config, owner, answer.version.version)
    if isinstance(view, Refused):
        raise InvalidDocument([{"path": each.path, "detail": each.message} for each in view.reasons[:100]])
    return Explained.of(explain(question, view, time.time()), question, record, view)
