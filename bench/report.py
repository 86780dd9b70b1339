"""What many runs come to: medians, ratios and Markdown. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from bench.load import Run

MAX_HELPER_BUSY = 0.85
"""A run counts while the helpers' core was less busy than this: above, load and upstream are what was measured."""
FOOTNOTE = (
    f"† No run counts: the helpers' core was busier than {MAX_HELPER_BUSY:.0%}, so that the gateway might do more."
)


@dataclass(frozen=True, slots=True)
class Summary:
    """The medians of a gateway's runs that count, of all of them if none does; units as in `Run`."""

    name: str
    rate: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    gateway_busy: float
    helper_busy: float
    counted: int
    runs: int
    failed: int

    @property
    def mark(self) -> str:
        """A dagger where no run counts."""
        return "" if self.counted else " †"


def summarised(name: str, runs: Sequence[Run]) -> Summary:
    """The summary of at least one run."""
    counted = [run for run in runs if run.helper_busy < MAX_HELPER_BUSY]
    used = counted or runs

    def middle(value: Callable[[Run], float]) -> float:
        return median(map(value, used))

    return Summary(
        name,
        middle(lambda run: run.rate),
        middle(lambda run: run.p50_ms),
        middle(lambda run: run.p99_ms),
        middle(lambda run: run.gateway_cpu_us),
        middle(lambda run: run.gateway_busy),
        middle(lambda run: run.helper_busy),
        len(counted),
        len(runs),
        sum(run.failed for run in runs),
    )


def comparison(rows: Sequence[Summary], references: Sequence[str]) -> str:
    """A table of gateways at one number of connections, with a ratio to each reference that is among them."""
    known = {row.name: row for row in rows}
    beside = [known[name] for name in references if name in known]
    titles = ["gateway", "requests/s", *(f"× {each.name}" for each in beside), "p50 ms", "p99 ms", "CPU µs/request"]
    titles += ["gateway's core", "helpers' core", "runs that count", "failed"]
    return table(
        titles,
        [
            [
                row.name,
                f"{row.rate:,.0f}{row.mark}",
                *(f"{row.rate / each.rate:.2f}" for each in beside),
                f"{row.p50_ms:.2f}",
                f"{row.p99_ms:.2f}",
                f"{row.cpu_us:.0f}",
                f"{row.gateway_busy:.0%}",
                f"{row.helper_busy:.0%}",
                f"{row.counted} of {row.runs}",
                str(row.failed),
            ]
            for row in rows
        ],
    )


def added_latency(rows: Sequence[Summary], direct: Summary) -> str:
    """A table of what each gateway adds to the latency of going without one, which stands first."""
    return table(
        ["gateway", "p50 ms", "p99 ms", "added p50 ms", "added p99 ms"],
        [
            [
                row.name,
                f"{row.p50_ms:.2f}",
                f"{row.p99_ms:.2f}",
                f"{row.p50_ms - direct.p50_ms:.2f}",
                f"{row.p99_ms - direct.p99_ms:.2f}",
            ]
            for row in (direct, *rows)
        ],
    )


def growth(few: Summary, many: Summary) -> str:
    """A table of one gateway with few routes and with many."""
    return table(
        ["routes", "requests/s", "share", "p99 ms", "CPU µs/request"],
        [
            [
                row.name,
                f"{row.rate:,.0f}{row.mark}",
                f"{row.rate / few.rate:.2f}",
                f"{row.p99_ms:.2f}",
                f"{row.cpu_us:.0f}",
            ]
            for row in (few, many)
        ],
    )


def document(sections: Mapping[str, str], notes: Sequence[str]) -> str:
    """The tables under their titles, then notes: the footnote where it is needed, and what was skipped."""
    text = "\n".join(f"## {title}\n\n{section}" for title, section in sections.items())
    needed = [FOOTNOTE] if "†" in text else []
    return "\n".join([text, *(f"{note}\n" for note in (*needed, *notes))])


def table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, all columns but the first to the right."""
    lines = [titles, ["---"] + ["---:"] * (len(titles) - 1), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
