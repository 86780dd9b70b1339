"""Warns of routes that no request can reach. Pure."""

from collections import defaultdict

from penstock.config.v1 import gateway_config_pb2 as pb

from configsvc.validate.findings import Findings
from domain.builtin_paths import PATHS


def warn_of_unreachable(config: pb.GatewayConfig, findings: Findings) -> None:
    """Warns of routes that stand behind a built-in endpoint or wholly behind earlier routes.

    Among routes of one host and prefix those with more header conditions come first, then the order of the
    document decides. So only routes with the very same conditions can hide one another, by their methods.
    """
    taken: dict[object, set[str] | None] = defaultdict(set)  # None: all methods
    for index, route in enumerate(config.routes):
        here = findings.at("routes", index, "prefix")
        if route.prefix in PATHS:
            here.warn("is a built-in endpoint's, which wins")
        headers = frozenset((name.lower(), value) for name, value in route.headers.items())
        places = [(host, route.prefix, headers) for host in route.hosts or ("",)]
        if all(_hidden(taken[place], route) for place in places):
            findings.at("routes", index).warn("can never match: earlier routes take all of its requests")
        for place in places:
            before = taken[place]
            taken[place] = None if before is None or not route.methods else before | set(route.methods)


def _hidden(taken: set[str] | None, route: pb.Route) -> bool:
    return taken is None or (bool(route.methods) and taken >= set(route.methods))
