"""`python -m tests.revocation.service ORDERS`: authsvc, told by its environment as ever and by ORDERS, some JSON."""

import asyncio
import os
import sys
import threading
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any

import orjson
import uvloop
from penstock.auth.v1.auth_service_pb2 import StreamAuthenticateResponse

from authsvc.invalidations import force, leases
from authsvc.rpc.auth_service import Auth
from authsvc.service import service
from authsvc.settings import AuthSettings
from svckit import logs
from svckit.server import run_service
from svckit.settings import load_settings
from tests.revocation import delays
from tests.revocation.plants import PLANTS, replace


@dataclass(frozen=True, slots=True)
class Orders:
    """What a replica is told. Short leases make the short form short; a margin of theirs goes with them. Answers lie
    about for `late_seconds` at most after the store was read."""

    lease_seconds: float
    in_time_seconds: float
    delay_seconds: float
    late_seconds: float
    seed: int
    plant: str


def serve(orders: Orders) -> None:
    """Serves until whoever started it is gone."""
    _be_late(orders)
    threading.Thread(target=_end_with_input, daemon=True).start()
    PLANTS[orders.plant]()
    replace(leases, "LEASE", timedelta(seconds=orders.lease_seconds))
    replace(force, "LEASE", timedelta(seconds=orders.lease_seconds))
    replace(leases, "IN_TIME", timedelta(seconds=orders.in_time_seconds))
    settings = load_settings(AuthSettings)
    logs.configure("authsvc", "error", output=sys.stderr)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        delays.plant(runner.get_loop(), orders.delay_seconds, orders.seed)
        runner.run(run_service(service(), settings))


def _be_late(orders: Orders) -> None:
    drawn, answering = Random(orders.seed), Auth._answer  # noqa: S311 - no secret

    async def answer(self: Auth, *asked: Any) -> StreamAuthenticateResponse:
        response = await answering(self, *asked)
        await asyncio.sleep(orders.late_seconds * drawn.random())
        return response

    replace(Auth, "_answer", answer)


def _end_with_input() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    serve(Orders(**orjson.loads(sys.argv[1])))
