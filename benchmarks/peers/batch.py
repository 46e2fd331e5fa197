"""Table "batch": two tables of a million rows, the check of each peer beside Mirante's, in turns.

Of Mirante, the profile of the current table, a new monitor and its verdict are timed: a baseline is profiled
once, when the model is registered. A peer's time is given for both tables, and for the current one alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import frames
from launch import Launcher
from markdown import bar, figure, table
from measuring import Peak, repeat, resident_mib, settle, spread, timed, versions
from peers import MIRANTE, Peer

__all__ = ["BAR_ROWS", "compare", "measure", "measure_read", "missed", "render", "render_read"]

BAR_ROWS = 1_000_000  # the bars are for tables of this size and more
READ_BAR = 2.0
MEMORY_BAR = 1.1


def measure(
    adapter: str, mode: str, reference: str, current: str, budget_seconds: float, most: int
) -> dict[str, Any]:
    """Return time, memory and flags of a tool on two Parquet files; runs in the tool's own environment."""
    import pandas as pd
    from adapters.flags import Columns

    module = import_module(adapter)
    columns = Columns(frames.NUMERIC, frames.CATEGORICAL)
    imported_mib = resident_mib()
    loading = Peak()
    pair = [pd.read_parquet(path) for path in (reference, current)]
    loaded_mib = loading.mib()
    times: dict[str, list[float]] = {name: [] for name in ("both_s", "reference_s", "current_s", "wall_s")}
    work, peaks, flags = Peak(), [], []

    def once() -> float:
        check, reference_s, first_wall = timed(lambda: module.prepare(pair[0], columns, mode))
        found, current_s, second_wall = timed(lambda: check(pair[1]))
        taken = (reference_s + current_s, reference_s, current_s, first_wall + second_wall)
        for kept, value in zip(times.values(), taken, strict=True):
            kept.append(value)
        peaks.append(work.mib())
        flags.append(found)
        return reference_s + current_s

    repeat(once, budget_seconds=budget_seconds, most=most)
    return {name: spread(values) for name, values in times.items()} | {
        "imported_mib": imported_mib,
        "loaded_mib": loaded_mib,
        "peak_mib": peaks[0],
        "missed": sorted(set(frames.PLANTED) - set(flags[0].columns)),
        "false": sorted(set(flags[0].columns) - set(frames.PLANTED)),
        "dataset": flags[0].dataset,
        "versions": versions([module.DISTRIBUTION]),
    }


def measure_read(reference: str, current: str, rounds: int) -> dict[str, Any]:
    """Return the CPU seconds of reading a file with pyarrow and of judging it, in turns in one process."""
    import pyarrow.parquet as pq
    from adapters.flags import Columns
    from adapters.mirante_monitor import prepare

    columns = Columns(frames.NUMERIC, frames.CATEGORICAL)
    check = prepare(pq.read_table(reference), columns, "default")
    times: dict[str, list[float]] = {"read_s": [], "arrow_s": [], "pandas_s": []}
    for _ in range(rounds + 1):  # the first warms up
        whole, read_s, _ = timed(lambda: pq.read_table(current))
        frame = whole.to_pandas()
        settle()
        _, arrow_s, _ = timed(lambda whole=whole: check(whole))
        _, pandas_s, _ = timed(lambda frame=frame: check(frame))
        for kept, value in zip(times.values(), (read_s, arrow_s, pandas_s), strict=True):
            kept.append(value)
    return {name: spread(values) for name, values in times.items()}


def _pair(launcher: Launcher, folder: Path, rows: int) -> dict[str, str]:
    files = {name: str(folder / f"batch-{rows}-{name}.parquet") for name in ("reference", "current")}
    made = launcher.run("batch frames", **files, rows=rows)
    if "error" in made:
        raise SystemExit(f"the tables could not be made: {made['error']}")
    return files


def compare(
    launcher: Launcher, chosen: Sequence[Peer], folder: Path, *, rows: int, budget_seconds: float, most: int
) -> dict[str, Any]:
    """Measure each peer, and Mirante just before each of them."""
    files = _pair(launcher, folder, rows)
    limits = {"budget_seconds": budget_seconds, "most": most}

    def one(peer: Peer) -> dict[str, Any]:
        return launcher.run("batch", peer, adapter=peer.adapter, mode=peer.mode, **files, **limits)

    turns = [
        {"peer": peer.label, "bar": peer.bar, "mirante": one(MIRANTE), "found": one(peer)} for peer in chosen
    ]
    return {
        "rows": rows,
        "turns": turns or [{"mirante": one(MIRANTE)}],
        "read": launcher.run("read", **files, rounds=most),
    }


