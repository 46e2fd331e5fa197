"""One subject's part of the dashboard file: key figures, charts, tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import TYPE_CHECKING

import numpy as np

from mirante.errors import MiranteError
from mirante.i18n import Translator
from mirante.readings import SLICE, unit_of
from mirante.views.figures import (
    Line,
    Mark,
    distribution_figure,
    drift_heatmap,
    marks_of_alerts,
    metric_figure,
)
from mirante.views.page import Cell, Chart, Column, Table, chart_of, filled_rows
from mirante.views.slices import slice_lines
from mirante.views.words import caption_of, from_numpy, moment, number, table_of

if TYPE_CHECKING:
    from mirante.store import AlertRow, Series, Store
    from mirante.views.figures.common import SeriesLike

__all__ = ["Fact", "SubjectCharts"]

_OTHER_CHARTS = 6
_EVENTS = 10_000
_MISSING_LINES = 6
_MOVED = 3
_LINES = 12
_FEATURES = 100
_SLICED = 200  # windows of which slices are drawn


@dataclass(frozen=True, slots=True)
class Fact:
    """A key figure: its name, its value, and a smaller line."""

    name: str
    value: str
    more: str = ""


@dataclass
class SubjectCharts:
    """Builds the charts of one subject; the store is read once.

    Parameters
    ----------
    store : Store
        Where the readings are.
    subject : str
        Whose charts.
    alerts : sequence of AlertRow
        Drawn as marks.
    translate : Translator
        The reader's language.
    timezone : str
        The clock on the axes.
    numbers : iterator of int
        Gives each chart of the page its own number.
    since, until : datetime, optional
        Half-open interval of time; all that there is when None.
    points : int
        About how many points of each line are drawn; `thinned` says afterwards whether any line had more.
    """

    store: Store
    subject: str
    alerts: Sequence[AlertRow]
    translate: Translator
    timezone: str
    numbers: count[int]
    since: datetime | None = None
    until: datetime | None = None
    points: int = 2_000
    thinned: bool = field(default=False, init=False)
    _series: dict[str, list[Series]] = field(default_factory=dict)
    _drawn: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        for one in self.store.readings.series(
            subject=self.subject, since=self.since, until=self.until, slices=False
        ):
            self._series.setdefault(one.name, []).append(one)
        events = self.store.events.list(self.subject, since=self.since, until=self.until, limit=_EVENTS)
        # alerts come from their own table, where they also carry how they ended
        others = [event for event in events if not event.kind.startswith("alert")]
        self._marks = [Mark(event.time, event.text or event.kind) for event in others]
        self._marks += marks_of_alerts(self.alerts, events)

    def all(self) -> list[Chart]:
        """Return the charts that the subject has readings for, what matters most first."""
        parts: tuple[Callable[[], list[Chart]], ...] = (
            self._heatmap,
            self._slices,
            self._volume,
            self._performance,
            self._missing,
            self._latency,
            self._moved,
            self._host,
            self._others,
        )
        return filled_rows([chart for part in parts for chart in part()])

    def facts(self) -> list[Fact]:
        """Return the newest value of the readings that people ask for first."""
        _ = self.translate
        wanted = (
            ("predictions", _("Predictions")),
            ("table_rows", _("Rows")),
            ("drift_share", _("Features that drifted")),
            ("performance_accuracy", _("Accuracy")),
            ("performance_roc_auc", _("ROC AUC")),
            ("performance_mae", _("Mean absolute error")),
            ("prediction_latency_seconds_p95", _("Latency, p95")),
            ("outlier_ratio", _("Outliers")),
            ("system_cpu_percent", _("CPU")),
            ("system_memory_percent", _("Memory")),
            ("system_disk_percent", _("Disk")),
            ("system_processes", _("Processes")),
        )
        return [fact for name, title in wanted if (fact := self._fact(name, title)) is not None]

    def _fact(self, name: str, title: str) -> Fact | None:
        newest: tuple[np.datetime64, float] | None = None
        for one in self._series.get(name, ()):
            finite = np.flatnonzero(np.isfinite(one.values))
            if finite.size and (newest is None or one.times[finite[-1]] > newest[0]):
                newest = one.times[finite[-1]], float(one.values[finite[-1]])
        if newest is None:
            return None
        value = number(newest[1], unit_of(name), self.translate.locale)
        return Fact(title, value, moment(from_numpy(newest[0]), self.timezone, self.translate.locale))

    def _metric(self, names: Sequence[str], title: str, *, zero: bool = False) -> list[Chart]:
        series = [one for name in names for one in self._series.get(name, ())]
        self._drawn.update(names)
        units = {unit_of(one.name) for one in series}
        # a share beside a ROC AUC: an axis in per cent would be true of one of them alone
        return self._lines(series, title, units.pop() if len(units) == 1 else "", zero=zero)

    def _lines(
        self, series: Sequence[SeriesLike], title: str, unit: str, *, zero: bool = False
    ) -> list[Chart]:
        _ = self.translate
        if not any(np.any(np.isfinite(one.values)) for one in series):
            return []
        total, series = len(series), _newest(series)
        self.thinned |= any(len(one.times) > self.points for one in series)
        figure = metric_figure(
            series,
            title=title,
            unit=unit,
            events=self._marks,
            zero=zero,
            points=self.points,
            timezone=self.timezone,
            locale=_.locale,
        )
        caption = caption_of(series, unit, _, self.timezone)
        if total > len(series):
            left = _("%(n)s of %(total)s lines: those with the newest readings.", n=len(series), total=total)
            caption = f"{caption} {left}".strip()
        table = table_of(series, unit, _, self.timezone)
        return [chart_of(figure, next(self.numbers), title, caption=caption, table=table)]

    def _volume(self) -> list[Chart]:
        _ = self.translate
        said = self._metric(["predictions"], _("Predictions"), zero=True)
        return [*said, *self._metric(["table_rows"], _("Rows"), zero=True)]

    def _latency(self) -> list[Chart]:
        names = [f"prediction_latency_seconds_{part}" for part in ("p50", "p95", "p99", "mean")]
        return self._metric(names, self.translate("Latency"), zero=True)

    def _performance(self) -> list[Chart]:
        _ = self.translate
        return [
            *self._estimates(),
            *self._metric(
                ["performance_accuracy", "performance_roc_auc"], _("Performance, once labels are in")
            ),
            *self._metric(
                ["performance_precision", "performance_recall", "performance_f1"],
                _("Precision, recall and F1"),
            ),
            *self._metric(["performance_log_loss", "performance_brier"], _("Loss: lower is better")),
            *self._metric(["performance_mae", "performance_rmse"], _("Error: lower is better")),
            *self._metric(["performance_mape"], _("Error as a share of the label")),
            *self._metric(["performance_r2"], _("Coefficient of determination")),
        ]

    def _estimates(self) -> list[Chart]:
        """Draw estimates beside what came true; the others, and their bands, are on the model's page."""
        _ = self.translate
        titles = {
            "accuracy": _("Accuracy: estimate and truth"),
            "roc_auc": _("ROC AUC: estimate and truth"),
            "mae": _("Mean absolute error: estimate and truth"),
            "rmse": _("Root mean squared error: estimate and truth"),
        }
        self._drawn.update(name for name in self._series if name.startswith("estimated_"))
        return [
            chart
            for name, title in titles.items()
            if f"estimated_{name}" in self._series
            for chart in self._metric([f"estimated_{name}", f"performance_{name}"], title)
        ]

    def _missing(self) -> list[Chart]:
        """Draw the features that miss most; those that never miss anything would only hide the others."""
        self._drawn.update(("missing_ratio", "missing_detected"))
        series = [
            one for one in self._series.get("missing_ratio", ()) if np.nanmax(one.values, initial=0.0) > 0
        ]
        series.sort(key=lambda one: -float(np.nanmax(one.values)))
        charts = self._lines(series[:_MISSING_LINES], self.translate("Missing values"), "share", zero=True)
        return [*charts, *self._metric(["outlier_ratio"], self.translate("Outliers"), zero=True)]

    def _heatmap(self) -> list[Chart]:
        _ = self.translate
        self._drawn.update(name for name in self._series if name.startswith(("drift_", "new_category_")))
        effects, verdicts = self._series.get("drift_effect", []), self._series.get("drift_detected", [])
        if not effects:
            return []
        title = _("Drift: how far each feature moved from the baseline")
        figure = drift_heatmap(
            effects,
            verdicts,
            title=title,
            events=self._marks,
            timezone=self.timezone,
            locale=_.locale,
        )
        table = self._drift_table(verdicts)
        often = sum(int(np.nansum(one.values)) for one in verdicts)
        caption = _.n("%(n)s cell is drift.", "%(n)s cells are drift.", often)
        if table is None:
            return [chart_of(figure, next(self.numbers), title, caption=_("No feature drifted."), wide=True)]
        return [chart_of(figure, next(self.numbers), title, caption=caption, table=table, wide=True)]

    def _slices(self) -> list[Chart]:
        """Draw the declared slices in the last windows, where there are any."""
        end = self.until
        windows = self.store.windows.list(
            self.subject, since=self.since, until=end, with_verdicts=False, limit=_SLICED
        )
        begin = windows[0].start if windows else end
        rows = self.store.slice_windows.list(self.subject, since=begin, until=end, with_verdicts=False)
        if not rows:
            return []
        _ = self.translate
        title = _("Drift: slices by windows")
        figure = drift_heatmap(
            *slice_lines(rows), title=title, label=SLICE, timezone=self.timezone, locale=_.locale
        )
        often = sum(row.drifted > 0 for row in rows)
        caption = _.n("%(n)s cell is drift.", "%(n)s cells are drift.", often)
        return [chart_of(figure, next(self.numbers), title, caption=caption, wide=True)]

    def _drift_table(self, verdicts: Sequence[Series]) -> Table | None:
        """Return one row for each feature that ever drifted, with its newest sentence."""
        _ = self.translate
        rows = []
        for one in verdicts:
            hits = np.flatnonzero(one.values >= 0.5)
            if hits.size:
                last = int(hits[-1])
                first, newest = (
                    moment(from_numpy(one.times[at]), self.timezone, _.locale) for at in (int(hits[0]), last)
                )
                name, windows = Cell(one.labels.get("feature", "?")), Cell(f"{hits.size} / {len(one.values)}")
                rows.append((hits.size, [name, windows, Cell(first), Cell(newest), Cell(one.notes[last])]))
        if not rows:
            return None
        rows.sort(key=lambda row: -row[0])
        head = [
            Column(_("feature")),
            Column(_("windows with drift"), number=True),
            Column(_("first")),
            Column(_("last")),
            Column(_("the last verdict"), wide=True),
        ]
        shown = [row for _size, row in rows[:_FEATURES]]
        left = len(rows) - len(shown)
        return Table(
            head, shown, _("The first %(n)s of %(total)s.", n=len(shown), total=len(rows)) if left else ""
        )

    def _moved(self) -> list[Chart]:
        """Draw the columns that moved most in the newest window with drift, against the baseline."""
        _ = self.translate
        hits = [(one.times[at], one) for one in self._series.get("drift_detected", ()) for at in _hits(one)]
        if not hits:
            return []
        newest = max(time for time, _one in hits)
        features = [one.labels.get("feature", "") for time, one in hits if time == newest]
        features.sort(key=lambda name: -self._effect(name, newest))
        profiles = self._profiles(newest)
        if profiles is None:
            return []
        when = moment(from_numpy(newest), self.timezone, _.locale)
        charts = []
        for name in [one for one in features if one in profiles[0] and one in profiles[1]][:_MOVED]:
            title = _("%(feature)s: baseline and window of %(time)s", feature=name, time=when)
            figure = distribution_figure(profiles[0][name], profiles[1][name], title=title, locale=_.locale)
            caption = self._sentence(name, newest)
            charts.append(chart_of(figure, next(self.numbers), title, caption=caption))
        return charts

    def _profiles(self, start: np.datetime64) -> tuple[dict[str, object], dict[str, object]] | None:
        from mirante.profiles import TableProfile

        window = self.store.windows.get(self.subject, from_numpy(start))
        if window is None or not window.profile:
            return None
        baseline = self.store.baselines.get(self.subject, window.version)
        if baseline is None or not baseline.profile:
            return None
        try:
            sides = [TableProfile.from_bytes(side.profile) for side in (baseline, window)]
        except MiranteError:  # a profile of another release: the page still has its readings
            return None
        return dict(sides[0].columns), dict(sides[1].columns)

    def _effect(self, feature: str, time: np.datetime64) -> float:
        for one in self._series.get("drift_effect", ()):
            if one.labels.get("feature") == feature:
                found = one.values[one.times == time]
                return float(found[0]) if found.size else 0.0
        return 0.0

    def _sentence(self, feature: str, time: np.datetime64) -> str:
        for one in self._series.get("drift_detected", ()):
            if one.labels.get("feature") == feature:
                return next((note for at, note in zip(one.times, one.notes, strict=True) if at == time), "")
        return ""

    def _host(self) -> list[Chart]:
        _ = self.translate
        percent = [f"system_{part}_percent" for part in ("cpu", "memory", "disk")]
        totals = ["system_network_sent_bytes_total", "system_network_received_bytes_total"]
        self._drawn.update(totals)
        rates = [_rate(one) for name in totals for one in self._series.get(name, ())]
        return [
            *self._metric(percent, _("CPU, memory and disk"), zero=True),
            *self._lines(rates, _("Network"), "bytes/s", zero=True),
            *self._metric(["system_processes"], _("Processes")),
        ]

    def _others(self) -> list[Chart]:
        """Draw what no other part knows, so that nothing is kept and never shown."""
        counts = ("", "_missing", "_share", "_unmatched")
        self._drawn.update(f"performance_labels{part}" for part in counts)
        self._drawn.update(("performance_base_rate", "performance_calibration_error_expected"))
        ends = ("_lower", "_upper")  # the model's page draws them as bands
        self._drawn.update(
            name for name in self._series if name.startswith("performance_") and name.endswith(ends)
        )
        # the sums of what the first chart shows: lines that climb
        self._drawn.update(("predictions_read_total", "table_rows_read_total"))
        names = [name for name in self._series if name not in self._drawn and self._tells(name)]
        return [
            chart
            for name in names[:_OTHER_CHARTS]
            for chart in self._metric([name], name.replace("_", " ").capitalize(), zero=True)
        ]

    def _tells(self, name: str) -> bool:
        """Tell whether a reading has something to show: a count of failures that stayed zero has not."""
        own = name.startswith("monitor_")
        return not own or any(np.nanmax(one.values, initial=0.0) > 0 for one in self._series[name])


def _newest(series: Sequence[SeriesLike]) -> Sequence[SeriesLike]:
    """Return as many lines as a chart can show, those with the newest readings, in their own order."""
    if len(series) <= _LINES:
        return series
    last = [one.times[-1] if len(one.times) else np.datetime64(0, "us") for one in series]
    ranked = sorted(range(len(series)), key=lambda place: last[place], reverse=True)
    return [series[place] for place in sorted(ranked[:_LINES])]


def _hits(one: Series) -> list[int]:
    return [int(at) for at in np.flatnonzero(one.values >= 0.5)]


def _rate(one: Series) -> Line:
    """Return a counter's growth per second; a counter that fell was set back and gives a gap."""
    name = one.name.removesuffix("_bytes_total").removeprefix("system_")
    seconds = np.diff(one.times).astype("timedelta64[us]").astype(np.float64) / 1e6
    grown = np.diff(one.values)
    return Line(
        name, one.times[1:], np.where(grown >= 0, grown / np.maximum(seconds, 1e-6), np.nan), one.labels
    )
