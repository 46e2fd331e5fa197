"""Simulates and draws what docs/alarm-budget.md shows: ``python -m benchmarks.budget_pictures``.

Ten independent normal columns, a baseline of 5,000 rows, a budget of one false alarm in 100 windows. The
alarms are those of ``mirante.DriftMonitor``. Takes some minutes; ``--quick`` is rough.
The seeds are fixed, so the same code draws the same pictures.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mirante import DriftMonitor, TableProfile
from mirante.stats.twosample import ks
from mirante.views.theme import colour

COLUMNS = 10
BASELINE_ROWS = 5_000
BUDGET = "1 in 100 windows"
SIZES = (100, 300, 1_000, 3_000, 10_000)
SHIFTS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4)
WITHIN = (1, 6, 16)
LONGEST = 32
SMALL_SHIFT = 0.1
ROWS = 500

Table = dict[str, NDArray[np.float64]]
Share = float


def table(rng: np.random.Generator, rows: int, shift: float = 0.0) -> Table:
    """Return normal columns; the first one moved by `shift` standard deviations."""
    columns = {f"x{number}": rng.normal(0.0, 1.0, rows) for number in range(COLUMNS)}
    columns["x0"] += shift
    return columns


def monitor_of(baseline: Table, *, pooled: bool = True) -> DriftMonitor:
    return DriftMonitor(TableProfile.of(baseline), alarm_budget=BUDGET, pooled=pooled)


def alarmed(monitor: DriftMonitor, window: Table) -> bool:
    return monitor.update(TableProfile.of(window, like=monitor.baseline)).drifted


def any_p(baseline: Table, window: Table) -> bool:
    return any(ks(baseline[name], window[name]).p_value < 0.05 for name in baseline)


def quiet(size: int, baselines: int, windows: int) -> tuple[Share, Share]:
    """Return the share of quiet windows that any p < 0.05 flags, and the share that the monitor flags."""
    naive = ours = 0
    for number in range(baselines):
        rng = np.random.default_rng([1, size, number])
        baseline = table(rng, BASELINE_ROWS)
        monitor = monitor_of(baseline)
        for _ in range(windows):
            window = table(rng, size)
            naive += any_p(baseline, window)
            ours += alarmed(monitor, window)
    return naive / (baselines * windows), ours / (baselines * windows)


def first_alarms(shift: float, trials: int, *, pooled: bool = True, longest: int = LONGEST) -> list[int]:
    """Return, for each trial, the window at which a lasting shift is first seen; `longest` + 1 for never."""

    def first(number: int) -> int:
        rng = np.random.default_rng([2, int(shift * 1000), number])
        monitor = monitor_of(table(rng, BASELINE_ROWS), pooled=pooled)
        seen = (k for k in range(1, longest + 1) if alarmed(monitor, table(rng, ROWS, shift)))
        return next(seen, longest + 1)

    return [first(number) for number in range(trials)]


def within(firsts: Sequence[int], windows: int) -> Share:
    return float(np.mean(np.asarray(firsts) <= windows))


# ---- drawing -----------------------------------------------------------------------------------------------


def axes(title: str, x: str, y: str) -> Iterator[tuple[Any, Any]]:
    """Yield one figure in the colours of the pages."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    look = {
        "svg.hashsalt": "mirante",
        "svg.fonttype": "none",
        "font.family": "sans-serif",
        "font.size": 11,
        "text.color": colour("text"),
        "axes.labelcolor": colour("muted"),
        "xtick.color": colour("muted"),
        "ytick.color": colour("muted"),
        "axes.edgecolor": colour("border"),
        "axes.spines.top": False,
        "axes.spines.right": False,
        "grid.color": colour("grid"),
    }
    with pyplot.rc_context(look):
        figure, area = pyplot.subplots(figsize=(7.2, 3.6), layout="constrained")
        area.set_title(title, loc="left", fontsize=12)
        area.set_xlabel(x)
        area.set_ylabel(y)
        area.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
        area.grid(axis="y")
        area.set_axisbelow(True)
        yield figure, area
        pyplot.close(figure)


