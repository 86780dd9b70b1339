"""Measures Penstock beside its peers in one run: `make bench`. Tables on the standard output, progress beside them."""

import argparse
import sys
import tempfile
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Protocol

from bench import peers, penstock
from bench.load import Gateway, Run, run_wrk
from bench.plot import picture
from bench.processes import NotInstalled, installed, settle
from bench.report import Summary, added_latency, comparison, document, growth, summarised

DIRECT = "no gateway"
REFERENCES = ("nginx", "Envoy")
GROWTH_CONNECTIONS = 64


class Start(Protocol):
    """Starts a peer in front of an upstream."""

    def __call__(self, scratch: Path, upstream_port: int) -> AbstractContextManager[Gateway]: ...


BEFORE: dict[str, Start] = {"nginx": peers.nginx, "haproxy": peers.haproxy, "envoy": peers.envoy}
AFTER: dict[str, Start] = {"asgi": peers.asgi, "fastapi": peers.fastapi}
PEERS = (*BEFORE, "penstock", *AFTER)


class Bench:
    """Runs of many gateways, in rounds, so that what disturbs the machine disturbs all alike."""

    def __init__(self, seconds: int, rounds: int) -> None:
        self._seconds = seconds
        self._rounds = rounds

    def compare(self, gateways: list[Gateway], direct: Gateway, levels: list[int]) -> dict[int, list[Summary]]:
        """The gateways at each number of connections; with a single connection also `direct`, as the first."""
        plan = {level: ([direct] if level == 1 else []) + gateways for level in levels}
        runs: dict[tuple[int, str], list[Run]] = {}
        for gateway in gateways:
            self._run(gateway, max(levels), "warm-up")
        for number in range(self._rounds):
            for level, each in ((level, each) for level, row in plan.items() for each in row):
                run = self._run(each, level, f"round {number + 1} of {self._rounds}")
                runs.setdefault((level, each.name), []).append(run)
        return {level: [summarised(each.name, runs[level, each.name]) for each in row] for level, row in plan.items()}

    def grow(self, growing: penstock.Growth, routes: int) -> tuple[Summary, Summary]:
        """The edge with one route and with many, in turn."""
        few, many = [], []
        for _ in range(self._rounds):
            growing.few()
            few.append(self._run(growing.gateway, GROWTH_CONNECTIONS, "1 route"))
            growing.many()
            many.append(self._run(growing.gateway, GROWTH_CONNECTIONS, f"{routes:,} routes"))
        return summarised("1", few), summarised(f"{routes:,}", many)

    def _run(self, gateway: Gateway, connections: int, when: str) -> Run:
        settle()
        run = run_wrk(gateway, connections=connections, seconds=self._seconds)
        print(f"{when}: {gateway.name} at {connections}: {run.rate:,.0f}/s", file=sys.stderr, flush=True)
        return run


def main() -> None:
    """Runs everything; writes the tables and the picture."""
    given = _options()
    try:
        installed("wrk")
        installed("nginx")
    except NotInstalled as missing:
        sys.exit(f"bench: {missing} (Debian: apt-get install wrk nginx-light)")
    bench, skipped, sections = Bench(given.seconds, given.rounds), [], {}
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, ExitStack() as stack:
        scratch, gateways = Path(folder), []
        port = stack.enter_context(peers.upstream(scratch))

        def start(several: dict[str, Start]) -> None:
            for name, each in several.items():
                if name in given.peers:
                    try:
                        gateways.append(stack.enter_context(each(scratch, port)))
                    except NotInstalled as missing:
                        skipped.append(f"Skipped: {missing}.")

        start(BEFORE)
        suite = stack.enter_context(penstock.measured_suite(scratch, port)) if "penstock" in given.peers else None
        if suite is not None:
            gateways.append(suite.tenant("Penstock, edge only", "edge", penstock.UNLIMITED))
            gateways.append(suite.tenant("Penstock, whole job", "whole", penstock.LIMITED))
        start(AFTER)

        direct = Gateway(DIRECT, f"http://127.0.0.1:{port}{peers.PATH}", ())
        panels = bench.compare(gateways, direct, given.connections)
        without = panels[1].pop(0) if 1 in panels else None
        for level, rows in panels.items():
            sections[f"{level} connection{'s' if level > 1 else ''}"] = comparison(rows, REFERENCES)
        if without is not None:
            sections["Added latency, 1 connection"] = added_latency(panels[1], without)
        if suite is not None and given.routes:
            few, many = bench.grow(penstock.Growth(suite, given.routes), given.routes)
            sections[f"Growth, {GROWTH_CONNECTIONS} connections"] = growth(few, many)

    how = f"Medians of {given.rounds} rounds; a run is {given.seconds} s. One gateway core, one core for the rest."
    text = document(sections, [*skipped, how])
    print(text)
    given.output.mkdir(parents=True, exist_ok=True)
    (given.output / "bench.md").write_text(text)
    (given.output / "bench.svg").write_text(picture(panels))


def _options() -> argparse.Namespace:
    arguments = argparse.ArgumentParser(prog="bench", description=__doc__)
    arguments.add_argument("--seconds", type=int, default=4, help="length of a run")
    arguments.add_argument("--rounds", type=int, default=3, help="runs of each gateway at each number of connections")
    arguments.add_argument("--connections", type=int, nargs="+", default=[1, 64, 256], help="open connections")
    arguments.add_argument("--peers", nargs="+", choices=PEERS, default=PEERS, help="who is measured")
    arguments.add_argument("--routes", type=int, default=10_000, help="routes of the large document; 0: none")
    arguments.add_argument("--output", type=Path, default=Path(".bench"), help="folder for bench.md and bench.svg")
    return arguments.parse_args()


if __name__ == "__main__":
    main()
