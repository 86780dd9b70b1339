"""Whether the time of a refusal tells what is wrong with a key: `python -m bench.refusals --rounds 300`. Exit code 1
when it does.

In each round one key of every kind is presented, each for the first time, in an order drawn anew. The times of a round
are compared with one another, so that what the machine does meanwhile falls out.
"""

import argparse
import http.client
import random
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import Any

from bench.penstock import UNLIMITED, Suite, suite
from domain import api_keys

REFERENCE = "unknown"
NOBODY = 9
"""The port of an upstream that no request reaches."""
TELLING = 0.05
"""The part of a refusal's time from which on a difference counts, when it is no chance."""


@dataclass(frozen=True, slots=True)
class Difference:
    """The median of paired differences, and the bounds within which the true one lies in 95 % of cases (seconds)."""

    median: float
    least: float
    most: float

    def tells(self, usual: float) -> bool:
        """Whether a refusal that takes `usual` is told apart."""
        return abs(self.median) > TELLING * usual and (self.least > 0 or self.most < 0)


def difference(values: Sequence[float], reference: Sequence[float]) -> Difference:
    """How paired values differ. The bounds are the order statistics of the sign test, by the normal approximation
    (Conover, Practical Nonparametric Statistics, 3.2)."""
    paired = sorted(value - other for value, other in zip(values, reference, strict=True))
    count = len(paired)
    spread = 0.98 * sqrt(count)
    least, most = int(count / 2 - spread), int(count / 2 + spread)
    return Difference(statistics.median(paired), paired[max(least, 0)], paired[min(most, count - 1)])


def keys(running: Suite, rounds: int) -> Mapping[str, Callable[[], str]]:
    """For each kind what makes a key that was never presented."""

    def asked(method: str, path: str, body: object = None) -> Any:
        answer = running.admin.request(method, f"/admin/v1/tenants/{path}", json=body)
        return answer.raise_for_status().json()

    def made(slug: str = "keys") -> str:
        return str(asked("POST", f"{slug}/keys", {"name": "k"})["api_key"])

    def ended(method: str, change: str) -> Iterator[str]:
        found = [made() for _ in range(rounds)]
        for key in found:
            asked(method, f"keys/keys/{key[17:25]}{change}")
        return iter(found)

    own, other = made(), made("keys-other")

    def composed(key_id: str) -> str:
        return api_keys.compose(True, own[9:17], key_id, secrets.token_bytes(32)).value.decode()

    revoked, disabled, expired = ended("DELETE", ""), ended("POST", "/disable"), ended("POST", "/rotate")
    return {
        REFERENCE: lambda: composed(api_keys.new_id(secrets.token_bytes(16))),
        "wrong": lambda: composed(own[17:25]),
        "foreign": lambda: composed(other[17:25]),
        "revoked": lambda: next(revoked),
        "disabled": lambda: next(disabled),
        "expired": lambda: next(expired),
    }


def measure(edge: str, makers: Mapping[str, Callable[[], str]], rounds: int) -> dict[str, list[float]]:
    """The seconds of each refusal, by kind, in the order of the rounds."""
    connection = http.client.HTTPConnection(edge.removeprefix("http://"), timeout=10)
    took: dict[str, list[float]] = {kind: [] for kind in makers}
    for _ in range(rounds):
        for kind in random.sample(sorted(makers), len(makers)):
            key = makers[kind]()
            began = time.perf_counter()
            connection.request("GET", "/keys/x", headers={"X-API-Key": key})
            answer = connection.getresponse()
            answer.read()
            took[kind].append(time.perf_counter() - began)
            if answer.status != 401:
                sys.exit(f"bench: a key that is {kind} was answered with {answer.status}")
    return took


def report(took: Mapping[str, Sequence[float]]) -> bool:
    """Prints the table; whether no kind is told apart."""
    usual = statistics.median(took[REFERENCE])
    sound = True
    print(f"| key | median ms | differs from {REFERENCE} by µs (95 %) | told apart |\n|---|---:|---:|---|")
    for kind, values in took.items():
        found = difference(values, took[REFERENCE])
        tells = kind != REFERENCE and found.tells(usual)
        sound = sound and not tells
        bounds = "–" if kind == REFERENCE else f"{_us(found.median)} ({_us(found.least)} to {_us(found.most)})"
        print(f"| {kind} | {statistics.median(values) * 1e3:.3f} | {bounds} | {'yes' if tells else 'no'} |")
    return sound


def _us(seconds: float) -> str:
    return f"{seconds * 1e6:+.0f}"


def main() -> None:
    """Runs it."""
    arguments = argparse.ArgumentParser(prog="bench.refusals", description=__doc__)
    arguments.add_argument("--rounds", type=int, default=300)
    rounds = arguments.parse_args().rounds
    with tempfile.TemporaryDirectory(prefix="refusals-") as folder, suite(Path(folder), NOBODY, "0-1") as running:
        for slug in ("keys", "keys-other"):
            running.tenant(slug, slug, {**UNLIMITED, "failed_authentication": "unlimited"}, "/keys/x")
        sound = report(measure(running.edge, keys(running, rounds), rounds))
    sys.exit(0 if sound else 1)


if __name__ == "__main__":
    main()
