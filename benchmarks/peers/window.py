"""Table "window": a window of 500 rows from an Arrow record batch, Mirante beside the scipy loop.

Mirante: profile, all scores, verdict over all pooled scales (a monitor that has seen 40 windows before).
scipy: the p-values of the same window against the same baseline, from frames that were made beforehand. In
turns, in one process; CPU time is judged, since the wall clock also shows what else the machine does.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from launch import Launcher
from markdown import bar, figure, table

__all__ = ["BAR_ROWS", "compare", "measure", "missed", "render"]

BAR_ROWS = 500
BAR_MICROSECONDS = 900.0
BAR_RATIO = 8.0
_WARM_WINDOWS = 40  # the largest pooled scale is 32 windows
_TURN_WINDOWS = 25
_TURN_LOOPS = 5


def _times(call: Callable[[Any], object], inputs: Sequence[Any]) -> list[tuple[float, float]]:
    """Return the CPU and the wall microseconds of each call."""
    taken = []
    for given in inputs:
        wall, cpu = time.perf_counter_ns(), time.process_time_ns()
        call(given)
        taken.append(((time.process_time_ns() - cpu) / 1000, (time.perf_counter_ns() - wall) / 1000))
    return taken


def _summary(taken: list[tuple[float, float]]) -> dict[str, Any]:
    found: dict[str, Any] = {"n": len(taken)}
    for name, values in zip(("cpu_us", "wall_us"), zip(*taken, strict=True), strict=True):
        ordered = sorted(values)
        places = {"p10": 0.1, "median": 0.5, "p90": 0.9}
        found[name] = {
            quantile: ordered[int(place * (len(ordered) - 1))] for quantile, place in places.items()
        }
    return found


def measure(baseline_rows: int, window_rows: int, windows: int) -> dict[str, Any]:
    """Return the microseconds per window of both, and how many of the quiet windows alarmed."""
    import frames
    from adapters import scipy_loop
    from adapters.flags import Columns

    from mirante.drift.monitor import DriftMonitor
    from mirante.profiles.table import TableProfile

    columns = Columns(frames.NUMERIC, frames.CATEGORICAL)
    reference = frames.make_table(baseline_rows, 1)
    baseline = TableProfile.of(reference)
    monitor = DriftMonitor(baseline, alarm_budget="1 in 100 windows")
    loop = scipy_loop.prepare(reference.to_pandas(), columns, "default")
    seeds = range(10_000, 10_000 + _WARM_WINDOWS + windows)
    batches = [frames.make_table(window_rows, seed).combine_chunks().to_batches()[0] for seed in seeds]
    alarms = 0

    def judge(batch: Any) -> None:
        nonlocal alarms
        alarms += monitor.update(TableProfile.of(batch, like=baseline)).drifted

    _times(judge, batches[:_WARM_WINDOWS])
    alarms = 0
    own: list[tuple[float, float]] = []
    scipy: list[tuple[float, float]] = []
    for start in range(_WARM_WINDOWS, len(batches), _TURN_WINDOWS):
        turn = batches[start : start + _TURN_WINDOWS]
        own += _times(judge, turn)
        scipy += _times(loop, [batch.to_pandas() for batch in turn[:_TURN_LOOPS]])
    return {"mirante": _summary(own), "scipy": _summary(scipy), "alarms": alarms}


def compare(
    launcher: Launcher, *, window_rows: int, baselines: Sequence[int], windows: int
) -> dict[str, Any]:
    """Measure against baselines of several sizes."""
    rows = [
        {"baseline_rows": size}
        | launcher.run("window", baseline_rows=size, window_rows=window_rows, windows=windows)
        for size in baselines
    ]
    return {"window_rows": window_rows, "rows": rows}


def _ratio(row: dict[str, Any]) -> float:
    return float(row["scipy"]["cpu_us"]["median"] / row["mirante"]["cpu_us"]["median"])


def _cells(times: dict[str, float]) -> str:
    return f"{times['median']:,.0f} ({times['p10']:,.0f} - {times['p90']:,.0f})"


def render(result: dict[str, Any]) -> str:
    """Return the table."""
    heads = ["baseline rows", "Mirante CPU µs, median (p10 - p90)", "wall µs", "bar"]
    heads += ["scipy loop CPU µs", "wall µs", "ratio", "bar", "alarms"]
    rows = []
    for row in result["rows"]:
        if "error" in row:
            rows.append([f"{row['baseline_rows']:,}", row["error"]])
            continue
        own, scipy, judged = row["mirante"], row["scipy"], result["window_rows"] == BAR_ROWS
        rows.append(
            [
                f"{row['baseline_rows']:,}",
                _cells(own["cpu_us"]),
                _cells(own["wall_us"]),
                bar(own["cpu_us"]["median"], BAR_MICROSECONDS, at_least=False) if judged else "",
                _cells(scipy["cpu_us"]),
                _cells(scipy["wall_us"]),
                figure(_ratio(row)),
                bar(_ratio(row), BAR_RATIO, at_least=True) if judged else "",
                f"{row['alarms']} of {own['n']} quiet windows",
            ]
        )
    return f"### Window: {result['window_rows']:,} × 20 from a record batch\n\n{table(heads, rows)}"


def missed(result: dict[str, Any]) -> list[str]:
    """Return the bars that are not met; none for windows of another size."""
    found = []
    for row in result["rows"] if result["window_rows"] == BAR_ROWS else []:
        against = f"window against {row['baseline_rows']:,} rows"
        if "error" in row:
            found.append(f"{against}: {row['error']}")
            continue
        taken = row["mirante"]["cpu_us"]["median"]
        if taken > BAR_MICROSECONDS:
            found.append(f"{against}: {taken:,.0f} µs, not {BAR_MICROSECONDS:,.0f}")
        if _ratio(row) < BAR_RATIO:
            found.append(f"{against}: scipy takes {_ratio(row):.1f} times as long, not {BAR_RATIO:g}")
    return found
