"""The application by itself, behind which there is nothing."""

from edge.builtin.app import EdgeApp, builtin_app
from edge.builtin.models import Readiness
from edge.service_health import AskedServices
from tests.edge.plane import NEAR


async def _well(_service: object, _target: object) -> str:
    return ""


def application(version: str = "0") -> EdgeApp:
    """The application of a worker that is ready and has no services."""
    health = AskedServices(lambda: None, _well)
    return builtin_app(version, lambda: Readiness(status="ready", revision=1, feeds={}), health, NEAR)
