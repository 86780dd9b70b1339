"""What the edge's memory of credentials costs: a recall from a cache full of principals, and the longest pause of the
garbage collector while it fills and while it is used."""

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from random import Random
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from penstock.auth.v1 import auth_service_pb2 as pb
from penstock.auth.v1 import principal_pb2

from domain import api_keys
from domain.tenants import DEFAULT_TENANT
from edge.auth import wire
from edge.auth.authenticator import Authenticator
from edge.auth.cache import CAPACITY, READY
from edge.auth.clocks import Moment, steady_seconds
from edge.auth.memory import Answer
from edge.collector import quiet_collector
from edge.instance import Instance
from edge.principal import Credential, CredentialKind
from svckit.channels import open_channel

_TENANTS = 2_000
_RECALLS = 200_000


@dataclass(frozen=True, slots=True)
class Recalls:
    """Microseconds of a recall: of a credential of a busy connection, of one that was just read from a head, and of one
    of all that are cached, drawn at random; then the longest pauses of the collector in milliseconds, while the
    cache fills, while it is used, and when the collector looks at everything."""

    ready_us: float
    read_us: float
    any_us: float
    filling_ms: float
    using_ms: float
    full_ms: float


async def recalls() -> Recalls:
    """Fills a cache and uses it, with the collector set as a worker has it."""
    async with open_channel("unix:/nowhere", None, "authsvc") as channel:
        authenticator = Authenticator(channel, Instance("gw", 0, "boot"))
        memory: Any = authenticator._memory
        memory.lease.until = inf
        quiet_collector()
        values = [_value(number) for number in range(CAPACITY)]
        with _pauses() as filling:
            for number, value in enumerate(values):
                answer = pb.AuthenticateResponse.FromString(_answer(number))
                outcome = wire.outcome(answer)
                assert outcome is not None
                credential = Credential(CredentialKind.API_KEY, value, DEFAULT_TENANT)
                told = Answer(outcome, 0, memory.fences.ticket(), steady_seconds())
                memory.settle(credential.digest, told, steady_seconds(), Moment(time.time(), steady_seconds()))
        drawn = Random(1)
        hot = [Credential(CredentialKind.API_KEY, value, DEFAULT_TENANT) for value in values[-READY:]]
        for _ in range(2):
            ready_us = _microseconds(authenticator.cached, hot)
            read_us = _microseconds(
                lambda value, now: authenticator.cached(Credential(CredentialKind.API_KEY, value, DEFAULT_TENANT), now),
                values[-READY:],
            )
        every = [Credential(CredentialKind.API_KEY, drawn.choice(values), DEFAULT_TENANT) for _ in range(_RECALLS)]
        with _pauses() as using:
            any_us = _microseconds(authenticator.cached, every)
        assert authenticator.cached_principals == CAPACITY
        assert authenticator.misses == 0
        del every, hot, values
        with _pauses() as full:
            gc.collect()
    return Recalls(ready_us, read_us, any_us, *(max(each, default=0.0) * 1e3 for each in (filling, using, full)))


def _microseconds(recall: Callable[[Any, float], object], wanted: Sequence[Any]) -> float:
    """The mean of enough recalls."""
    rounds = max(1, _RECALLS // len(wanted))
    now, began = time.time(), time.thread_time()
    for _ in range(rounds):
        for each in wanted:
            if recall(each, now) is None:
                raise AssertionError("what was cached is not there")
    return (time.thread_time() - began) / (rounds * len(wanted)) * 1e6


@contextmanager
def _pauses() -> Iterator[list[float]]:
    """The seconds of each pass of the collector while entered."""
    pauses: list[float] = []
    began = 0.0

    def note(phase: str, _info: dict[str, int]) -> None:
        nonlocal began
        if phase == "start":
            began = time.thread_time()
        else:
            pauses.append(time.thread_time() - began)

    gc.callbacks.append(note)
    try:
        yield pauses
    finally:
        gc.callbacks.remove(note)


def _value(number: int) -> bytes:
    return api_keys.compose(True, f"{number % _TENANTS:08}", f"{number:08}", number.to_bytes(32, "big")).value


def _answer(number: int) -> bytes:
    principal = principal_pb2.Principal(
        kind=principal_pb2.PRINCIPAL_KIND_CONSUMER,
        id=f"01890000-0000-7000-8000-{number:012}",
        tenant_id=f"01890000-0000-7000-9000-{number % _TENANTS:012}",
        name=f"consumer {number}",
        scopes=["orders:read", "orders:write"],
        tier="gold",
        credential_id=f"{number:08}",
        expire_time=Timestamp(seconds=4_000_000_000),
    )
    return pb.AuthenticateResponse(principal=principal, revision=1).SerializeToString()
