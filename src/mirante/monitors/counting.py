"""Rows of one version cut into windows and counted, here or on another machine."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from mirante.monitors.limits.duplicates import DistinctRows
from mirante.monitors.openwindow import OpenWindow, latency_template
from mirante.monitors.slices.counting import SliceCounts
from mirante.monitors.slices.sending import offer_slices, offered_slices
from mirante.monitors.windows import Window
from mirante.profiles import TableProfile

if TYPE_CHECKING:
    import pyarrow as pa

    from mirante.monitors.baseline import ModelBaseline
    from mirante.monitors.predictions import Predictions
    from mirante.monitors.slices.resolving import Resolved
    from mirante.monitors.windows import WindowClock
    from mirante.outliers.detector import OutlierDetector

__all__ = ["ROW", "Counted", "WindowCounter", "added", "cut"]

ROW = (
    "step int, start long, stop long, newest long, profile binary, latency binary, notes string, "
    "places array<int>, slices array<binary>, rows long, error string"
)
"""The columns of what travels: one row for each window, and one for the step that they are of."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Counted:
    """Some rows of a window.

    Parameters
    ----------
    newest : datetime
        The last of their times.
    filled : OpenWindow
        What was counted of them, and the window.
    slices : mapping of int to TableProfile
        What was counted of the slices, by their numbers.
    """

    newest: datetime
    filled: OpenWindow
    slices: Mapping[int, TableProfile]

    @property
    def window(self) -> Window:
        """Whose they are."""
        return self.filled.window


def added(parts: Iterable[Counted]) -> list[Counted]:
    """Return each window once, with all that was counted of it.

    Parameters
    ----------
    parts : iterable of Counted
        In any order.
    """
    found: dict[datetime, Counted] = {}
    for one in parts:
        known = found.get(one.window.start)
        if known is None:
            found[one.window.start] = one
            continue
        known.filled.merge(one.filled)
        slices = dict(known.slices)
        for place, profile in one.slices.items():
            slices[place] = slices[place] + profile if place in slices else profile
        found[one.window.start] = Counted(max(known.newest, one.newest), known.filled, slices)
    return [found[start] for start in sorted(found)]


@dataclass(frozen=True, slots=True)
class _Like:
    """What of a baseline rows are counted with."""

    features: tuple[str, ...]
    predictions: Predictions
    profile: TableProfile
    outliers: OutlierDetector


def cut(table: pa.Table, version: str, clock: WindowClock) -> Iterator[tuple[Window, pa.Table]]:
    """Yield each window with its rows of one version, as they came.

    Parameters
    ----------
    table : pyarrow.Table
        With the columns of the inference log.
    version : str
        Whose rows; others are passed over.
    clock : WindowClock
        Cuts.
    """
    import pyarrow.compute as pc

    mine = table.filter(pc.equal(table["__version"], version)).drop_columns(["__version"])
    for window, positions in clock.assign(mine["__time"].to_numpy()):
        yield window, mine.take(positions)


class WindowCounter:
    """Cuts rows of the inference log into windows, and counts each as its monitor does.

    It can be pickled: what is pickled holds no row of the baseline.

    Parameters
    ----------
    version : str
        Whose rows; others are passed over.
    clock : WindowClock
        Cuts.
    baseline : ModelBaseline
        Gives edges and the outlier threshold.
    slices : Resolved
        The slices that are judged.
    signature : str
        Of these slices.
    """

    def __init__(
        self,
        version: str,
        clock: WindowClock,
        baseline: ModelBaseline | _Like,
        slices: Resolved,
        signature: str = "",
    ) -> None:
        self._version, self._clock, self._signature = version, clock, signature
        self._like = _Like(baseline.features, baseline.predictions, baseline.profile, baseline.outliers)
        self._slices = slices

    def cut(self, table: pa.Table) -> Iterator[tuple[Window, pa.Table]]:
        """Return each window with its rows of this version, as they came.

        Parameters
        ----------
        table : pyarrow.Table
            With the columns of the inference log.
        """
        return cut(table, self._version, self._clock)

    def count(self, table: pa.Table) -> Iterator[Counted]:
        """Yield each window's rows, counted.

        Parameters
        ----------
        table : pyarrow.Table
            With the columns of the inference log.
        """
        import pyarrow.compute as pc

        for window, part in self.cut(table):
            filled = OpenWindow.empty(window, self._like, self._signature)
            filled.add(part, self._like)
            slices = SliceCounts(self._slices, self._like.predictions)
            slices.add(window, part)
            yield Counted(pc.max(part["__time"]).as_py(), filled, slices.close(window.start))

    def to_row(self, step: int, counted: Counted) -> tuple[Any, ...]:
        """Return what was counted as a row of `ROW`, exact to the last bit.

        Parameters
        ----------
        step : int
            Of which step the rows are.
        counted : Counted
            From `count`.
        """
        filled = counted.filled
        distinct = None if filled.distinct is None else filled.distinct.to_json()
        notes = {
            "outliers": filled.outliers,
            "top": filled.top_outliers,
            "passed": filled.passed,
            "faults": filled.faults,
            "distinct": distinct,
        }
        slices = counted.slices.items()
        return (
            step,
            _micros(filled.window.start),
            _micros(filled.window.end),
            _micros(counted.newest),
            filled.profile.to_bytes(like=self._like.profile, exact=True),
            filled.latency.to_bytes(like=latency_template(), exact=True),
            json.dumps(notes),
            [place for place, _ in slices],
            [profile.to_bytes(like=self._slices.like, exact=True) for _, profile in slices],
            filled.rows,
            None,
        )

    def from_row(self, row: tuple[Any, ...]) -> Counted:
        """Read what `to_row` wrote.

        Parameters
        ----------
        row : tuple
            Its values.
        """
        _, start, stop, newest, profile, latency, notes, places, slices, _, _ = row
        said = json.loads(notes)
        filled = OpenWindow(
            Window(_moment(start), _moment(stop)),
            TableProfile.from_bytes(bytes(profile), like=self._like.profile),
            TableProfile.from_bytes(bytes(latency), like=latency_template()),
            said["outliers"],
            said["top"],
            said["passed"],
            None if said["distinct"] is None else DistinctRows.from_json(said["distinct"]),
            self._signature,
            said["faults"],
        )
        found = {
            place: TableProfile.from_bytes(bytes(one), like=self._slices.like)
            for place, one in zip(places, slices, strict=True)
        }
        return Counted(_moment(newest), filled, found)

    def __reduce__(self) -> tuple[Any, ...]:
        like, slices = self._like, self._slices
        return _again, (
            (self._version, self._clock, self._signature),
            (like.features, like.predictions, TableProfile.empty(like.profile).to_bytes()),
            like.outliers.to_bytes(),
            offer_slices(slices),
        )


def _again(said: Any, like: Any, outliers: bytes, sliced: bytes) -> WindowCounter:
    from mirante.outliers.detector import OutlierDetector

    version, clock, signature = said
    features, predictions, profile = like
    known = _Like(
        features, predictions, TableProfile.from_bytes(profile), OutlierDetector.from_bytes(outliers)
    )
    return WindowCounter(version, clock, known, offered_slices(sliced), signature)


def _micros(time: datetime) -> int:
    return (time - _EPOCH) // _MICROSECOND


def _moment(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)
