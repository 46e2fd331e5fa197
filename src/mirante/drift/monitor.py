"""The monitor's detector: windows against a baseline, within an alarm budget."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any

from mirante.drift.categorical import CategoricalJudge
from mirante.drift.missing import MissingJudge
from mirante.drift.numeric import NumericJudge
from mirante.drift.verdicts import ColumnVerdict, Finding, WindowVerdict
from mirante.drift.words import drift_sentence, missing_sentence
from mirante.errors import InputError
from mirante.profiles.categorical import CategoricalProfile
from mirante.profiles.numeric import NumericProfile
from mirante.profiles.table import TableProfile
from mirante.stats.calibration import alarm_level

__all__ = ["DriftMonitor"]

_MAGIC, _VERSION = b"MRDM", 1
_HEAD = struct.Struct("<4sBI")
_FLOOR = 0.03
_MISSING_SHARE = 0.25  # of a column's level; missing values that matter are far beyond any limit
_NAN = float("nan")

Column = NumericProfile | CategoricalProfile


class DriftMonitor:
    """Judges windows against a baseline so that false alarms stay within a budget.

    The level of a window follows from the budget; it is shared evenly between the columns, and in each column
    between drift (three quarters) and missing values (Bonferroni). How a column is judged:
    `mirante.drift.numeric.NumericJudge`, `mirante.drift.categorical.CategoricalJudge`,
    `mirante.drift.missing.MissingJudge`. An alarm needs both: a p-value within the level, and an effect
    above the floor, so that many rows do not alarm on what does not matter.

    Parameters
    ----------
    baseline : TableProfile
        What normal is.
    own_windows : sequence of TableProfile
        The windows that the baseline itself consists of, counted with ``like=baseline``. With 7 or more,
        the spread between them is part of what is normal; without them all rows are taken for independent.
    alarm_budget : str, default "1 per 30d"
        False alarms to put up with; or ``"1 in 100 windows"``.
    window : str, default "1d"
        Length of a window.
    floor : float or mapping of str to float, default 0.03
        Least KS distance or total variation that matters, for all columns or by name (0.03 for the rest). A
        third of it is the least change of the share of missing values that matters.

    Raises
    ------
    InputError
        If an own window was not counted with the baseline.
    ConfigError
        If the budget cannot be read.

    Notes
    -----
    On the real flights of 2013 (baseline: January by days; one false alarm per 30 days): January's days
    differ by KS 0.04 to 0.23 in departure delay, and the first week of February is quiet; 8 March, a
    snowstorm, is at 0.50.

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
        alarm_budget: str = "1 per 30d",
        window: str = "1d",
        floor: float | Mapping[str, float] = _FLOOR,
    ) -> None:
        self.baseline = baseline
        self.own_windows = tuple(own_windows)
        self.alarm_budget = alarm_budget
        self.window = window
        self.floor = dict(floor) if isinstance(floor, Mapping) else float(floor)
        self.level = alarm_level(alarm_budget, window)
        for one in self.own_windows:
            _check_same(baseline, one, "an own window")
        self._judges = {name: self._judge(name) for name, column in baseline.columns.items() if column.n}
        self._missing = {
            name: MissingJudge(column, self._own(name)) for name, column in baseline.columns.items()
        }

    def _own(self, name: str) -> list[Any]:
        return [one.columns[name] for one in self.own_windows]

    def _judge(self, name: str) -> NumericJudge | CategoricalJudge:
        column = self.baseline.columns[name]
        if isinstance(column, NumericProfile):
            return NumericJudge(column, self._own(name))
        return CategoricalJudge(column, self._own(name))

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

    def update(self, window: TableProfile) -> WindowVerdict:
        """Judge a window.

        Parameters
        ----------
        window : TableProfile
            Counted with ``like=baseline``; may have no rows. Each window is to be given once, in order of
            time.

        Returns
        -------
        WindowVerdict

        Raises
        ------
        InputError
            If the window was not counted with this baseline.
        """
        _check_same(self.baseline, window, "the window")
        columns = {name: self._column(name, column) for name, column in window.columns.items()}
        drifted = sum(column.drifted for column in columns.values())
        return WindowVerdict(drifted > 0, drifted / len(columns) if columns else 0.0, columns, window.rows)

    def _column(self, name: str, window: Column) -> ColumnVerdict:
        base, floor = self.baseline.columns[name], self.floor_of(name)
        # one scale only (the window itself); pooled scales will take their part of the level here
        level = self.level / len(self.baseline.columns)
        drift_level, missing_level = level * (1 - _MISSING_SHARE), level * _MISSING_SHARE
        judge = self._judges.get(name)
        finding = _nothing() if judge is None or not window.n else judge.judge(window, drift_level, floor)  # type: ignore[arg-type]  # kinds were compared by _check_same
        drifted = finding.p_value <= drift_level and finding.effect > floor
        missing = self._missing[name].judge(window, missing_level, floor / 3)
        unreadable = window.unreadable if isinstance(window, NumericProfile) else 0
        return ColumnVerdict(
            column=name,
            kind="numeric" if isinstance(base, NumericProfile) else "categorical",
            drifted=drifted,
            score=finding.score,
            value=finding.value,
            threshold=finding.threshold,
            p_value=finding.p_value,
            effect=finding.effect,
            direction=finding.direction,
            n_baseline=base.n,
            n_window=window.n,
            smallest_effect=finding.smallest_effect,
            scores=finding.scores | {"detected": float(drifted)},
            missing_ratio=missing.ratio,
            missing_threshold=missing.threshold,
            missing_detected=missing.detected,
            new_category_ratio=_new_share(base, window),
            sentence=drift_sentence(name, finding, drifted=drifted, floor=floor, rows=(window.n, base.n)),
            missing_sentence=missing_sentence(name, missing, window.n + window.missing, unreadable),
        )

    def to_bytes(self) -> bytes:
        """Return baseline, own windows and settings as bytes; no pickle.

        Returns
        -------
        bytes
        """
        blobs = [one.to_bytes() for one in (self.baseline, *self.own_windows)]
        settings = {"alarm_budget": self.alarm_budget, "window": self.window, "floor": self.floor}
        header = json.dumps({"settings": settings, "sizes": [len(blob) for blob in blobs]}).encode()
        return b"".join((_HEAD.pack(_MAGIC, _VERSION, len(header)), header, *blobs))

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
            If the bytes are no monitor, are damaged, or are of a newer version.

        Examples
        --------
        >>> monitor = DriftMonitor(TableProfile.of({"x": [1, 2, 3]}), window="1h")
        >>> DriftMonitor.from_bytes(monitor.to_bytes()).window
        '1h'
        """
        if len(data) < _HEAD.size or data[:4] != _MAGIC:
            raise InputError(
                f"these {len(data)} bytes are no drift monitor; give what DriftMonitor.to_bytes wrote"
            )
        _, version, length = _HEAD.unpack_from(data)
        if version > _VERSION:
            raise InputError(
                f"the drift monitor is of version {version} and this Mirante reads up to {_VERSION}"
            )
        place = _HEAD.size + length
        try:
            header = json.loads(data[_HEAD.size : place])
            profiles = []
            for size in header["sizes"]:
                profiles.append(TableProfile.from_bytes(data[place : place + size]))
                place += size
            return cls(profiles[0], own_windows=profiles[1:], **header["settings"])
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise InputError(f"the drift monitor is cut or damaged ({error}); write it again") from error


def _check_same(baseline: TableProfile, other: TableProfile, what: str) -> None:
    if list(baseline.columns) != list(other.columns) or not all(
        column.same_bins(other.columns[name]) for name, column in baseline.columns.items()
    ):
        raise InputError(
            f"{what} was not counted with this baseline; use TableProfile.of(table, like=baseline)"
        )


def _nothing() -> Finding:
    return Finding("", _NAN, _NAN, _NAN, _NAN, _NAN, _NAN, "", {})


def _new_share(baseline: Column, window: Column) -> float:
    if (
        not isinstance(window, CategoricalProfile)
        or not isinstance(baseline, CategoricalProfile)
        or not window.n
    ):
        return 0.0
    known = baseline.other / baseline.n if baseline.n else 0.0
    return max(0.0, window.other / window.n - known)
