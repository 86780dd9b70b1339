"""What is told about a document: everything as long as somebody can read it, then how much more there is."""

import json

import pytest
from penstock.config.v1 import config_service_pb2 as service

from configsvc.document.reading import MAX_FINDINGS, examine


@pytest.mark.parametrize(("keys", "told"), [(MAX_FINDINGS, MAX_FINDINGS), (MAX_FINDINGS + 7, MAX_FINDINGS + 1)])
def test_faults_are_told_up_to_a_bound(keys: int, told: int) -> None:
    document = json.dumps({f"k{number}": 1 for number in range(keys)})
    faults = examine(document, service.DOCUMENT_FORMAT_JSON, for_default=False).faults
    assert len(faults) == told
    assert faults[0].path == ("k0",)
    assert (faults[-1].message == "and 7 more") == (told > MAX_FINDINGS)


def test_each_fault_of_a_yaml_text_has_its_place() -> None:
    document = "routes:\n  - name: a\n    prefix: b\n    service: c\nrotes: []\n"
    faults = examine(document, service.DOCUMENT_FORMAT_YAML, for_default=False).faults
    assert {(fault.dotted, fault.line) for fault in faults} == {
        ("rotes", 5),
        ("routes[0].service", 4),
        ("routes[0].prefix", 3),
    }
