"""From the slices of windows that are over to verdicts and readings."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from mirante.i18n import translator
from mirante.readings import SLICE, Reading
from mirante.store import SliceWindowRow

if TYPE_CHECKING:
    from mirante.drift.monitor import DriftMonitor
    from mirante.drift.verdicts import WindowVerdict
    from mirante.monitors.slices.resolving import Resolved
    from mirante.monitors.windows import Window, WindowClock
    from mirante.profiles import TableProfile

__all__ = ["ALL_ROWS_SHARE", "SliceJudge"]

ALL_ROWS_SHARE = 0.5
"""Of the alarm budget, what all rows have where there are slices; these share the rest evenly."""

_MOST_COLUMNS = 20  # of a slice and window, so many columns are told; the furthest moved
_MOST_SENTENCES = 3


class SliceJudge:
    """Judges the slices of one model version's windows, in order; it remembers the last ones.

    Parameters
    ----------
    resolved : Resolved
        The slices.
    whole : DriftMonitor
        Of all rows, fresh: budget, window, floors and kind are its.
    clock : WindowClock
        Cuts the windows.
    subject, version : str
        Whose.
    labels : mapping of str to str
        Model, alias, version.
    locale : str
        Of the sentences.
    """

    def __init__(
        self,
        resolved: Resolved,
        whole: DriftMonitor,
        clock: WindowClock,
        subject: str,
        version: str,
        labels: Mapping[str, str],
        *,
        locale: str = "en",
    ) -> None:
        self._clock, self._subject, self._version = clock, subject, version
        self._labels, self._locale, self._like = labels, locale, resolved.like
        self._slices = [one.slice for one in resolved.slices]
        self._place = {(one.key, one.value): place for place, one in enumerate(self._slices)}
        self._baselines, self._whole = resolved.slices, whole
        # made when they are needed: of slices with own windows each takes 50 ms
        self._monitors: dict[int, DriftMonitor] = {}
        self._kept: dict[int, deque[datetime]] = {}
        self._before: dict[int, list[tuple[TableProfile, datetime]]] = {}
        self._told: list[tuple[frozenset[str], frozenset[str]]] = [(frozenset(), frozenset())] * len(
            self._slices
        )
        self._dropped: list[tuple[str, str, datetime]] = []

    def remember(self, rows: Sequence[SliceWindowRow], newest: Sequence[SliceWindowRow]) -> None:
        """Take up windows that were judged before.

        Parameters
        ----------
        rows : sequence of SliceWindowRow
            Judged, with their profiles, oldest first.
        newest : sequence of SliceWindowRow
            The last of each slice: its verdicts say which of the slice's alarms are still open.
        """
        from mirante.profiles import TableProfile

        for row in rows:
            place = self._place.get(row.slice)
            if place is None:
                self._dropped.append((*row.slice, row.start))
                continue
            profile = TableProfile.from_bytes(row.profile, like=self._like)
            self._before.setdefault(place, []).append((profile, row.start))
        for row in newest:
            if row.slice in self._place:
                names = (frozenset(row.verdicts.get(kind, ())) for kind in ("drifted", "missing"))
                self._told[self._place[row.slice]] = next(names), next(names)

    def _monitor(self, place: int) -> DriftMonitor:
        if place not in self._monitors:
            share = (1.0 - ALL_ROWS_SHARE) / len(self._slices)
            monitor = self._monitors[place] = self._baselines[place].monitor(self._whole, share)
            self._kept[place] = deque(maxlen=monitor.memory)
            for profile, start in self._before.pop(place, ()):
                monitor.remember(profile, self._clock.local(start))
                self._keep(place, start)
        return self._monitors[place]

    def _keep(self, place: int, start: datetime) -> bool:
        """Note that a profile is needed from now on, and which one is not any more."""
        kept, one = self._kept[place], self._slices[place]
        if not kept.maxlen:
            return False
        if len(kept) == kept.maxlen:
            self._dropped.append((one.key, one.value, kept[0]))
        kept.append(start)
        return True

    def dropped(self) -> list[tuple[str, str, datetime]]:
        """Return, once, whose profiles are not needed any more: key, value and start."""
        found, self._dropped = self._dropped, []
        return found

    def judge(
        self, window: Window, profiles: Mapping[int, TableProfile], *, rows: int
    ) -> tuple[list[SliceWindowRow], list[Reading]]:
        """Judge the slices of a window that is over.

        Parameters
        ----------
        window : Window
            From when to when.
        profiles : mapping of int to TableProfile
            By the slice's number.
        rows : int
            Of the window as a whole; where it has none, nothing is said of its slices.

        Returns
        -------
        rows : list of SliceWindowRow
            One for each slice with rows.
        readings : list of Reading
            ``predictions`` of every slice; ``drift_share`` of those with rows; verdict and size of the shift,
            or of missing values, for columns for which it is or no longer is an alarm.
        """
        found: list[SliceWindowRow] = []
        readings: list[Reading] = []
        for place, one in enumerate(self._slices) if rows else ():
            about = {**self._labels, SLICE: one.label}
            profile = profiles.get(place)
            count = 0 if profile is None else profile.rows
            readings.append(Reading("predictions", count, window.start, about))
            if profile is None:
                continue
            verdict = self._monitor(place).update(
                profile, self._clock.local(window.start), locale=self._locale
            )
            drifted, missing = _furthest(verdict, verdict.drifted_columns), verdict.missing_columns
            readings += self._readings(place, window.start, about, verdict, drifted, missing)
            kept = self._keep(place, window.start)
            self._told[place] = frozenset(drifted), frozenset(missing[:_MOST_COLUMNS])
            columns = len(profile.layout.names)
            strongest, effect = verdict.strongest
            found.append(
                SliceWindowRow(
                    self._subject,
                    self._version,
                    one.key,
                    one.value,
                    window.start,
                    window.end,
                    count,
                    True,
                    one.label,
                    columns,
                    len(verdict.drifted_columns),
                    strongest,
                    effect,
                    {
                        "drifted": list(drifted),
                        "missing": list(missing[:_MOST_COLUMNS]),
                        "sentences": [verdict.columns[name].sentence for name in drifted[:_MOST_SENTENCES]],
                    },
                    profile=profile.to_bytes(like=self._like) if kept else b"",
                )
            )
        return found, readings

    def _readings(
        self,
        place: int,
        start: datetime,
        about: Mapping[str, str],
        verdict: WindowVerdict,
        drifted: Sequence[str],
        missing: Sequence[str],
    ) -> list[Reading]:
        _ = translator(self._locale)
        share = len(verdict.drifted_columns) / max(len(self._like.layout.names), 1)
        readings = [Reading("drift_share", share, start, about)]
        was_drifted, was_missing = self._told[place]
        for name in dict.fromkeys((*drifted, *sorted(was_drifted))):
            if (column := verdict.columns.get(name)) is None:
                continue
            note = _("%(slice)s: %(sentence)s", slice=about[SLICE], sentence=column.sentence)
            mine = {**about, "feature": name}
            readings.append(Reading("drift_detected", float(column.drifted), start, mine, note))
            readings.append(Reading("drift_effect", column.effect, start, mine))
        for name in dict.fromkeys((*missing[:_MOST_COLUMNS], *sorted(was_missing))):
            if (column := verdict.columns.get(name)) is None:
                continue
            note = _("%(slice)s: %(sentence)s", slice=about[SLICE], sentence=column.missing_sentence)
            mine = {**about, "feature": name}
            readings.append(Reading("missing_detected", float(column.missing_detected), start, mine, note))
            readings.append(Reading("missing_ratio", column.missing_ratio, start, mine))
        return readings


def _furthest(verdict: WindowVerdict, names: Sequence[str]) -> tuple[str, ...]:
    if not names:
        return ()
    return tuple(sorted(names, key=lambda name: -verdict.columns[name].effect)[:_MOST_COLUMNS])
