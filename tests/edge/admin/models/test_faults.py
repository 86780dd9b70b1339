"""Faults of documents, as the API shows them."""

from typing import Any

import pytest
from penstock.config.v1 import config_service_pb2 as pb

from edge.admin.models.faults import as_members


@pytest.mark.parametrize(
    ("fault", "member"),
    [
        pytest.param(
            pb.DocumentFault(path="routes[3].prefix", message="must begin with /", line=7, column=12),
            {"path": "routes[3].prefix", "detail": "must begin with /", "line": 7, "column": 12},
            id="at a place in the text",
        ),
        pytest.param(
            pb.DocumentFault(path="routes", message="m"),
            {"path": "routes", "detail": "m", "line": None, "column": None},
            id="at no known place: 0 is none",
        ),
        pytest.param(
            pb.DocumentFault(message="not YAML", line=1),
            {"path": "", "detail": "not YAML", "line": 1, "column": None},
            id="of the whole, at a line",
        ),
    ],
)
def test_a_fault_has_a_path_a_detail_and_its_place(fault: pb.DocumentFault, member: dict[str, Any]) -> None:
    assert as_members([fault]) == [member]


def test_faults_stay_in_the_order_of_their_finding() -> None:
    faults = [pb.DocumentFault(path=path) for path in ("b", "a", "b")]
    assert [each["path"] for each in as_members(faults)] == ["b", "a", "b"]
