"""Measures Penstock beside its peers in one run: `make bench ARGS='--seconds 5 --connections 64 --rounds 3'`."""

import argparse
import statistics
import tempfile
from pathlib import Path

from bench import peers
from bench.load import Run, run_wrk
from bench.peers import Peer

CONTENDERS = (peers.nginx, peers.penstock, peers.fastapi)


def measure(peer: Peer, rounds: int, seconds: int, connections: int) -> list[Run]:
    """Several runs after a warm-up."""

    def once(duration: int) -> Run:
        return run_wrk(peer.url, connections=connections, seconds=duration, gateway=peer.pids, headers=peer.headers)

    once(2)
    return [once(seconds) for _ in range(rounds)]


def row(name: str, runs: list[Run], reference: float) -> str:
    """One line of the table: medians over the runs."""
    rate = statistics.median(run.rate for run in runs)
    return (
        f"| {name} | {rate:,.0f} | {rate / reference:.2f} | {statistics.median(r.p50_ms for r in runs):.1f} "
        f"| {statistics.median(r.p99_ms for r in runs):.1f} | {statistics.median(r.gateway_cpu_us for r in runs):.0f} "
        f"| {max(r.helper_busy for r in runs):.0%} | {sum(r.failed for r in runs)} |"
    )


def main() -> None:
    """Prints the table."""
    arguments = argparse.ArgumentParser(prog="bench", description=__doc__)
    arguments.add_argument("--seconds", type=int, default=5, help="length of a run")
    arguments.add_argument("--connections", type=int, default=64, help="open connections")
    arguments.add_argument("--rounds", type=int, default=3, help="runs of each peer; the median counts")
    given = arguments.parse_args()
    print(f"{given.connections} connections, median of {given.rounds} runs of {given.seconds} s, one gateway core\n")
    print("| gateway | requests/s | × nginx | p50 ms | p99 ms | CPU µs/request | helper core | failed |")
    print("|---|---|---|---|---|---|---|---|")
    reference = 0.0
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        scratch = Path(folder)
        with peers.upstream(scratch) as upstream_port:
            for contender in CONTENDERS:
                with contender(scratch, upstream_port) as peer:
                    runs = measure(peer, given.rounds, given.seconds, given.connections)
                reference = reference or statistics.median(run.rate for run in runs)
                print(row(peer.name, runs, reference), flush=True)


if __name__ == "__main__":
    main()
