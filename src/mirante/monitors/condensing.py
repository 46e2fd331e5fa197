"""Old windows become few: fewer edges after some days, one for each day later, and in the end none."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any

from mirante.errors import InputError
from mirante.profiles import TableProfile
from mirante.store import SliceWindowRow, WindowRow
from mirante.store.ages import Ages, midnight

if TYPE_CHECKING:
    from mirante.store import Store

__all__ = ["CondensedWindows", "condense_windows", "short_verdicts"]

_DAY = timedelta(days=1)
_DIGITS = 4  # of numbers in old verdicts: what is drawn and told has no more
_STRANGEST = 10
_COUNTS = ("labels", "labels_missing")  # among the figures of performance
_OF_ONE = ("realised", "estimated")  # what cannot be said of several windows together


@dataclass(frozen=True, slots=True)
class CondensedWindows:
    """What became of windows.

    Parameters
    ----------
    coarse : int
        That have fewer edges now.
    merged, days : int
        That became one for each day, and how many those are.
    dropped : int
        That were too old.
    """

    coarse: int = 0
    merged: int = 0
    days: int = 0
    dropped: int = 0


def condense_windows(store: Store, subject: str, ages: Ages, *, keep: int = 0) -> CondensedWindows:
    """Make the old windows of a subject few and small.

    Parameters
    ----------
    store : Store
        Has them.
    subject : str
        Whose.
    ages : Ages
        What is old: windows from before `hours` keep fewer edges and shorter numbers, those from before
        `days` become one for each day and version, and those from before `gone` go.
    keep : int
        So many of the newest windows with rows, of each version, stay as they are: the next is pooled with
        them or held against them.

    Returns
    -------
    CondensedWindows
    """
    known = [row for row in store.windows.list(subject, with_verdicts=False) if row.closed]
    needed = _newest(known, keep)
    rows = [row for row in known if (row.start, row.version) not in needed]
    old, many = midnight(ages.gone, ages.zone), midnight(ages.days, ages.zone)
    gone = [row for row in rows if row.end <= old]
    store.windows.remove(subject, [(row.start, row.version) for row in gone])
    days = _days([row for row in rows if old < row.end <= many], ages)
    made = sum(_merge(store, rows_of_day) for rows_of_day in days)
    coarse = _coarsen(store, subject, [row for row in rows if many < row.end <= ages.hours])
    _condense_slices(store, subject, ages)
    return CondensedWindows(coarse, sum(map(len, days)), made, len(gone))


def _newest(rows: Sequence[WindowRow], keep: int) -> set[tuple[datetime, str]]:
    found: set[tuple[datetime, str]] = set()
    for version in {row.version for row in rows}:
        own = [(row.start, version) for row in rows if row.version == version and row.rows]
        found.update(own[-keep:] if keep else ())
    return found


def _days(rows: Iterable[Any], ages: Ages, of: Any = lambda row: row.version) -> list[list[Any]]:
    """Return rows that lie in one day and are of one version; not those that are a day by themselves."""

    def key(row: Any) -> Any:
        return of(row), row.start.astimezone(ages.zone).date()

    short = [row for row in rows if row.end - row.start < _DAY - timedelta(hours=1)]
    found = [list(group) for _, group in groupby(sorted(short, key=lambda row: (key(row), row.start)), key)]
    return [group for group in found if len(group) > 1]


def _merge(store: Store, rows: Sequence[WindowRow]) -> int:
    """Put one window in the place of several, or a few where their baselines differ; return how many."""
    subject, version = rows[0].subject, rows[0].version
    with store.transaction() as connection:
        found = [store.windows.get(subject, r.start, version=version, connection=connection) for r in rows]
        runs = _alike([row for row in found if row is not None])
        for run, profile in runs:
            store.windows.remove(subject, [(row.start, version) for row in run], connection=connection)
            store.windows.put(_merged(run, profile), connection=connection)
    return len(runs)


def _alike(rows: Iterable[WindowRow]) -> list[tuple[list[WindowRow], TableProfile | None]]:
    """Return runs of windows whose profiles add up, each with their sum."""
    runs: list[tuple[list[WindowRow], TableProfile | None]] = []
    for row in rows:
        profile = TableProfile.from_bytes(row.profile).coarser() if row.profile else None
        if runs and (total := _sum(runs[-1][1], profile)) is not _DIFFERS:
            runs[-1] = ([*runs[-1][0], row], total)
        else:
            runs.append(([row], profile))
    return runs


_DIFFERS: Any = object()


def _sum(one: TableProfile | None, other: TableProfile | None) -> TableProfile | None:
    if one is None or other is None:
        return one or other
    try:
        return one + other
    except InputError:  # of another baseline
        return _DIFFERS  # type: ignore[no-any-return]  # the mark is no profile


def _merged(rows: Sequence[WindowRow], profile: TableProfile | None) -> WindowRow:
    return replace(
        rows[0],
        end=rows[-1].end,
        rows=sum(row.rows for row in rows),
        late=sum(row.late for row in rows),
        profile=b"" if profile is None else profile.to_bytes(parted=True),
        verdicts=short_verdicts(_verdicts(rows)),
    )


def _verdicts(rows: Sequence[WindowRow]) -> dict[str, Any]:
    """Return what is said of a day: of each column its worst hour, of all the worst, counts added up."""
    notes = [row.verdicts for row in rows]
    worst = max(notes, key=lambda one: (bool(one.get("drifted")), _number(one.get("drift_share"))))
    columns: dict[str, Any] = {}
    for one in notes:
        for name, column in (one.get("columns") or {}).items():
            columns[name] = max(columns.get(name, column), column, key=_how_far)
    strange = [note for one in notes for note in one.get("top_outliers") or ()]
    found = {
        "outliers": sum(int(one.get("outliers") or 0) for one in notes),
        "top_outliers": sorted(strange, key=lambda note: (note["score"], note["time"]))[:_STRANGEST],
        "performance": _mean(rows, "performance"),
        "latency": _mean(rows, "latency") or {},
        "columns": columns,
        "passed": sum(int(one.get("passed") or 0) for one in notes),
        "faults": _counted(notes, "faults"),
        "agents": _counted(notes, "agents"),
    }
    known = {name for one in notes for name in one}
    whole = {**worst, **{name: value for name, value in found.items() if name in known}}
    whole["windows"] = sum(int(one.get("windows", 1)) for one in notes)
    return {name: value for name, value in whole.items() if name not in _OF_ONE}


def _counted(notes: Iterable[Mapping[str, Any]], name: str) -> dict[str, int]:
    return dict(sum((Counter(one.get(name) or {}) for one in notes), Counter()))


def _how_far(column: Mapping[str, Any]) -> tuple[bool, bool, float]:
    moved, missing = bool(column.get("drifted")), bool(column.get("missing_detected"))
    return moved, missing, _number(column.get("effect"))


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and not math.isnan(value) else -math.inf


def _mean(rows: Sequence[Any], name: str) -> dict[str, Any] | None:
    """Return the means of figures, weighted by rows, and the sums of those that count; None without any."""
    every = [row.verdicts.get(name) if isinstance(row, WindowRow) else row.performance for row in rows]
    known = [(row.rows, one) for row, one in zip(rows, every, strict=True) if one]
    found: dict[str, Any] = {}
    for key in dict.fromkeys(key for _, one in known for key in one):
        values = [(weight, _number(one.get(key))) for weight, one in known]
        finite = [(weight, value) for weight, value in values if math.isfinite(value)]
        weights = sum(weight for weight, _ in finite)
        if key in _COUNTS:
            found[key] = sum(value for _, value in finite)
        else:
            found[key] = sum(weight * value for weight, value in finite) / weights if weights else None
    return found or None


def short_verdicts(verdicts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the verdicts of a window as they are kept when it is old: numbers have a few digits.

    Examples
    --------
    >>> short_verdicts({"drift_share": 0.123456, "timezone": "UTC"})
    {'drift_share': 0.1235, 'timezone': 'UTC'}
    """
    found: dict[str, Any] = _short(verdicts)
    return found


