"""What is kept of an experiment's traces: the last windows in numbers, and which of them were out of line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mirante.sources.traces.scores import Scores, from_percentiles
from mirante.tracking.traces import TraceWindow

__all__ = ["LATENCY", "STATUS", "KeptWindow", "TraceBook", "assessment_feature"]

LATENCY, STATUS = "latency", "status"
_MILLISECOND = 3  # digits: what MLflow's latencies have


def assessment_feature(name: str) -> str:
    """Return the feature that an assessment is; none of these is named as another feature is."""
    return f"assessment/{name}"


@dataclass(frozen=True)
class KeptWindow:
    """A closed window.

    Parameters
    ----------
    start : datetime
        Where it begins.
    statuses : mapping of str to int
        Traces by status.
    latency : tuple of float
        Percentiles, in seconds.
    scores : mapping of str to Scores
        By assessment.
    models : tuple of str
        Ids of the logged models that are told apart in it.
    settled : bool
        Whether its feedback is not measured again.
    drifted : frozenset of str
        Features that were out of line: they are no part of what later windows are held against.
    """

    start: datetime
    statuses: Mapping[str, int] = field(default_factory=dict)
    latency: tuple[float, ...] = ()
    scores: Mapping[str, Scores] = field(default_factory=dict)
    models: tuple[str, ...] = ()
    settled: bool = False
    drifted: frozenset[str] = frozenset()

    @classmethod
    def of(cls, window: TraceWindow) -> KeptWindow:
        """Return what is kept of a window."""
        scores = {name: Scores.of(values) for name, values in window.assessments.items()}
        return cls(window.start, window.statuses, window.latency, scores, tuple(window.models))

    @property
    def ended(self) -> int:
        """How many of its traces have ended."""
        return self.statuses.get("ok", 0) + self.statuses.get("error", 0)

    @property
    def features(self) -> set[str]:
        """The features that have values."""
        found = {STATUS} if self.ended else set()
        found |= {LATENCY} if self.ended and self.latency else set()
        return found | {
            assessment_feature(name) for name, one in self.scores.items() if one.count > one.failed
        }

    def column(self, feature: str, *, numeric: bool) -> NDArray[Any]:
        """Return the values of a feature.

        Parameters
        ----------
        feature : str
            Which.
        numeric : bool
            Of an assessment, whether its numbers or its texts are wanted.
        """
        if feature == LATENCY:
            return np.round(from_percentiles(self.latency, self.ended), _MILLISECOND)
        if feature == STATUS:
            known = [one for one in ("ok", "error") if self.statuses.get(one)]
            return np.repeat(np.array(known, object), [self.statuses[one] for one in known])
        return self.scores[feature.partition("/")[2]].column(numeric=numeric)

    def to_json(self) -> dict[str, Any]:
        """Return it for a cursor of the store."""
        return {
            "start": self.start.isoformat(),
            "statuses": dict(self.statuses),
            "latency": list(self.latency),
            "scores": {name: one.to_json() for name, one in self.scores.items()},
            "models": list(self.models),
            "settled": self.settled,
            "drifted": sorted(self.drifted),
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> KeptWindow:
        """Return what `to_json` gave."""
        return cls(
            datetime.fromisoformat(kept["start"]),
            dict(kept["statuses"]),
            tuple(kept["latency"]),
            {name: Scores.from_json(one) for name, one in kept["scores"].items()},
            tuple(kept["models"]),
            kept["settled"],
            frozenset(kept["drifted"]),
        )


@dataclass(frozen=True)
class TraceBook:
    """What is known of an experiment's traces; a look leads from one state to the next.

    Parameters
    ----------
    id, name : str
        Of the experiment.
    until : datetime, optional
        Where the next window to be closed begins; None before the first look.
    windows : mapping of datetime to KeptWindow
        The last ones that have traces, in order.
    since : mapping of str to datetime
        By feature, from when on what it is now counts as normal.
    length : int
        Seconds of a window; windows of another length are forgotten.
    judged_from : datetime, optional
        Where the last window of the first look begins: those before it are a reference and no more. None
        before the first look.
    """

    id: str
    name: str
    until: datetime | None = None
    windows: Mapping[datetime, KeptWindow] = field(default_factory=dict)
    since: Mapping[str, datetime] = field(default_factory=dict)
    length: int = 3600
    judged_from: datetime | None = None

    def with_windows(
        self, windows: Iterable[KeptWindow], *, until: datetime | None = None, most: int | None = None
    ) -> TraceBook:
        """Return it with windows that are new or measured again.

        Parameters
        ----------
        windows : iterable of KeptWindow
            In the place of those that begin at the same time.
        until : datetime, optional
            As of the book.
        most : int, optional
            Only the last so many are kept.
        """
        known = {**self.windows, **{one.start: one for one in windows}}
        starts = sorted(known)[-most:] if most else sorted(known)
        return replace(self, windows={one: known[one] for one in starts}, until=until or self.until)

    def reference(self, feature: str, start: datetime, count: int) -> list[KeptWindow]:
        """Return the windows that one is held against.

        Parameters
        ----------
        feature : str
            Which must have values in each, and not have been out of line.
        start : datetime
            Windows before it.
        count : int
            How many.

        Returns
        -------
        list of KeptWindow
            The last ones; empty when there are fewer.
        """
        since = self.since.get(feature)
        found = [
            one
            for begin, one in self.windows.items()
            if begin < start
            and (since is None or begin >= since)
            and feature in one.features
            and feature not in one.drifted
        ]
        return found[-count:] if len(found) >= count else []

    def marked(self, start: datetime, feature: str, count: int, *, drifted: bool) -> TraceBook:
        """Return it with a verdict written down.

        A feature that is out of line for so many windows in a row as a reference has, is normal from then on.

        Parameters
        ----------
        start : datetime
            The window.
        feature : str
            The feature.
        count : int
            Windows of a reference.
        drifted : bool
            The verdict.
        """
        window = self.windows[start]
        marks = window.drifted | {feature} if drifted else window.drifted - {feature}
        book = self.with_windows([replace(window, drifted=marks)])
        since = book.since.get(feature)
        last = [
            one
            for one in book.windows.values()
            if feature in one.features and (since is None or one.start >= since)
        ][-count:]
        if not drifted or len(last) < count or not all(feature in one.drifted for one in last):
            return book
        accepted = [replace(one, drifted=one.drifted - {feature}) for one in last]
        return replace(book.with_windows(accepted), since={**book.since, feature: last[0].start})

    def open_for_feedback(self, now: datetime, lateness: timedelta) -> tuple[list[KeptWindow], set[datetime]]:
        """Return the windows whose feedback may still change, and those that are measured for the last time.

        Parameters
        ----------
        now : datetime
            The present.
        lateness : timedelta
            How long after a window's end feedback is waited for.
        """
        waiting = [one for one in self.windows.values() if not one.settled]
        length = timedelta(seconds=self.length)
        return waiting, {one.start for one in waiting if one.start + length + lateness <= now}

    def to_json(self) -> dict[str, Any]:
        """Return it for a cursor of the store."""
        return {
            "id": self.id,
            "name": self.name,
            "until": None if self.until is None else self.until.isoformat(),
            "windows": [one.to_json() for one in self.windows.values()],
            "since": {feature: one.isoformat() for feature, one in self.since.items()},
            "length": self.length,
            "judged_from": None if self.judged_from is None else self.judged_from.isoformat(),
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> TraceBook:
        """Return what `to_json` gave."""
        windows = [KeptWindow.from_json(one) for one in kept["windows"]]
        return cls(
            kept["id"],
            kept["name"],
            None if kept["until"] is None else datetime.fromisoformat(kept["until"]),
            {one.start: one for one in windows},
            {feature: datetime.fromisoformat(one) for feature, one in kept["since"].items()},
            kept["length"],
            None if (judged := kept.get("judged_from")) is None else datetime.fromisoformat(judged),
        )
