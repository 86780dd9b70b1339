"""What became of a publish, and the history, as the API shows them."""

from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from penstock.config.v1 import config_service_pb2 as pb
from pydantic import ValidationError

from edge.admin.models.configs import ConfigVersion, Published, Rollback, StoredConfig
from edge.admin.models.faults import DocumentFault

VERSION = pb.ConfigVersion(
    version=3, revision=9, hash="ab", author="operator op", comment="why", create_time=Timestamp(seconds=1)
)


def test_a_publish_tells_its_version_revision_and_warnings() -> None:
    warning = pb.DocumentFault(path="routes[0]", message="is never reached", line=4, column=2)
    answer = pb.PublishConfigResponse(version=3, changed=True, revision=9, warnings=[warning])
    assert Published.of(answer, dry_run=False) == Published(
        version=3,
        changed=True,
        revision=9,
        dry_run=False,
        warnings=[DocumentFault(path="routes[0]", detail="is never reached", line=4, column=2)],
    )


@pytest.mark.parametrize("dry_run", [True, False], ids=["a dry run", "the same content"])
def test_a_publish_that_made_no_version_has_no_revision(dry_run: bool) -> None:
    published = Published.of(pb.PublishConfigResponse(version=3), dry_run)
    assert (published.version, published.changed, published.revision) == (3, False, None)
    assert published.dry_run is dry_run


def test_a_version_tells_who_when_and_why() -> None:
    assert ConfigVersion.of(VERSION) == ConfigVersion(
        version=3,
        revision=9,
        hash="ab",
        author="operator op",
        comment="why",
        created_at=datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC),
    )


def test_what_is_not_known_of_a_version_is_null() -> None:
    shown = ConfigVersion.of(pb.ConfigVersion(version=1)).model_dump()
    assert [name for name, value in shown.items() if value is None] == ["author", "comment", "created_at"]


def test_a_stored_document_stands_beside_its_version() -> None:
    answer = pb.GetConfigResponse(version=VERSION, document='{"routes": [{"prefix": "/ü", "retries": null}]}')
    shown = StoredConfig.with_document(answer).model_dump()
    assert shown.pop("document") == {"routes": [{"prefix": "/ü", "retries": None}]}
    assert shown == ConfigVersion.of(VERSION).model_dump()


def test_a_rollback_needs_no_reason() -> None:
    assert Rollback.model_validate({"version": 2**63 - 1}).comment == ""


@pytest.mark.parametrize(
    ("given", "at"),
    [
        pytest.param({}, "version", id="to nothing"),
        pytest.param({"version": 0}, "version", id="to before the first"),
        pytest.param({"version": 2**63}, "version", id="beyond bigint"),
        pytest.param({"version": "2"}, "version", id="to a text"),
        pytest.param({"version": True}, "version", id="to a truth"),
        pytest.param({"version": 2, "comment": "a\nb"}, "comment", id="with a comment of two lines"),
        pytest.param({"version": 2, "comment": "a" * 1025}, "comment", id="with a long comment"),
        pytest.param({"version": 2, "dry_run": True}, "dry_run", id="with what it does not have"),
    ],
)
def test_a_rollback_is_to_a_version_by_its_number(given: dict[str, Any], at: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Rollback.model_validate(given)
    assert [each["loc"] for each in refused.value.errors()] == [(at,)]
