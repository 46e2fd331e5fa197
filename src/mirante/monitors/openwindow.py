"""A window while rows still come in: its profile, its latencies, its outliers and the strangest of them."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from mirante.errors import InputError
from mirante.monitors.baseline import PREDICTION, ModelBaseline
from mirante.monitors.limits.duplicates import DistinctRows, row_hashes
from mirante.monitors.windows import Window
from mirante.profiles import TableProfile
from mirante.store import WindowRow
from mirante.store.types import finite

if TYPE_CHECKING:
    import pyarrow as pa

    from mirante.drift.verdicts import WindowVerdict
    from mirante.outliers.result import OutlierRow
    from mirante.outliers.rows import Value
    from mirante.profiles import NumericProfile

__all__ = ["OpenWindow"]

_META = ("__id", "__time", "__latency", "__prediction")
_TOP_ROWS = 10
_TOP_COLUMNS = 3
_LONGEST_TEXT = 200  # of a value that is kept with an outlier
_QUANTILES = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))


@lru_cache(maxsize=1)
def _latency_template() -> TableProfile:
    """Edges for latencies: 1 µs to 1,000 s, 40 a decade, so a quantile is right to 6 %."""
    import numpy as np

    return TableProfile.of({"latency": np.logspace(-6, 3, 361)})


class OpenWindow:
    """What is known of a window so far; everything in it adds up, so rows may come in any portions.

    Parameters
    ----------
    window : Window
        From when to when.
    profile : TableProfile
        Of features and prediction, with the baseline's edges.
    latency : TableProfile
        Of the latencies, on fixed edges.
    outliers : int
        Rows over the baseline's outlier threshold.
    top_outliers : sequence of dict
        The strangest of them, at most ten, strangest first: ``id``, ``time``, ``score`` (lower is stranger),
        ``method`` and ``columns``, at most three, each with ``column``, ``value`` as it was recorded and
        ``contribution``.
    passed : int
        Predictions that rows stand for beside themselves, where only a share of all is recorded.
    distinct : DistinctRows, optional
        Its rows by hash of their features; None where rows were counted before copies were.
    sliced : str
        Which slices its rows were counted in too, as a digest; empty for none.
    """

    def __init__(
        self,
        window: Window,
        profile: TableProfile,
        latency: TableProfile,
        outliers: int = 0,
        top_outliers: Sequence[dict[str, Any]] = (),
        passed: int = 0,
        distinct: DistinctRows | None = None,
        sliced: str = "",
    ) -> None:
        self.window = window
        self.profile = profile
        self.latency = latency
        self.outliers = outliers
        self.top_outliers = list(top_outliers)
        self.passed = passed
        self.distinct = distinct
        self.sliced = sliced
        self.touched = False

    @classmethod
    def empty(cls, window: Window, baseline: ModelBaseline, sliced: str = "") -> OpenWindow:
        """Return the window before its first row.

        Parameters
        ----------
        window : Window
            From when to when.
        baseline : ModelBaseline
            Gives the edges.
        sliced : str
            As above.

        Returns
        -------
        OpenWindow
            Without rows.
        """
        return cls(
            window,
            TableProfile.of({}, like=baseline.profile),
            TableProfile.of({}, like=_latency_template()),
            distinct=DistinctRows(),
            sliced=sliced,
        )

    @classmethod
    def from_row(cls, row: WindowRow, baseline: ModelBaseline) -> OpenWindow:
        """Take up a window that the store kept.

        Parameters
        ----------
        row : WindowRow
            With its profile, not closed.
        baseline : ModelBaseline
            The one that the profile was made with.

        Returns
        -------
        OpenWindow
            As it was.
        """
        profile = (
            TableProfile.from_bytes(row.profile)
            if row.profile
            else TableProfile.of({}, like=baseline.profile)
        )
        latency = TableProfile.from_bytes(base64.b64decode(row.verdicts["latency_profile"]))
        known = row.verdicts
        distinct = DistinctRows.from_json(known["distinct"]) if "distinct" in known else None
        return cls(
            Window(row.start, row.end),
            profile,
            latency,
            int(known["outliers"]),
            known.get("top_outliers", ()),
            int(known.get("passed", 0)),
            distinct,
            str(known.get("sliced", "")),
        )

    @property
    def rows(self) -> int:
        """Rows so far."""
        return self.profile.rows

    @property
    def predictions(self) -> int:
        """Predictions so far, recorded or not."""
        return self.rows + self.passed

    def add(self, table: pa.Table, baseline: ModelBaseline) -> None:
        """Add rows of the inference log.

        Parameters
        ----------
        table : Table
            Features by name and the columns ``__id``, ``__time``, ``__prediction`` and ``__latency``.
        baseline : ModelBaseline
            Gives edges and the outlier threshold.
        """
        from mirante.inference_log.kinds import ROWS

        features = table.select([name for name in baseline.features if name in table.column_names])
        rows = features.append_column(PREDICTION, table["__prediction"])
        self.profile = self.profile + TableProfile.of(rows, like=baseline.profile)
        self.latency = self.latency + TableProfile.of(
            {"latency": table["__latency"].to_numpy()}, like=_latency_template()
        )
        if ROWS in table.column_names:
            stands = table[ROWS].drop_null()
            self.passed += sum(stands.to_pylist()) - len(stands)
        if self.distinct is not None:
            self.distinct.add(row_hashes(features, baseline.features))
        self._add_outliers(table, baseline)
        self.touched = True

    def _add_outliers(self, table: pa.Table, baseline: ModelBaseline) -> None:
        import pyarrow as pa

        # of equally strange rows the earliest are kept, in whatever portions and order they come
        ranked = table.sort_by([("__time", "ascending"), ("__id", "ascending")])
        # a column that is lacking counts as missing here too, so that the ratio is of all rows
        nothing = pa.nulls(table.num_rows)
        names = baseline.features
        features = {name: ranked[name] if name in ranked.column_names else nothing for name in names}
        verdict = baseline.outliers.judge(features, most=_TOP_ROWS, columns=_TOP_COLUMNS)
        self.outliers += verdict.outliers
        found = [*self.top_outliers, *(_note(row, ranked) for row in verdict.top)]
        self.top_outliers = sorted(found, key=lambda note: (note["score"], note["time"], note["id"]))[
            :_TOP_ROWS
        ]

    def fits(self, baseline: ModelBaseline) -> bool:
        """Return whether rows counted with `baseline` can be added to what is here."""
        try:
            _ = self.profile + TableProfile.of({}, like=baseline.profile)
        except InputError:
            return False
        return True

    def latencies(self) -> dict[str, float]:
        """Return mean and quantiles of the latency in seconds; empty when none was recorded."""
        column: NumericProfile = self.latency.columns["latency"]  # type: ignore[assignment]  # made numeric above
        if not column.n:
            return {}
        return {"mean": column.mean, **{name: column.quantile(q) for name, q in _QUANTILES}}

    def to_row(
        self,
        subject: str,
        version: str,
        *,
        closed: bool,
        verdict: WindowVerdict | None,
        timezone: str = "UTC",
    ) -> WindowRow:
        """Return the row that the store keeps.

        Parameters
        ----------
        subject, version : str
            Whose window it is.
        closed : bool
            Whether it has been judged.
        verdict : WindowVerdict or None
            The judgement of a closed window.
        timezone : str
            The clock that it was cut on.

        Returns
        -------
        WindowRow
            Closed ones carry the verdicts and figures, open ones what is needed to go on.
        """
        notes: dict[str, Any] = {
            "outliers": self.outliers,
            "top_outliers": self.top_outliers,
            "performance": None,
            "timezone": timezone,
        }
        if self.passed:
            notes["passed"] = self.passed
        if verdict is not None:
            notes |= {
                "drifted": bool(verdict.drifted),
                "drift_share": finite(float(verdict.drift_share)),
                "columns": {name: finite(column) for name, column in verdict.columns.items()},
                "latency": finite(self.latencies()),
            }
        else:
            notes["sliced"] = self.sliced
            notes["latency_profile"] = base64.b64encode(self.latency.to_bytes()).decode()
            if self.distinct is not None:
                notes["distinct"] = self.distinct.to_json()
        return WindowRow(
            subject=subject,
            version=version,
            start=self.window.start,
            end=self.window.end,
            rows=self.rows,
            late=0,
            closed=closed,
            profile=self.profile.to_bytes(),
            verdicts=notes,
        )


def _note(row: OutlierRow, table: pa.Table) -> dict[str, Any]:
    """Return an outlier as JSON takes it; values stay as they were recorded, long texts are cut."""
    return {
        "id": table["__id"][row.position].as_py() or "",
        "time": table["__time"][row.position].as_py().isoformat(),
        "score": row.score,
        "method": row.method,
        "columns": [
            {"column": reason.column, "value": _plain(reason.value), "contribution": reason.contribution}
            for reason in row.reasons
        ],
    }


def _plain(value: Value) -> Value:
    if isinstance(value, float) and math.isinf(value):
        return str(value)  # not None, which says that a value is missing
    if isinstance(value, str) and len(value) > _LONGEST_TEXT:
        return value[: _LONGEST_TEXT - 1] + "…"
    return value
