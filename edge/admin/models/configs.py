"""Config documents: what became of a publish, and the history."""

import json
from datetime import datetime
from typing import Any, Self

from penstock.config.v1 import config_service_pb2
from pydantic import Field

from edge.admin.models.faults import DocumentFault, document_faults
from edge.admin.models.shapes import Answer, Body, Remark, Version
from edge.admin.models.times import time_of


class Published(Answer):
    """What became of a document without faults."""

    version: int = Field(description="The newest version after the call.")
    changed: bool = Field(description="False when the content is what was there, and for a dry run.")
    revision: int | None = Field(description="The global revision of the new version; null when none was made.")
    dry_run: bool
    warnings: list[DocumentFault]

    @classmethod
    def of(cls, answer: config_service_pb2.PublishConfigResponse, dry_run: bool) -> Self:
        """The answer in the API's form."""
        return cls(
            version=answer.version,
            changed=answer.changed,
            revision=answer.revision or None,
            dry_run=dry_run,
            warnings=document_faults(answer.warnings),
        )


class ConfigVersion(Answer):
    """One version in the history of a tenant's document."""

    version: int
    revision: int
    hash: str = Field(description="SHA-256 of the config, in hex.")
    author: str | None
    comment: str | None
    created_at: datetime | None

    @classmethod
    def of(cls, version: config_service_pb2.ConfigVersion) -> Self:
        """The version in the API's form."""
        return cls(**_fields(version))


class StoredConfig(ConfigVersion):
    """A version with its document."""

    document: dict[str, Any]

    @classmethod
    def with_document(cls, answer: config_service_pb2.GetConfigResponse) -> Self:
        """The version in the API's form; the answer's document is JSON."""
        return cls(**_fields(answer.version), document=json.loads(answer.document))


class Rollback(Body):
    """Which old version to publish again."""

    version: Version
    comment: Remark = ""


class RolledBack(Answer):
    """The new version that has the old content."""

    version: ConfigVersion


def _fields(version: config_service_pb2.ConfigVersion) -> dict[str, Any]:
    return {
        "version": version.version,
        "revision": version.revision,
        "hash": version.hash,
        "author": version.author or None,
        "comment": version.comment or None,
        "created_at": time_of(version, "create_time"),
    }
