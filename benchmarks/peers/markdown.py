"""Tables as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

__all__ = ["bar", "figure", "share", "table"]


def figure(value: float | None, digits: int = 3) -> str:
    """Return a number with so many digits that count; a dash where there is none."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 10 ** (digits - 1) else f"{value:.{digits}g}"


def share(part: float, whole: float) -> str:
    """Return a share in percent; a dash of nothing."""
    return f"{100 * part / whole:.0f} %" if whole else "-"


def bar(value: float, limit: float, *, at_least: bool) -> str:
    """Return a bar and whether it is met."""
    met = value >= limit if at_least else value <= limit
    return f"{'≥' if at_least else '≤'} {limit:,g}: {'met' if met else 'NOT MET'}"


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table; a row that is too short is filled up."""
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for row in rows:
        cells = [str(cell).replace("|", "\\|").replace("\n", " ") for cell in row]
        lines.append(f"| {' | '.join([*cells, *[''] * (len(heads) - len(cells))])} |")
    return "\n".join(lines)
