"""What many models and predictions need, computed from unit costs: ``python -m benchmarks.scaling``.

Nothing is measured here. The unit costs are those of the table in ``docs/scaling.md``, which says where each
was measured; ``--models 500 --predictions 20000`` and the other options put in your own. All of it is linear;
what does not grow so is in the page's text.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass, fields
from math import ceil

__all__ = ["Costs", "Line", "Load", "plan", "show"]

_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Load:
    """What there is to watch; columns include the prediction."""

    models: float = 10_000
    predictions: float = 1_000_000
    """A second, all models together."""
    recorded: float = 1.0
    """Share of the predictions that is recorded."""
    columns: float = 21
    per_process: float = 500
    """Predictions a second of one serving process: the model's cost, not ours."""
    window_hours: float = 1
    hourly_days: float = 30
    daily_days: float = 365
    look_seconds: float = 10
    """From one look at a model's log to the next (``interval``)."""


@dataclass(frozen=True, slots=True)
class Costs:
    """What one thing costs: processor time on one core, bytes."""

    log_us: float = 0.66
    written_per_core: float = 210_000
    row_bytes: float = 140
    segment_rows: float = 100_000
    fold_us: float = 13
    """A row of 20 features in the service, all that is watched of it."""
    window_ms: float = 15
    idle_ms: float = 0.66
    readings_per_column: float = 13.4
    window_kb_per_column: float = 2.7
    reading_bytes: float = 125
    write_us: float = 19.4
    judge_us: float = 6.9
    series_kb: float = 7.3
    spark_us: float = 0.76
    busy: float = 0.5
    """How much of a core a service may use, so that there is room for a bad hour."""
    exposed: float = 100_000
    """Series at one ``/metrics``, as far as that was measured."""


@dataclass(frozen=True, slots=True)
class Line:
    """One figure with how it came about."""

    part: str
    what: str
    how: str
    figure: float
    unit: str


def plan(load: Load, costs: Costs) -> list[Line]:
    """Return what a load needs.

    Examples
    --------
    >>> lines = plan(Load(), Costs())
    >>> next(line.figure for line in lines if line.what == "serving processes")
    2000.0
    """
    return [
        *_recording(load, costs),
        *_counting(load, costs),
        *_keeping(load, costs),
        *_dividing(load, costs),
    ]


def _recording(load: Load, costs: Costs) -> list[Line]:
    rows = load.predictions * load.recorded
    volume = rows * costs.row_bytes
    return [
        Line(
            "recording",
            "serving processes",
            "predictions / per_process",
            load.predictions / load.per_process,
            "",
        ),
        Line("recording", "in the caller's way", "predictions * log_us", rows * costs.log_us / 1e6, "cores"),
        Line(
            "recording", "writer threads", "rows / written_per_core", rows / costs.written_per_core, "cores"
        ),
        Line("recording", "inference log", "rows * row_bytes", volume / 1e6, "MB/s"),
        Line("recording", "inference log", "the same for a day", volume * _DAY / 1e12, "TB/day"),
        Line("recording", "segments sealed", "rows / segment_rows", rows / costs.segment_rows, "/s"),
    ]


def _windows(load: Load) -> float:
    """Windows a second."""
    return load.models / (load.window_hours * 3600)


def _counting(load: Load, costs: Costs) -> list[Line]:
    rows, windows = load.predictions * load.recorded, _windows(load)
    return [
        Line("counting", "rows, in the service", "rows * fold_us", rows * costs.fold_us / 1e6, "cores"),
        Line("counting", "rows, by Spark's files", "rows * spark_us", rows * costs.spark_us / 1e6, "cores"),
        Line("counting", "windows judged", "models / window", windows * costs.window_ms / 1e3, "cores"),
        Line(
            "counting", "looks at logs", "models / look * idle_ms",
            load.models / load.look_seconds * costs.idle_ms / 1e3, "cores",
        ),
        Line(
            "counting", "readings judged and written", "readings/s * (judge_us + write_us)",
            _readings(load, costs) * (costs.judge_us + costs.write_us) / 1e6, "cores",
        ),
    ]  # fmt: skip


def _readings(load: Load, costs: Costs) -> float:
    """Readings a second."""
    return _windows(load) * load.columns * costs.readings_per_column


def _keeping(load: Load, costs: Costs) -> list[Line]:
    window = load.columns * costs.window_kb_per_column * 1e3
    hourly = load.models * load.hourly_days * 24 / load.window_hours
    readings = _readings(load, costs)
    return [
        Line("store", "readings", "windows * columns * readings_per_column", readings, "/s"),
        Line(
            "store",
            "readings",
            "readings/s * reading_bytes",
            readings * costs.reading_bytes * _DAY / 1e9,
            "GB/day",
        ),
        Line(
            "store",
            "windows",
            "windows * columns * window_kb",
            _windows(load) * window * _DAY / 1e9,
            "GB/day",
        ),
        Line("store", "windows, hourly kept", "models * hourly_days", hourly * window / 1e12, "TB"),
        Line(
            "store",
            "windows, daily kept",
            "models * daily_days",
            load.models * load.daily_days * window / 1e12,
            "TB",
        ),
    ]


def _dividing(load: Load, costs: Costs) -> list[Line]:
    series = load.models * load.columns * costs.readings_per_column
    # a row that Spark counts does not pass through the service
    beside = sum(line.figure for line in _counting(load, costs)[2:])
    whole = beside + _counting(load, costs)[0].figure
    return [
        Line("services", "series", "models * columns * readings_per_column", series, ""),
        Line("services", "memory of the rules", "series * series_kb", series * costs.series_kb / 1e6, "GB"),
        Line("services", "services by series", "series / exposed", ceil(series / costs.exposed), ""),
        Line("services", "services that count rows", "cores / busy", ceil(whole / costs.busy), ""),
        Line("services", "services beside Spark", "cores / busy", ceil(beside / costs.busy), ""),
    ]


def show(lines: list[Line]) -> str:
    """Return the lines as a table of Markdown."""
    rows = ["| | what | how | figure |", "|---|---|---|---|"]
    part = ""
    for line in lines:
        figure = f"{line.figure:,.0f}" if line.figure >= 100 else f"{line.figure:.3g}"
        named = line.part if line.part != part else ""
        unit = f"{line.unit}" if line.unit.startswith("/") or not line.unit else f" {line.unit}"
        rows.append(f"| {named} | {line.what} | `{line.how}` | {figure}{unit} |")
        part = line.part
    return "\n".join(rows)


def main(arguments: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    for kind in (Load(), Costs()):
        group = parser.add_argument_group(type(kind).__name__)
        for name, value in asdict(kind).items():
            group.add_argument(f"--{name.replace('_', '-')}", type=float, default=value, help=" ")
    given = vars(parser.parse_args(arguments))
    load, costs = (kind(**{one.name: given[one.name] for one in fields(kind)}) for kind in (Load, Costs))
    print(show(plan(load, costs)))


if __name__ == "__main__":
    main()
