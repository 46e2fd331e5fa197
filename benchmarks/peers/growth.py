"""Table "growth": time per row and memory beyond the table, as tables grow.

Two ways in: an Arrow table that is in memory already, and a Parquet file that is read in batches whose
profiles are added up. Both against the same baseline of 100,000 rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import frames
from launch import Launcher
from markdown import figure, table
from measuring import Peak, settle, timed

__all__ = ["compare", "measure_file", "measure_table", "render"]

_BASELINE_ROWS = 100_000
_BATCH_ROWS = 131_072
_READ_BYTES = 2**20


def _baseline() -> Any:
    from mirante.profiles.table import TableProfile

    return TableProfile.of(frames.make_table(_BASELINE_ROWS, 1))


def _answer(rows: int, cpu_s: float, wall_s: float, peak: Peak) -> dict[str, Any]:
    return {"rows": rows, "cpu_s": cpu_s, "wall_s": wall_s, "beyond_mib": peak.mib() - peak.start_mib}


def measure_table(rows: int) -> dict[str, Any]:
    """Profile an Arrow table that was made in parts; the memory is what is taken beyond the table."""
    import pyarrow as pa

    from mirante.profiles.table import TableProfile

    baseline = _baseline()
    whole = pa.concat_tables(frames.tables(rows, 2))
    settle()
    peak = Peak()
    profile, cpu_s, wall_s = timed(lambda: TableProfile.of(whole, like=baseline))
    return _answer(profile.rows, cpu_s, wall_s, peak) | {"table_mib": whole.nbytes / 2**20}


def measure_file(path: str) -> dict[str, Any]:
    """Read a file in batches and add up their profiles.

    Reading is counted; the memory is what is taken beyond imports and baseline.
    """
    import pyarrow.parquet as pq

    from mirante.profiles.table import TableProfile

    baseline = _baseline()

    def profile() -> TableProfile:
        total = TableProfile.empty(baseline)
        # without these two, pyarrow keeps the whole file in memory while it is read
        with pq.ParquetFile(path, pre_buffer=False, buffer_size=_READ_BYTES) as file:
            for batch in file.iter_batches(batch_size=_BATCH_ROWS):
                total += TableProfile.of(batch, like=baseline)
        return total

    settle()
    peak = Peak()
    total, cpu_s, wall_s = timed(profile)
    return _answer(total.rows, cpu_s, wall_s, peak) | {"table_mib": Path(path).stat().st_size / 2**20}


def compare(launcher: Launcher, folder: Path, *, sizes: Sequence[int]) -> dict[str, Any]:
    """Measure each size both ways; a file is removed when it was read."""
    rows = []
    for size in sizes:
        rows.append({"way": "table", "asked": size} | launcher.run("growth of a table", rows=size))
        path = folder / f"growth-{size}.parquet"
        made = launcher.run("growth file", path=str(path), rows=size, seed=2)
        found = made if "error" in made else launcher.run("growth of a file", path=str(path))
        rows.append({"way": "file", "asked": size} | found)
        path.unlink(missing_ok=True)
    return {"rows": rows}


def render(result: dict[str, Any]) -> str:
    """Return the table."""
    heads = ["from", "rows", "table or file MiB", "CPU s", "CPU µs per row", "wall s", "MiB beyond"]
    rows = []
    for row in sorted(result["rows"], key=lambda row: (row["way"] == "file", row["asked"])):
        first = [row["way"], f"{row['asked']:,}"]
        if "error" in row:
            rows.append([*first, row["error"]])
            continue
        per_row = 1e6 * row["cpu_s"] / row["rows"]
        values = (row["table_mib"], row["cpu_s"], per_row, row["wall_s"], row["beyond_mib"])
        rows.append([*first, *map(figure, values)])
    return f"### Growth: 20 columns, baseline of {_BASELINE_ROWS:,} rows\n\n{table(heads, rows)}"