def _short(value: Any) -> Any:
    """Return JSON with numbers of a few digits: nobody reads more of them after some days."""
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else value
    if isinstance(value, Mapping):
        return {name: _short(item) for name, item in value.items()}
    return [_short(item) for item in value] if isinstance(value, list | tuple) else value


def _coarsen(store: Store, subject: str, rows: Sequence[WindowRow]) -> int:
    """Give windows fewer edges, each once: how far that came is remembered."""
    name = f"retention/{subject}"
    since = (store.cursors.get(name) or {}).get("coarse_until", "")
    due = [row for row in rows if row.end.isoformat() > since]
    for row in due:
        with store.transaction() as connection:
            found = store.windows.get(subject, row.start, version=row.version, connection=connection)
            if found is not None and found.closed:
                data = found.profile
                if data:
                    data = TableProfile.from_bytes(data).coarser().to_bytes(parted=True)
                short = replace(found, profile=data, verdicts=short_verdicts(found.verdicts))
                store.windows.put(short, connection=connection)
    if due:
        store.cursors.set(name, {"coarse_until": max(row.end for row in due).isoformat()})
    return len(due)


def _condense_slices(store: Store, subject: str, ages: Ages) -> None:
    """Make of the slices of windows one for each day, and drop those that are too old."""
    old, many = midnight(ages.gone, ages.zone), midnight(ages.days, ages.zone)
    every = store.slice_windows.list(subject, until=many, with_verdicts=False)
    versions = sorted({row.version for row in every})
    held = {_key(row) for version in versions for row in store.slice_windows.kept(subject, version)}
    rows = [row for row in every if row.end <= many and _key(row) not in held]
    store.slice_windows.remove([row for row in rows if row.end <= old])
    young = [row for row in rows if row.end > old]
    for group in _days(young, ages, lambda row: (row.version, row.key, row.value)):
        of, begin, until = group[0].slice, group[0].start, group[-1].end
        with store.transaction() as connection:
            found = store.slice_windows.list(subject, since=begin, until=until, of=of, connection=connection)
            mine = [row for row in found if row.version == group[0].version]
            store.slice_windows.remove(mine, connection=connection)
            store.slice_windows.put([_merged_slice(mine)], connection=connection)


def _key(row: SliceWindowRow) -> tuple[str, str, str, datetime]:
    return row.version, row.key, row.value, row.start


def _merged_slice(rows: Sequence[SliceWindowRow]) -> SliceWindowRow:
    worst = max(rows, key=lambda row: (row.drifted, _number(row.effect)))
    return replace(
        worst,
        start=rows[0].start,
        end=rows[-1].end,
        rows=sum(row.rows for row in rows),
        performance=_mean(rows, "") or {},
        verdicts=_short(worst.verdicts),
    )
