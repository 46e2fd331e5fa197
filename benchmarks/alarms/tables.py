"""The results as Markdown for people, and as JSON for programs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.alarms.cells import Bar, Cell
from benchmarks.alarms.figures import Figure, holds
from benchmarks.alarms.subject import Outcome

__all__ = ["Result", "as_json", "as_markdown"]

TITLES = {
    "quiet": "False alarms: quiet windows, budget 1 %",
    "power": "Power: 3 of 20 columns shifted, or one of 5 levels changed, after 32 quiet windows",
    "tiny": "Many rows: +0.01 σ in every column",
    "days": "Days that differ by 0.2 σ in 3 columns, given as the baseline's own windows",
    "same_days": "Days that do not differ, with (own) and without (plain) the baseline's own windows",
}
TEXTS = {
    "alarms": "false alarms",
    "shift_0.25_at_once": "+0.25 σ in 3 of 20, at once",
    "shift_0.1_within_6": "+0.1 σ in 3 of 20, within 6 windows",
    "shift_0.1_within_8": "+0.1 σ in 3 of 20, within 8 windows",
    "mix_10_to_20": "mix .30→.20, .10→.20, at once",
    "mix_20_to_30": "mix .30→.20, .20→.30, at once",
    "day_1_found": "+1 σ day in a column whose days differ",
    "day_1_found_numeric": "the same, numeric",
    "day_1_found_categorical": "the same, categorical",
    "shift_0.25_elsewhere": "+0.25 σ in 3 other columns",
    "alarms_own": "false alarms, own windows",
    "alarms_plain": "false alarms, plain",
    "alarms_own_minus_plain": "false alarms, own minus plain",
    "found_own": "+0.25 σ in 3 of 20, own windows",
    "found_plain": "+0.25 σ in 3 of 20, plain",
    "found_own_minus_plain": "+0.25 σ in 3 of 20, own minus plain",
}
HEAD = ("n", "m", "ρ", "what", "%", "s.e.", "baselines × trials", "above 1 %", "worst", "bar", "holds")
LIGHT = "_light"
WORKS = ("draw", "profile", "judge")


@dataclass(frozen=True, slots=True)
class Result:
    """A cell with what came of it.

    Parameters
    ----------
    cell : Cell
        The cell.
    figures : dict of str to Figure
        By name.
    outcomes : list of Outcome
        One for each baseline.
    """

    cell: Cell
    figures: dict[str, Figure]
    outcomes: list[Outcome]

    def missed(self) -> list[Bar]:
        """Return the bars that are not reached."""
        return [bar for bar in self.cell.bars if not holds(bar, self.figures[bar.figure])]


def as_markdown(results: Sequence[Result]) -> str:
    """Return one table for each kind of cell, and one of the cost.

    Parameters
    ----------
    results : sequence of Result
        In any order.

    Returns
    -------
    str
    """
    parts = []
    for run, title in TITLES.items():
        chosen = [result for result in results if result.cell.run == run]
        if not chosen:
            continue
        light = any(name.endswith(LIGHT) for result in chosen for name in result.figures)
        head = (*HEAD, "without heavy atoms, %", "s.e.") if light else HEAD
        lines = [line for result in chosen for line in _lines(result, light=light)]
        parts.append(f"## {title}\n\n{_table(head, lines)}{_columns(chosen)}")
    costs = _table(("n", "m", *WORKS), _costs(results))
    parts.append(f"## Processor time of a window, ms\n\n{costs}")
    return "\n\n".join(parts)


def _lines(result: Result, *, light: bool) -> list[list[str]]:
    cell, lines = result.cell, []
    for name in [name for name in TEXTS if name in result.figures]:
        figure = result.figures[name]
        bar = next((bar for bar in cell.bars if bar.figure == name), None)
        line = [f"{cell.rows:,}", f"{cell.baseline_rows:,}", f"{cell.rho:g}", TEXTS[name]]
        line += [*_percent(figure), f"{figure.baselines} × {figure.trials / figure.baselines:g}"]
        line += [f"{100 * figure.above:.0f}", f"{100 * figure.worst:.1f}"] if "alarms" in name else ["", ""]
        line += ["", ""] if bar is None else [_bar(bar), "yes" if holds(bar, figure) else "**no**"]
        if light:
            rest = result.figures.get(f"{name}{LIGHT}")
            line += ["", ""] if rest is None else _percent(rest)
        lines.append(line)
    return lines


def _percent(figure: Figure) -> list[str]:
    return [f"{100 * figure.share:.2f}", f"{100 * figure.error:.2f}"]


def _bar(bar: Bar) -> str:
    sign = {"<=": "≤", ">=": "≥"}[bar.sign]
    beyond = f" (within {bar.errors:g} s.e.)" if bar.errors else ""
    return f"{sign} {100 * bar.limit:g}{beyond}"


def _table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _columns(results: Sequence[Result]) -> str:
    """Say which columns the alarms of quiet windows came from."""
    found = _sum(outcome.columns for result in results for outcome in result.outcomes)
    said = ", ".join(f"{name} {count}" for name, count in found.most_common())
    return f"\n\nColumns that alarmed: {said}." if said else ""


def _sum(counters: Iterable[Counter[str]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for counter in counters:
        total.update(counter)
    return total


def _seconds(outcomes: Sequence[Outcome]) -> dict[str, float]:
    return {work: sum(one.seconds.get(work, 0.0) for one in outcomes) for work in WORKS}


def _costs(results: Sequence[Result]) -> list[list[str]]:
    lines = []
    for rows, baseline_rows in sorted({(result.cell.rows, result.cell.baseline_rows) for result in results}):
        chosen = [
            outcome
            for result in results
            if (result.cell.rows, result.cell.baseline_rows) == (rows, baseline_rows)
            for outcome in result.outcomes
        ]
        seconds, calls = _seconds(chosen), _sum(one.calls for one in chosen)
        each = [f"{1000 * seconds[work] / max(1, calls[work]):.2f}" for work in WORKS]
        lines.append([f"{rows:,}", f"{baseline_rows:,}", *each])
    return lines


def as_json(results: Sequence[Result]) -> list[dict[str, Any]]:
    """Return the same for a program: shares, 0 to 1; NaN (one baseline has no error) is None.

    Parameters
    ----------
    results : sequence of Result
        In any order.

    Returns
    -------
    list of dict
    """
    return [
        asdict(result.cell)
        | {
            "name": result.cell.name,
            "figures": {name: _plain(asdict(figure)) for name, figure in result.figures.items()},
            "missed": [bar.figure for bar in result.missed()],
            "columns": dict(_sum(outcome.columns for outcome in result.outcomes).most_common()),
            "seconds": _seconds(result.outcomes),
            "calls": dict(_sum(outcome.calls for outcome in result.outcomes)),
        }
        for result in results
    ]


def _plain(figure: dict[str, Any]) -> dict[str, Any]:
    return {name: None if math.isnan(value) else value for name, value in figure.items()}