def _memory(found: dict[str, Any]) -> str:
    return " / ".join(figure(found[name]) for name in ("imported_mib", "loaded_mib", "peak_mib"))


def _row(name: str, found: dict[str, Any]) -> list[str]:
    if "error" in found:
        return [name, found["error"]]
    both = found["both_s"]
    return [
        name,
        f"{figure(both['median'])} (n = {both['n']})",
        *(figure(found[part]["median"]) for part in ("reference_s", "current_s", "wall_s")),
        _memory(found),
        f"{found['peak_mib'] / found['loaded_mib']:.2f}",
        f"{len(found['missed'])} / {len(found['false'])}",
    ]


def _ratios(turn: dict[str, Any]) -> tuple[float, float]:
    own = turn["mirante"]["current_s"]["median"]
    return turn["found"]["both_s"]["median"] / own, turn["found"]["current_s"]["median"] / own


def _failed(turn: dict[str, Any]) -> bool:
    return "found" not in turn or "error" in turn["found"] or "error" in turn["mirante"]


def render(result: dict[str, Any]) -> str:
    """Return the table."""
    heads = [
        "tool",
        "CPU s, both tables",
        "reference",
        "current",
        "wall s",
        "MiB: imports / loaded / peak",
        "peak to loaded",
        "missed / false columns",
        "Mirante CPU s",
        "both to Mirante",
        "current to Mirante",
        "bar",
    ]
    rows = [_row("Mirante", result["turns"][0]["mirante"])]
    for turn in result["turns"]:
        if "found" not in turn:
            continue
        row = _row(f"{turn['peer']} {_version(turn['found'])}".strip(), turn["found"])
        if not _failed(turn):
            both, current = _ratios(turn)
            row += [figure(turn["mirante"]["current_s"]["median"]), f"{both:.1f}", f"{current:.1f}"]
            row += [bar(both, turn["bar"], at_least=True) if result["rows"] >= BAR_ROWS else ""]
        rows.append(row)
    return f"### Batch: {result['rows']:,} × 20 in each table\n\n{table(heads, rows)}"


def _version(found: dict[str, Any]) -> str:
    # the tool's own version comes first after Python's
    return next((text for name, text in found.get("versions", {}).items() if name != "python"), "")


def render_read(result: dict[str, Any]) -> str:
    """Return the table of the time beside the reading of the file."""
    found = result["read"]
    heads = ["what", "CPU s", "to the read", "bar"]
    if "error" in found:
        return table(heads, [["Mirante", found["error"]]])
    read = found["read_s"]["median"]
    rows = [["pyarrow reads the file", figure(read)]]
    for name, text in (
        ("arrow_s", "profile and verdict of the Arrow table"),
        ("pandas_s", "of the pandas frame"),
    ):
        ratio = found[name]["median"] / read
        judged = bar(ratio, READ_BAR, at_least=False) if result["rows"] >= BAR_ROWS else ""
        rows.append([text, figure(found[name]["median"]), f"{ratio:.2f}", judged])
    return table(heads, rows)


def missed(result: dict[str, Any]) -> list[str]:
    """Return the bars that are not met, each as a sentence; none for small tables."""
    if result["rows"] < BAR_ROWS:
        return []
    found = []
    for turn in result["turns"]:
        if not _failed(turn) and _ratios(turn)[0] < turn["bar"]:
            found.append(
                f"batch: {turn['peer']} takes {_ratios(turn)[0]:.1f} times as long, not {turn['bar']:g}"
            )
    own = result["turns"][0]["mirante"]
    if "error" in own:
        return [*found, f"batch: Mirante: {own['error']}"]
    if own["peak_mib"] > MEMORY_BAR * own["loaded_mib"]:
        found.append(f"batch: memory {own['peak_mib'] / own['loaded_mib']:.2f} times what loading takes")
    if own["missed"] or own["false"]:
        found.append(f"batch: Mirante missed {own['missed']} and flagged {own['false']}")
    read = result["read"]
    if "error" not in read and read["arrow_s"]["median"] > READ_BAR * read["read_s"]["median"]:
        found.append(f"batch: {read['arrow_s']['median'] / read['read_s']['median']:.1f} times the read")
    return found
