"""The monitor's detector: windows against a baseline, within an alarm budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np

from mirante.drift.cells import Cells, Counts
from mirante.drift.judgement import Judgement
from mirante.drift.kinds import BaselineKind
from mirante.drift.missing import missing_findings, missing_spread
from mirante.drift.references import FixedReferences, RollingReferences
from mirante.drift.saving import pack, unpack
from mirante.drift.scales import Scales
from mirante.drift.sides import Side
from mirante.drift.verdicts import WindowVerdict
from mirante.errors import ConfigError, InputError
from mirante.profiles import TableProfile
from mirante.stats.calibration import alarm_level
from mirante.stats.spread import Spread

__all__ = ["DriftMonitor"]

_FLOOR = 0.03
_MISSING_SHARE = 0.1  # of a column's level; missing values that matter are far beyond any limit


class DriftMonitor:
    """Judges windows against a baseline so that false alarms stay within a budget.

    The level of a window follows from the budget. It is shared evenly between the columns (Bonferroni), and
    in each column between the window itself (a half) and the last 4, 6, 8, 16 and 32 windows pooled, as long
    as they hold no more rows than the baseline: a small shift that lasts is seen in the pool. A tenth of
    the level of a column that has missing values goes to these. An alarm needs both: a p-value within the
    level, and an effect above the floor, so that many rows do not alarm on what does not matter.

    How a column is judged: `mirante.drift.numeric.NumericTests`,
    `mirante.drift.categorical.CategoricalTests`, `mirante.drift.missing.missing_findings`. A column that
    alarms by one window alone is left out of the pools for that window, so that a storm does not alarm for a
    month.

    Parameters
    ----------
    baseline : TableProfile
        What normal is.
    own_windows : sequence of TableProfile
        The windows that the baseline itself consists of, in order of time, counted with ``like=baseline``.
        With 7 or more, the spread between them is part of what is normal (a pool of k windows needs 12 k);
        without them all rows are taken for independent.
    own_starts : sequence of datetime, optional
        Local time at which each own window begins. Where they span four weeks or more, each weekday (and
        each 6 hours of it, where windows are shorter than a day) is held against its own windows.
    alarm_budget : str, default "1 per 30d"
        False alarms to put up with; or ``"1 in 100 windows"``.
    window : str, default "1d"
        Length of a window.
    floor : float or mapping of str to float, default 0.03
        Least KS distance or total variation that matters, for all columns or by name (0.03 for the rest). A
        third of it is the least change of the share of missing values that matters.
    kind : str, default "fixed"
        What a window is held against: ``fixed``, the baseline; ``sliding 14``, the last 14 windows;
        ``seasonal 4``, the last 4 of the same weekday (and hours); ``previous``, the one before. Pools are
        for fixed baselines only.
    pooled : bool, default True
        Whether the last windows are looked at together as well; without that a window has all of the level.
    share : float, default 1
        Part of the budget that this monitor may use, over 0 to 1: the rest is for others that watch the same
        model.

    Raises
    ------
    InputError
        If an own window was not counted with the baseline, or starts and windows differ in number.
    ConfigError
        If the budget, the kind or the share cannot be read.

    Notes
    -----
    Simulated at a budget of 1 in 100 windows, with 20 columns of all shapes and 100 to 50,000 rows a window:
    at most 1 % false alarms in every case (``benchmarks/alarms``). On the real flights of 2013 (baseline:
    January by days): January's days differ by KS 0.04 to 0.23 in departure delay, and the first week of
    February is quiet; 8 March, a snowstorm, is at 0.50.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> baseline = TableProfile.of({"age": rng.normal(40, 10, 5000)})
    >>> monitor = DriftMonitor(baseline, window="1d")
    >>> verdict = monitor.update(TableProfile.of({"age": rng.normal(48, 10, 500)}, like=baseline))
    >>> verdict.drifted, verdict.columns["age"].direction
    (True, 'median 39.7 -> 47.6')
    """

    def __init__(
        self,
        baseline: TableProfile,
        *,
        own_windows: Sequence[TableProfile] = (),
        own_starts: Sequence[datetime] = (),
        alarm_budget: str = "1 per 30d",
        window: str = "1d",
        floor: float | Mapping[str, float] = _FLOOR,
        kind: str = "fixed",
        pooled: bool = True,
        share: float = 1.0,
    ) -> None:
        if not 0.0 < share <= 1.0:
            raise ConfigError(f"the share of the alarm budget is {share}; give more than 0, and at most 1")
        self.baseline = baseline
        self.own_windows, self.own_starts = tuple(own_windows), tuple(own_starts)
        self.alarm_budget, self.window, self.kind, self.pooled = alarm_budget, window, kind, pooled
        self.floor = dict(floor) if isinstance(floor, Mapping) else float(floor)
        self.share = share
        self.level = alarm_level(alarm_budget, window) * share
        if self.own_starts and len(self.own_starts) != len(self.own_windows):
            raise InputError(
                f"there are {len(self.own_starts)} own_starts for {len(self.own_windows)} own_windows; "
                "give one each"
            )
        for one in self.own_windows:
            _check_same(baseline, one, "an own window")
        self._cells = Cells(baseline)
        self._references = self._choose(BaselineKind.parse(kind))
        self._seasons = {id(one): Side(self._cells, one) for one in self._references.seasons.values()}
        self._set_levels()
        self._scales = Scales(
            self._cells,
            Side(self._cells, baseline),
            self._references,
            self._drift_level,
            self._floor,
            pooled=pooled,
        )
        self._own_missing = Spread.none()
        if self._scales.structured:
            self._own_missing = missing_spread(self._references.pairs(), self._references.freedom)

    def _choose(self, kind: BaselineKind) -> FixedReferences | RollingReferences:
        kept = [place for place, one in enumerate(self.own_windows) if one.rows]
        own = [self.own_windows[place] for place in kept]
        starts = [self.own_starts[place] for place in kept] if self.own_starts else []
        if kind.name == "fixed":
            return FixedReferences(self.baseline, own, starts, self.window)
        return RollingReferences(self.baseline, own, starts, self.window, kind)

    def _set_levels(self) -> None:
        """Share the level of a window between columns, and in each between drift and missing values."""
        layout, whole = self.baseline.layout, Counts.of(self.baseline)
        names = (*layout.numeric, *layout.categorical)
        level = np.full(len(names), self.level / max(len(names), 1))
        self._missing_level = level * _MISSING_SHARE
        # a column that never lacks a value alarms by chance no more often when it is watched for that
        self._drift_level = np.where(whole.missing > 0, level - self._missing_level, level)
        self._floor = np.array([self.floor_of(name) for name in names], np.float64)

    def floor_of(self, column: str) -> float:
        """Return the least effect that matters in a column.

        Parameters
        ----------
        column : str
            Its name.

        Returns
        -------
        float
        """
        return self.floor.get(column, _FLOOR) if isinstance(self.floor, dict) else self.floor

    def update(
        self, window: TableProfile, start: datetime | None = None, *, locale: str = "en"
    ) -> WindowVerdict:
        """Judge a window.

        Parameters
        ----------
        window : TableProfile
            Counted with ``like=baseline``; may have no rows. Each window is to be given once, in order of
            time.
        start : datetime, optional
            Local time at which it begins; without it no weekday has a reference of its own.
        locale : str
            Of the sentences.

        Returns
        -------
        WindowVerdict

        Raises
        ------
        InputError
            If the window was not counted with this baseline.
        """
        _check_same(self.baseline, window, "the window")
        side = self._side(start)
        counts = Counts.of(window)
        local, n = self._cells.running(counts.cells)
        judgement = Judgement(
            window,
            self._scales.judge(side, counts, local, n),
            side.scores.of(window, local),
            missing_findings(counts, side.missing, self._own_missing, self._missing_level, self._floor / 3.0),
            self._drift_level,
            self._floor,
            locale,
        )
        self._scales.leave_out(judgement.alone)
        if isinstance(self._references, RollingReferences):
            self._references.remember(window, start)
        return WindowVerdict(
            window.rows,
            judgement.drifted_columns(),
            judgement.missing_columns(),
            judgement.columns,
            judgement.strongest(),
        )

    def remember(self, window: TableProfile, start: datetime | None = None) -> None:
        """Take up a window that was judged before, as after a restart: later windows are pooled with it.

        Parameters
        ----------
        window : TableProfile
            As for `update`.
        start : datetime, optional
            As for `update`.
        """
        self.update(window, start)

    @property
    def memory(self) -> int:
        """How many of the last windows count for the next; so many are to be remembered over a restart."""
        if isinstance(self._references, RollingReferences):
            return self._references.memory
        return self._scales.longest

    def fresh(
        self,
        *,
        alarm_budget: str | None = None,
        window: str | None = None,
        kind: str | None = None,
        floor: float | Mapping[str, float] | None = None,
        share: float | None = None,
    ) -> DriftMonitor:
        """Return a monitor of the same baseline that has seen no window yet.

        Parameters
        ----------
        alarm_budget, window, kind, floor, share : optional
            As for the constructor; this monitor's own when not given.

        Returns
        -------
        DriftMonitor
        """
        return DriftMonitor(
            self.baseline,
            own_windows=self.own_windows,
            own_starts=self.own_starts,
            alarm_budget=alarm_budget or self.alarm_budget,
            window=window or self.window,
            floor=self.floor if floor is None else floor,
            kind=kind or self.kind,
            pooled=self.pooled,
            share=share or self.share,
        )

    def _side(self, start: datetime | None) -> Side:
        reference = self._references.of(start)
        if reference is self.baseline:
            return self._scales.whole
        return self._seasons.get(id(reference)) or Side(self._cells, reference)

    def to_bytes(self) -> bytes:
        """Return baseline, own windows and settings as bytes, without the windows seen since; no pickle.

        Returns
        -------
        bytes
        """
        settings = {
            "alarm_budget": self.alarm_budget,
            "window": self.window,
            "floor": self.floor,
            "kind": self.kind,
            "pooled": self.pooled,
            "share": self.share,
        }
        return pack(self.baseline, self.own_windows, self.own_starts, settings)

    @classmethod
    def from_bytes(cls, data: bytes) -> DriftMonitor:
        """Read what `to_bytes` wrote.

        Parameters
        ----------
        data : bytes
            From anywhere.

        Returns
        -------
        DriftMonitor

        Raises
        ------
        InputError
            If the bytes are no monitor, are damaged, or are of another version.

        Examples
        --------
        >>> monitor = DriftMonitor(TableProfile.of({"x": [1, 2, 3]}), window="1h")
        >>> DriftMonitor.from_bytes(monitor.to_bytes()).window
        '1h'
        """
        baseline, own, starts, settings = unpack(data)
        try:
            return cls(baseline, own_windows=own, own_starts=starts, **settings)
        except TypeError as error:
            raise InputError(f"the drift monitor is cut or damaged ({error}); write it again") from error


def _check_same(baseline: TableProfile, other: TableProfile, what: str) -> None:
    if not baseline.layout.same(other.layout):
        raise InputError(
            f"{what} was not counted with this baseline; use TableProfile.of(table, like=baseline)"
        )
