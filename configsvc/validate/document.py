"""The rules of a whole document: what its parts must keep, and what they must keep towards each other. Pure."""

from penstock.config.v1 import gateway_config_pb2 as pb

from configsvc.validate.findings import Findings
from configsvc.validate.pending import warn_of_pending
from configsvc.validate.policies import check_cors, check_issuers, check_limits, check_subscription
from configsvc.validate.reach import warn_of_unreachable
from configsvc.validate.routes import check_routes
from configsvc.validate.services import check_services


def validate(config: pb.GatewayConfig, findings: Findings, *, for_default: bool) -> None:
    """Notes everything that is wrong with a config, and what is probably not meant."""
    if config.inherit_default:
        alone = pb.GatewayConfig(inherit_default=True) == config
        findings.at("inherit").expect(alone, "must stand alone: the tenant uses default's whole document")
        findings.at("inherit").expect(not for_default, "must not stand in the document of default itself")
    check_services(config, findings, for_default=for_default)
    check_routes(config, findings)
    check_limits(config, findings)
    if config.HasField("cors"):
        check_cors(config.cors, findings.at("cors"))
    check_issuers(config, findings)
    check_subscription(config.subscription, findings.at("subscription"))
    warn_of_unreachable(config, findings)
    warn_of_pending(config, findings)
