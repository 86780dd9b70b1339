"""A setting that no edge acts on yet is never published without a warning."""

import pytest
from google.protobuf.json_format import ParseDict
from penstock.config.v1 import gateway_config_pb2 as pb

from configsvc.validate.findings import Findings
from configsvc.validate.pending import warn_of_pending


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"issuers": [{"issuer": "https://id.example.com"}]}, "issuers"),
        ({"registration": "REGISTRATION_OPEN"}, "registration"),
    ],
)
def test_warns_of(document: dict[str, object], path: str) -> None:
    findings = Findings()
    warn_of_pending(ParseDict(document, pb.GatewayConfig()), findings)
    assert [finding.dotted for finding in findings.warnings] == [path]


def test_is_silent_about_what_is_in_force() -> None:
    findings = Findings()
    document = {
        "services": [{"balance": {"policy": "BALANCE_POLICY_HASH"}}],
        "routes": [{"critical": True, "websocket": True}],
    }
    warn_of_pending(ParseDict(document, pb.GatewayConfig()), findings)
    assert findings.warnings == []
