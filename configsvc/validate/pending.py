"""What a document may say already and no edge acts on yet. Pure.

A setting without effect must not look like one that works: publishing warns of each. A line goes when its feature
comes.
"""

from collections.abc import Iterator

from penstock.config.v1 import gateway_config_pb2 as pb

from configsvc.validate.findings import Findings

_KEPT = "is kept, but not in force in this release"


def warn_of_pending(config: pb.GatewayConfig, findings: Findings) -> None:
    """Warns of every setting that is kept but not in force."""
    for path in _of_tenant(config):
        findings.at(*path).warn(_KEPT)


def _of_tenant(config: pb.GatewayConfig) -> Iterator[tuple[str | int, ...]]:
    if config.issuers:
        yield ("issuers",)
    if config.registration == pb.REGISTRATION_OPEN:
        yield ("registration",)
