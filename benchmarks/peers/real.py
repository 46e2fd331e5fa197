"""Table "real": flights of New York by days and the Electricity market by weeks.

What Mirante says by date, in its own sentences, beside what each peer flags on the same windows.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from launch import Launcher
from markdown import figure, share, table
from measuring import timed, versions
from peers import MIRANTE, Peer

__all__ = ["compare", "judge_mirante", "judge_peer", "render"]


def _read(reference: str, current: str) -> list[Any]:
    import pandas as pd

    return [pd.read_parquet(path) for path in (reference, current)]


def judge_peer(
    adapter: str, mode: str, reference: str, current: str, numeric: Sequence[str], categorical: Sequence[str]
) -> dict[str, Any]:
    """Return a peer's flags by window; runs in the peer's own environment."""
    from adapters.flags import Columns

    module = import_module(adapter)
    base, later = _read(reference, current)
    columns = Columns(tuple(numeric), tuple(categorical))

    def judge() -> tuple[dict[str, Any], dict[str, int]]:
        if hasattr(module, "judge_windows"):  # where a tool has a quicker way than window by window
            return module.judge_windows(base, later, columns, mode)
        check = module.prepare(base, columns, mode)
        return {window: check(frame) for window, frame in later.groupby("window", sort=False)}, {}

    (found, notes), cpu_s, wall_s = timed(judge)
    windows = {
        name: {"columns": list(flags.columns), "dataset": flags.dataset} for name, flags in found.items()
    }
    return {
        "windows": windows,
        "cpu_s": cpu_s,
        "wall_s": wall_s,
        "versions": versions([module.DISTRIBUTION]),
    } | notes


def judge_mirante(
    reference: str,
    current: str,
    numeric: Sequence[str],
    categorical: Sequence[str],
    window: str,
    alarm_budget: str,
) -> dict[str, Any]:
    """Return Mirante's alarms by window, each with its sentence."""
    from mirante.drift.monitor import DriftMonitor
    from mirante.profiles.table import TableProfile

    base, later = _read(reference, current)
    names = [*categorical, *numeric]

    def judge() -> dict[str, Any]:
        baseline = TableProfile.of(base, columns=names)
        own = [TableProfile.of(part, like=baseline) for _, part in base.groupby("window", sort=False)]
        monitor = DriftMonitor(baseline, own_windows=own, alarm_budget=alarm_budget, window=window)
        found = {}
        for name, part in later.groupby("window", sort=False):
            verdicts = monitor.update(TableProfile.of(part, like=baseline)).columns.values()
            drifted = {verdict.column: verdict.sentence for verdict in verdicts if verdict.drifted}
            missing = {
                verdict.column: verdict.missing_sentence for verdict in verdicts if verdict.missing_detected
            }
            found[name] = {
                "columns": [column for column in names if column in drifted or column in missing],
                "dataset": bool(drifted or missing),
                "sentences": [*drifted.values(), *missing.values()],
            }
        return found

    found, cpu_s, wall_s = timed(judge)
    return {"windows": found, "cpu_s": cpu_s, "wall_s": wall_s, "versions": versions(["mirante"])}


def compare(
    launcher: Launcher, chosen: Sequence[Peer], folder: Path, *, electricity: Path | None
) -> dict[str, Any]:
    """Judge the windows of both data sets with all tools."""
    sources: dict[str, dict[str, str]] = {"flights": {}}
    if electricity is not None:
        sources["electricity"] = {"source": str(electricity)}
    return {name: _compare(launcher, chosen, folder / name, name, given) for name, given in sources.items()}


def _compare(
    launcher: Launcher, chosen: Sequence[Peer], folder: Path, task: str, given: dict[str, str]
) -> dict[str, Any]:
    files = {name: str(folder / f"{name}.parquet") for name in ("reference", "current")}
    shape = launcher.run(task, **given, **files)
    if "error" in shape:
        return shape
    columns = {name: shape[name] for name in ("numeric", "categorical")}
    times = {name: shape[name] for name in ("window", "alarm_budget")}
    found = {MIRANTE.label: launcher.run("real mirante", **files, **columns, **times)}
    for peer in chosen:
        found[peer.label] = launcher.run(
            "real peer", peer, adapter=peer.adapter, mode=peer.mode, **files, **columns
        )
    return shape | {"tools": found}


def _summary(label: str, found: dict[str, Any], result: dict[str, Any]) -> list[str]:
    if "error" in found:
        return [label, found["error"]]
    windows = found["windows"]
    flagged = [each["columns"] for each in windows.values()]
    counts = {name: sum(name in columns for columns in flagged) for name in _columns(result)}
    spans = [
        f"{sum(bool(windows[name]['columns']) for name in span)} of {len(span)}"
        for span in result["spans"].values()
    ]
    return [
        label,
        share(sum(map(bool, flagged)), len(flagged)),
        share(sum(each["dataset"] for each in windows.values()), len(windows)),
        figure(sum(map(len, flagged)) / len(flagged)),
        *spans,
        ", ".join(f"{name} {share(count, len(flagged))}" for name, count in counts.items() if count),
        figure(1000 * found["cpu_s"] / len(windows)),
        f"{found['reports_agreed']} of {found['reports_run']}" if "reports_run" in found else "",
    ]


def _columns(result: dict[str, Any]) -> list[str]:
    return [*result["categorical"], *result["numeric"]]


def _by_month(tools: dict[str, Any]) -> str:
    months = sorted({name[:7] for found in tools.values() for name in found["windows"]})
    rows = []
    for month in months:
        cells = []
        for found in tools.values():
            inside = [each for name, each in found["windows"].items() if name.startswith(month)]
            cells.append(f"{sum(bool(each['columns']) for each in inside)} of {len(inside)}")
        rows.append([month, *cells])
    return table(["windows with a flagged column", *tools], rows)


def _by_date(tools: dict[str, Any]) -> str:
    own = tools[MIRANTE.label]["windows"]
    others = {label: found["windows"] for label, found in tools.items() if label != MIRANTE.label}
    rows = [
        [
            name,
            " ".join(each["sentences"]),
            *(", ".join(windows[name]["columns"]) or "-" for windows in others.values()),
        ]
        for name, each in own.items()
        if each["columns"]
    ]
    return table(["window", "Mirante says", *(f"{label} flags" for label in others)], rows)


def render(result: dict[str, Any]) -> str:
    """Return the tables of all data sets."""
    return "\n\n".join(_render(name, found) for name, found in result.items())


def _render(name: str, result: dict[str, Any]) -> str:
    title = f"### Real: {name}"
    if "error" in result:
        return f"{title}\n\n{result['error']}"
    heads = [
        "tool",
        "windows with a flagged column",
        "flagged as a whole",
        "columns per window",
        *result["spans"],
    ]
    heads += ["share of windows by column", "CPU ms per window", "Reports that agree"]
    summary = table(heads, [_summary(label, found, result) for label, found in result["tools"].items()])
    tools = {label: found for label, found in result["tools"].items() if "error" not in found}
    parts = [title, summary]
    if tools:
        parts.append(_by_month(tools))
    if MIRANTE.label in tools:
        parts.append(_by_date(tools))
    return "\n\n".join(parts)
