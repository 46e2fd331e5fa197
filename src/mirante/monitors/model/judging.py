"""From the windows that are over to what is kept of them: verdicts, estimates, slices, readings."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mirante.monitors.estimates import WindowEstimates, estimate_readings
from mirante.monitors.found_slices import SliceSearch
from mirante.monitors.limits import LimitsJudge, limit_readings
from mirante.monitors.metrics import WindowMetrics, metric_readings
from mirante.monitors.quality import window_readings
from mirante.profiles import TableProfile
from mirante.stats.calibration import alarm_level

if TYPE_CHECKING:
    from mirante.drift.monitor import DriftMonitor
    from mirante.drift.verdicts import WindowVerdict
    from mirante.monitors.baseline import ModelBaseline
    from mirante.monitors.limits import QualityLimits
    from mirante.monitors.openwindow import OpenWindow
    from mirante.monitors.rows import RowSource, Watched
    from mirante.readings import Reading
    from mirante.store import Store, WindowRow

__all__ = ["WindowJudge"]

# Of the windows with drift that close in one step, slices are named in so many, the newest: each costs up to
# 0.4 s, and a service that catches up with a year has more to do.
_MOST_SLICED = 20
_ALWAYS = "0001-01-01T00:00:00+00:00"


class WindowJudge:
    """Judges the windows of one model version, in order; it remembers the last ones, which are pooled.

    `restart` comes before the first window.

    Parameters
    ----------
    config : ModelConfig or TableConfig
        What to watch.
    version : str
        The model version.
    baseline : ModelBaseline
        What is normal for it.
    store : Store
        Has the profiles of windows that were judged before.
    log : RowSource
        Where the rows come from.
    share : float, default 1
        Part of the alarm budget: the rest is for slices.
    locale : str
        Of the verdicts' sentences.
    """

    def __init__(
        self,
        config: Watched,
        version: str,
        baseline: ModelBaseline,
        store: Store,
        log: RowSource,
        *,
        share: float = 1.0,
        locale: str = "en",
    ) -> None:
        # what came before an accepted normal was another one, and is no part of a shift away from it
        self.since = datetime.fromisoformat(baseline.about.get("accepted_since", _ALWAYS))
        self._share = share
        self._config, self._version, self._baseline = config, version, baseline
        self._store, self._locale = store, locale
        self._clock = config.clock()
        self._slices = SliceSearch(config.model, version, baseline, log, locale=locale)
        self._estimates = WindowEstimates(config, version, baseline, log, locale=locale)
        level = alarm_level(config.alarm_budget or baseline.drift.alarm_budget, config.window)
        self._limits = LimitsJudge(baseline, level, config.limits, locale=locale)

        self._metrics = WindowMetrics(config, version, log, baseline)

    @property
    def limits(self) -> QualityLimits:
        """The limits of data quality that the baseline sets."""
        return self._limits.limits

    def restart(self, rows: Sequence[WindowRow]) -> None:
        """Forget all windows but the last of those given: the next is pooled with them.

        Parameters
        ----------
        rows : sequence of WindowRow
            Closed windows of this version that have rows, in any order, without profiles.
        """
        self.drift = self._fresh()
        known = sorted((row for row in rows if row.start >= self.since), key=lambda row: row.start)
        last = known[-self.drift.memory :] if self.drift.memory else []
        for row in last:
            kept = self._store.windows.get(row.subject, row.start, version=row.version)
            profile = TableProfile.from_bytes(kept.profile) if kept is not None and kept.profile else None
            if profile is not None and profile.layout.same(self._baseline.profile.layout):
                self.drift.remember(profile, self._clock.local(row.start))

    def _fresh(self) -> DriftMonitor:
        config = self._config
        return self._baseline.drift_monitor(
            self._clock, config.alarm_budget, config.baseline_kind, config.effect_floor, self._share
        )

    @property
    def memory(self) -> int:
        """How many of the last windows count for the next."""
        return self._fresh().memory

    def judge(self, windows: Sequence[OpenWindow]) -> tuple[list[WindowRow], list[Reading]]:
        """Judge windows that are over.

        Parameters
        ----------
        windows : sequence of OpenWindow
            In order, with the empty ones between them.

        Returns
        -------
        rows : list of WindowRow
            One for each, closed.
        readings : list of Reading
            All that they have to say.
        """
        rows: list[WindowRow] = []
        readings: list[Reading] = []
        drifted: deque[tuple[int, OpenWindow, WindowVerdict]] = deque(maxlen=_MOST_SLICED)
        for window in windows:
            row, verdict, said = self._judge(window)
            if verdict.drifted:
                drifted.append((len(rows), window, verdict))
            rows.append(row)
            readings += said
        for place, window, verdict in drifted:
            if slices := self._slices.find(window, verdict):
                rows[place] = replace(rows[place], verdicts={**rows[place].verdicts, "slices": slices})
        return rows, readings

    def _judge(self, window: OpenWindow) -> tuple[WindowRow, WindowVerdict, list[Reading]]:
        config, labels = self._config, self._config.labels(self._version)
        start = self._clock.local(window.window.start)
        window.settle()
        verdict = self.drift.update(window.profile, start, locale=self._locale)
        row = window.to_row(
            config.subject, self._version, closed=True, verdict=verdict, timezone=config.timezone
        )
        found = self._limits.judge(window.profile, start, rows=window.predictions, distinct=window.distinct)
        said = self._baseline.predictions
        readings = window_readings(window, verdict, labels, predictions=said, locale=self._locale)
        readings += limit_readings(found, window.window.start, labels)
        readings += metric_readings(self._metrics.find(window), window.window.start, labels)
        more: dict[str, Any] = {"limits": [one.to_json() for one in found if one.judged.beyond]}
        if config.predicts:
            more["estimated"] = self._estimates.find(window)
            readings += estimate_readings(more["estimated"], window, labels)
        return replace(row, verdicts={**row.verdicts, **more}), verdict, readings
