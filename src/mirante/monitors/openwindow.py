"""A window while rows still come in: its profile, its latencies, its outliers and the strangest of them."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

import structlog

from mirante.errors import InputError
from mirante.monitors.baseline import ModelBaseline
from mirante.monitors.limits.duplicates import DistinctRows, row_hashes
from mirante.monitors.windows import Window
from mirante.performance.estimated import Portion
from mirante.profiles import TableProfile
from mirante.store import WindowRow
from mirante.store.types import finite

if TYPE_CHECKING:
    import pyarrow as pa

    from mirante.drift.verdicts import WindowVerdict
    from mirante.inference_log.probabilities import Fault
    from mirante.monitors.predictions import Predictions
    from mirante.outliers.detector import OutlierDetector
    from mirante.outliers.result import OutlierRow
    from mirante.outliers.rows import Value
    from mirante.profiles import NumericProfile

__all__ = ["Countable", "OpenWindow", "latencies_of", "latency_template", "passed_over"]

_log = structlog.get_logger("mirante.performance")
_META = ("__id", "__time", "__latency", "__prediction")
_TOP_ROWS = 10
_TOP_COLUMNS = 3
_LONGEST_TEXT = 200  # of a value that is kept with an outlier
_QUANTILES = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))


@lru_cache(maxsize=1)
def latency_template() -> TableProfile:
    """Return edges for latencies: 1 µs to 1,000 s, 40 a decade, so a quantile is right to 6 %."""
    import numpy as np

    return TableProfile.of({"latency": np.logspace(-6, 3, 361)})


def latencies_of(profile: TableProfile) -> dict[str, float]:
    """Return mean and quantiles of latencies in seconds; empty when none was recorded.

    Parameters
    ----------
    profile : TableProfile
        On the edges of `latency_template`.
    """
    column: NumericProfile = profile.columns["latency"]  # type: ignore[assignment]  # made numeric above
    if not column.n:
        return {}
    return {"mean": column.mean, **{name: column.quantile(q) for name, q in _QUANTILES}}


def passed_over(table: pa.Table) -> int:
    """Return how many predictions rows stand for beside themselves, where only a share of all is recorded.

    Parameters
    ----------
    table : Table
        With the columns of the inference log.
    """
    from mirante.inference_log.kinds import ROWS

    if ROWS not in table.column_names:
        return 0
    stands = table[ROWS].drop_null()
    return int(sum(stands.to_pylist())) - len(stands)


class Countable(Protocol):
    """What of a baseline rows are counted with."""

    @property
    def features(self) -> tuple[str, ...]:
        """The columns that the model is given."""
        ...

    @property
    def predictions(self) -> Predictions:
        """What a prediction is."""
        ...

    @property
    def profile(self) -> TableProfile:
        """Its edges and levels."""
        ...

    @property
    def outliers(self) -> OutlierDetector:
        """Its outlier threshold."""
        ...


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
    faults : mapping of str to int, optional
        Rows whose prediction was to be probabilities of classes and was not, by reason.
    agents : mapping of str to int, optional
        Of its rows, those that agents on other hosts counted, by agent; they are in no log here.
    estimated : Portion, optional
        What rows that are in no log here say of the model's performance.
    unsliced : int
        Of its rows, those that were not counted in slices.
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
        faults: Mapping[Fault, int] | None = None,
        agents: Mapping[str, int] | None = None,
        estimated: Portion | None = None,
        unsliced: int = 0,
    ) -> None:
        self.window = window
        self.profile = profile
        self.latency = latency
        self.outliers = outliers
        self.top_outliers = list(top_outliers)
        self.passed = passed
        self.distinct = distinct
        self.sliced = sliced
        self.faults: dict[Fault, int] = dict(faults or {})
        self.agents: dict[str, int] = dict(agents or {})
        self.estimated = estimated
        self.unsliced = unsliced
        self.touched = False

    @classmethod
    def empty(cls, window: Window, baseline: Countable, sliced: str = "") -> OpenWindow:
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
            TableProfile.of({}, like=latency_template()),
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
            known.get("faults"),
            known.get("agents"),
            _gathered(row),
            # one from before it was counted: nothing is known of the slices of rows that are in no log here
            int(known.get("unsliced", sum(known.get("agents", {}).values()))),
        )

    @property
    def rows(self) -> int:
        """Rows so far."""
        return self.profile.rows

    @property
    def logged_rows(self) -> int:
        """Rows so far that are in a log here."""
        return self.rows - sum(self.agents.values())

    @property
    def elsewhere(self) -> str:
        """Why not all of its rows can be looked at; said only of a window with rows that agents counted."""
        return f"agents counted {sum(self.agents.values()):,} of its {self.rows:,} rows on other hosts"

    @property
    def predictions(self) -> int:
        """Predictions so far, recorded or not."""
        return self.rows + self.passed

    def add(self, table: pa.Table, baseline: Countable) -> None:
        """Add rows of the inference log.

        Parameters
        ----------
        table : Table
            Features by name and the columns ``__id``, ``__time``, ``__prediction`` and ``__latency``, with
            those of the probabilities of classes.
        baseline : ModelBaseline
            Gives edges and the outlier threshold.
        """
        features = table.select([name for name in baseline.features if name in table.column_names])
        rows, (said, faults) = features, baseline.predictions.profiled(table)
        for name, column in said.items():
            rows = rows.append_column(name, column)
        for fault, count in faults.items():
            self.faults[fault] = self.faults.get(fault, 0) + count
        self.profile = self.profile + TableProfile.of(rows, like=baseline.profile)
        self.latency = self.latency + TableProfile.of(
            {"latency": table["__latency"].to_numpy()}, like=latency_template()
        )
        self.passed += passed_over(table)
        if self.distinct is not None:
            self.distinct.add(row_hashes(features, baseline.features))
        self._add_outliers(table, baseline)
        self.touched = True

    def merge(self, other: OpenWindow) -> None:
        """Add what was counted elsewhere of other rows of this window, with the same baseline.

        Parameters
        ----------
        other : OpenWindow
            It is not changed.
        """
        both = self.profile + other.profile, self.latency + other.latency  # either may refuse: all or nothing
        self.profile, self.latency = both
        self.outliers += other.outliers
        self.top_outliers = _strangest([*self.top_outliers, *other.top_outliers])
        self.passed += other.passed
        for fault, count in other.faults.items():
            self.faults[fault] = self.faults.get(fault, 0) + count
        if self.distinct is not None and other.distinct is not None:
            self.distinct.merge(other.distinct)
        if other.estimated is not None:
            self.gather(other.estimated)
        self.touched = True

    def gather(self, portion: Portion) -> None:
        """Add what rows say of the model's performance, which are in no log here.

        Parameters
        ----------
        portion : Portion
            Of one estimator with those before it; another one's is left out, and its rows are missed then.
        """
        known = self.estimated
        if known is None or known.sums.size == portion.sums.size:
            self.estimated = portion if known is None else known + portion
            self.touched = True

    def join(self, other: OpenWindow, agent: str) -> None:
        """Add what an agent counted of the same window.

        Parameters
        ----------
        other : OpenWindow
            With the same edges.
        agent : str
            Which one.
        """
        self.merge(other)
        if other.distinct is None:
            self.distinct = None
        self.unsliced += other.unsliced
        self.agents[agent] = self.agents.get(agent, 0) + other.rows

    def _add_outliers(self, table: pa.Table, baseline: Countable) -> None:
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
        self.top_outliers = _strangest(found)

    def fits(self, baseline: ModelBaseline) -> bool:
        """Return whether rows counted with `baseline` can be added to what is here."""
        ours, theirs = self.latency.layout, latency_template().layout  # an earlier release had other centres
        return self.profile.layout.same(baseline.profile.layout) and ours.same(theirs)

    def settle(self) -> None:
        """Round the profile's sums as the store will: what is judged now is the same after a restart."""
        self.profile = TableProfile.from_bytes(self.profile.to_bytes(parted=True))

    def latencies(self) -> dict[str, float]:
        """Return mean and quantiles of the latency in seconds; empty when none was recorded."""
        return latencies_of(self.latency)

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
        if self.faults:
            notes["faults"] = dict(self.faults)
        if self.agents:
            notes["agents"] = dict(self.agents)
        if verdict is not None:
            notes |= {
                "drifted": bool(verdict.drifted),
                "drift_share": finite(float(verdict.drift_share)),
                "columns": {name: finite(column) for name, column in verdict.columns.items()},
                "latency": finite(self.latencies()),
            }
        else:
            notes["sliced"] = self.sliced
            notes["unsliced"] = self.unsliced
            notes["latency_profile"] = base64.b64encode(self.latency.to_bytes()).decode()
            if self.estimated is not None:
                notes["gathered"] = self.estimated.to_json()
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
            # one that rows are still added to keeps its sums to the last bit
            profile=self.profile.to_bytes(parted=verdict is not None),
            verdicts=notes,
        )


def _gathered(row: WindowRow) -> Portion | None:
    """Return what was kept of the rows' worth; without it, the window says that nothing is estimated."""
    known = row.verdicts
    try:
        return Portion.from_json(known["gathered"]) if "gathered" in known else None
    except InputError as error:
        about = {"subject": row.subject, "version": row.version, "first_window": row.start.isoformat()}
        _log.warning("performance not estimated", **about, error=str(error))
        return None


def _strangest(notes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(notes, key=lambda note: (note["score"], note["time"], note["id"]))[:_TOP_ROWS]


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