def save(path: Path, title: str, x: str, y: str, draw: Callable[[Any], None], **legend: Any) -> None:
    for figure, area in axes(title, x, y):
        draw(area)
        area.set_ylim(bottom=0)
        area.legend(frameon=False, **legend)
        figure.savefig(path, metadata={"Date": None, "Creator": None})
    lines = path.read_text(encoding="utf-8").splitlines()  # matplotlib leaves blanks at line ends
    path.write_text("\n".join(line.rstrip() for line in lines) + "\n", encoding="utf-8")


def draw_quiet(folder: Path, found: dict[int, tuple[Share, Share]]) -> None:
    def draw(area: Any) -> None:
        places = np.arange(len(found))
        naive, ours = zip(*found.values(), strict=True)
        for by, shares, name, fill in (
            (-0.2, naive, "any p < 0.05", colour("series-2")),
            (0.2, ours, "Mirante", colour("series-1")),
        ):
            bars = area.bar(places + by, shares, 0.36, label=name, color=fill)
            area.bar_label(bars, [f"{100 * share:.1f} %" for share in shares], fontsize=9, padding=2)
        area.set_xticks(places, [f"{size:,}" for size in found])

    title = "Quiet windows that are called drift"
    beside = {"loc": "lower right", "bbox_to_anchor": (1, 1), "ncols": 2, "borderaxespad": 0}
    save(folder / "budget-quiet.svg", title, "rows in a window", "share of windows", draw, **beside)


def draw_power(folder: Path, found: dict[float, list[int]]) -> None:
    def draw(area: Any) -> None:
        for windows, token in zip(WITHIN, ("series-6", "series-1", "series-3"), strict=True):
            shares = [within(firsts, windows) for firsts in found.values()]
            name = "in the first window" if windows == 1 else f"within {windows} windows"
            area.plot(list(found), shares, marker="o", markersize=4, label=name, color=colour(token))

    title = f"A lasting shift of one of {COLUMNS} columns, {ROWS} rows a window"
    save(folder / "budget-power.svg", title, "shift in standard deviations", "shifts that are seen", draw)


def draw_pooled(folder: Path, found: dict[str, list[int]]) -> None:
    def draw(area: Any) -> None:
        steps = np.arange(1, LONGEST + 1)
        for (name, firsts), token in zip(found.items(), ("series-1", "series-2"), strict=True):
            shares = [within(firsts, int(step)) for step in steps]
            area.step(steps, shares, where="mid", label=name, color=colour(token))

    title = f"A lasting shift of {SMALL_SHIFT} standard deviations, {ROWS} rows a window"
    save(folder / "budget-pooled.svg", title, "windows since the shift began", "shifts that were seen", draw)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=Path, default=Path("docs/images"))
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args(arguments)
    baselines, windows, trials = (2, 5, 4) if given.quick else (40, 50, 300)

    noise = {size: quiet(size, baselines, windows) for size in SIZES}
    for size, (naive, ours) in noise.items():
        print(f"{size:>6} rows: any p < 0.05 {naive:.3f}, monitor {ours:.4f}")
    draw_quiet(given.to, noise)

    seen = {shift: first_alarms(shift, trials, longest=max(WITHIN)) for shift in SHIFTS}
    for shift, firsts in seen.items():
        print(f"{shift:.2f} sd: " + ", ".join(f"within {k}: {within(firsts, k):.3f}" for k in WITHIN))
    draw_power(given.to, seen)

    pools = {
        "with pools": first_alarms(SMALL_SHIFT, trials),
        "each window by itself": first_alarms(SMALL_SHIFT, trials, pooled=False),
    }
    for name, firsts in pools.items():
        print(f"{name}: " + ", ".join(f"within {k}: {within(firsts, k):.3f}" for k in (1, 4, 6, 8, 16, 32)))
    draw_pooled(given.to, pools)


if __name__ == "__main__":
    main()
