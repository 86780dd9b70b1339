"""Bars of requests a second as SVG, a panel for each number of connections. Pure."""

from collections.abc import Mapping, Sequence
from html import escape

from bench.report import Summary

_LABEL, _BAR, _NOTE, _LINE, _TITLE = 150, 420, 230, 26, 40


def picture(panels: Mapping[int, Sequence[Summary]]) -> str:
    """The panels from top to bottom, each in a scale of its own; Penstock's bars stand out."""
    parts, top = [], 10
    for connections, rows in panels.items():
        most = max([1.0, *(row.rate for row in rows)])
        plural = "" if connections == 1 else "s"
        parts.append(f'<text x="{_LABEL}" y="{top + 20}" font-weight="bold">{connections} connection{plural}</text>')
        parts += [_bar(row, top + _TITLE + _LINE * number - 10, most) for number, row in enumerate(rows)]
        top += _TITLE + _LINE * len(rows)
    width = _LABEL + _BAR + _NOTE
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{top + 10}" font-family="sans-serif" '
        f'font-size="13"><rect width="100%" height="100%" fill="white"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _bar(row: Summary, top: int, most: float) -> str:
    width = max(1.0, row.rate / most * _BAR)
    colour = "#2f6f9f" if row.name.startswith("Penstock") else "#b8bec6"
    note = f"{row.rate:,.0f}/s{row.mark}, p99 {row.p99_ms:.1f} ms"
    return (
        f'<text x="{_LABEL - 8}" y="{top + 15}" text-anchor="end">{escape(row.name)}</text>'
        f'<rect x="{_LABEL}" y="{top + 2}" width="{width:.1f}" height="{_LINE - 8}" fill="{colour}"/>'
        f'<text x="{_LABEL + width + 6:.1f}" y="{top + 15}">{note}</text>'
    )
