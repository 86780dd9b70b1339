"""Problems and the faults of documents."""

from collections.abc import Iterable
from typing import Any

from penstock.config.v1 import config_service_pb2
from pydantic import Field

from edge.admin.models.shapes import Answer


class DocumentFault(Answer):
    """One thing that is wrong, or probably not meant, in a config document."""

    path: str = Field(description="Points into the document, such as `routes[3].prefix`; empty for the whole.")
    detail: str
    line: int | None = Field(description="The line in the text, from 1; null when unknown.")
    column: int | None = Field(description="The column in the text, from 1; null when unknown.")


class ProblemFault(Answer):
    """One fault of a request."""

    path: str
    detail: str
    line: int | None = None
    column: int | None = None


class Problem(Answer):
    """A refusal or failure (RFC 9457). `code` and `error` have the same value."""

    type: str
    title: str
    status: int
    detail: str
    instance: str | None = None
    code: str
    error: str
    request_id: str
    errors: list[ProblemFault] | None = None
    warnings: list[ProblemFault] | None = None
    metadata: dict[str, str] | None = None


def document_faults(faults: Iterable[config_service_pb2.DocumentFault]) -> list[DocumentFault]:
    """The faults in the form of the API."""
    return [
        DocumentFault(path=each.path, detail=each.message, line=each.line or None, column=each.column or None)
        for each in faults
    ]


def as_members(faults: Iterable[config_service_pb2.DocumentFault]) -> list[dict[str, Any]]:
    """The faults as members of a problem."""
    return [each.model_dump() for each in document_faults(faults)]
