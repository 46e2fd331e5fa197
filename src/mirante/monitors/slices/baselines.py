"""What is normal in each slice of a model's rows: a profile, and the windows that it consists of."""

from __future__ import annotations

import json
import struct
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mirante.drift.monitor import DriftMonitor
from mirante.errors import ConfigError, InputError
from mirante.monitors.slices.declared import Divider, Slice, slices_of
from mirante.monitors.slices.entry import Entry
from mirante.profiles import TableProfile
from mirante.profiles.frames import raw_columns
from mirante.profiles.parts import coarser, profile_parts

__all__ = [
    "LEAST_ROWS",
    "MOST_SLICES",
    "SliceBaseline",
    "SliceBaselines",
    "SlicePlan",
    "check_slices",
    "chosen",
    "count_slices",
    "declared",
]

LEAST_ROWS = 100
"""Rows that a slice needs in the baseline: fewer say too little of what is normal."""

MOST_SLICES = 400
"""Of one model."""

_MOST_OWN = 112  # own windows of a slice that are kept: four for each six hours of a week
_MAGIC, _VERSION = b"MRSL", 1
_HEAD = struct.Struct("<4sBI")


@dataclass(frozen=True, slots=True)
class SliceBaseline:
    """What is normal in one slice.

    Parameters
    ----------
    slice : Slice
        Whose.
    profile : TableProfile
        Of its rows, on about 100 edges a column.
    own : tuple of TableProfile
        The windows that it consists of; none where the rows have no times.
    starts : tuple of datetime
        Local time at which each begins.
    pooled : bool
        Whether its windows are looked at together as well: not where only some of the own windows are kept.
    floors : mapping of str to float
        Least effects that matter by column, where the slice's own windows are not known.
    """

    slice: Slice
    profile: TableProfile
    own: tuple[TableProfile, ...] = ()
    starts: tuple[datetime, ...] = ()
    pooled: bool = True
    floors: Mapping[str, float] = field(default_factory=dict)

    def monitor(self, whole: DriftMonitor, share: float) -> DriftMonitor:
        """Return the monitor of the slice, which has seen no window yet.

        Parameters
        ----------
        whole : DriftMonitor
            Of all rows: budget, window, floors and kind are its.
        share : float
            Part of the budget.
        """
        names = self.profile.layout.names
        floor = {name: max(whole.floor_of(name), self.floors.get(name, 0.0)) for name in names}
        return DriftMonitor(
            self.profile,
            own_windows=self.own,
            own_starts=self.starts,
            alarm_budget=whole.alarm_budget,
            window=whole.window,
            floor=floor,
            kind=whole.kind,
            pooled=whole.pooled and self.pooled,
            share=share,
        )


@dataclass(frozen=True, slots=True)
class SliceBaselines:
    """The slices of one baseline.

    Parameters
    ----------
    entries : tuple of Entry
        As they were declared.
    like : TableProfile
        Edges and levels of all of them; without rows.
    slices : tuple of SliceBaseline
        Those with at least 100 rows.
    """

    entries: tuple[Entry, ...]
    like: TableProfile
    slices: tuple[SliceBaseline, ...]

    @classmethod
    def fit(
        cls,
        texts: Sequence[str],
        table: Any,
        profile: TableProfile,
        windows: Sequence[tuple[datetime, NDArray[np.intp]]] = (),
    ) -> SliceBaselines:
        """Find the slices of a baseline's rows.

        Parameters
        ----------
        texts : sequence of str
            The entries.
        table : DataFrame
            Features and prediction.
        profile : TableProfile
            Of all rows.
        windows : sequence of (datetime, ndarray of int)
            Local start and rows of the baseline's own windows, in order.

        Returns
        -------
        SliceBaselines

        Raises
        ------
        InputError
            If an entry cannot be read, does not fit the columns, or has no slice of at least 100 rows; or
            there are more than 400 slices.

        Examples
        --------
        >>> import pandas as pd
        >>> rows = pd.DataFrame({"plan": ["pro"] * 150 + ["max"] * 20, "age": range(170)})
        >>> found = SliceBaselines.fit(["plan", "age >= 30"], rows, TableProfile.of(rows))
        >>> [(one.slice.label, one.profile.rows) for one in found.slices]
        [('plan=pro', 150), ('age >= 30', 140)]
        """
        entries = declared(texts)
        tables = [(start, table.iloc[np.sort(places)]) for start, places in chosen(windows)]
        found = count_slices(entries, profile, [(None, table)], tables, thinned=len(tables) < len(windows))
        check_slices(entries, found)
        return found

    def select(self, entries: Iterable[Entry]) -> tuple[SliceBaseline, ...]:
        """Return the slices of some of the entries."""
        wanted = set(entries)
        return tuple(one for one in self.slices if one.slice.entry in wanted)

    def to_bytes(self) -> bytes:
        """Return all of it as bytes, with a version; no pickle.

        Returns
        -------
        bytes
        """
        starts = sorted({start for one in self.slices for start in one.starts})
        place = {start: number for number, start in enumerate(starts)}
        blobs, lines = [self.like.to_bytes()], []
        for one in self.slices:
            mine = [part.to_bytes(like=self.like) for part in (one.profile, *one.own)]
            blobs += mine
            lines.append(
                {
                    "entry": self.entries.index(one.slice.entry),
                    "value": one.slice.value,
                    "sizes": [len(blob) for blob in mine],
                    "starts": [place[start] for start in one.starts],
                    "pooled": one.pooled,
                }
            )
        head = {
            "entries": [(one.text, bool(one.column)) for one in self.entries],
            "starts": [start.replace(tzinfo=None).isoformat() for start in starts],
            "size": len(blobs[0]),
            "slices": lines,
        }
        header = json.dumps(head).encode()
        return b"".join((_HEAD.pack(_MAGIC, _VERSION, len(header)), header, *blobs))

    @classmethod
    def from_bytes(cls, data: bytes) -> SliceBaselines:
        """Read what `to_bytes` wrote.

        Parameters
        ----------
        data : bytes
            From anywhere.

        Returns
        -------
        SliceBaselines

        Raises
        ------
        InputError
            If the bytes are no slices, are damaged, or are of a newer version.
        """
        todo = "write the baseline again: mirante baseline"
        if len(data) < _HEAD.size or data[:4] != _MAGIC:
            raise InputError(f"these {len(data)} bytes are no slices of a baseline; {todo}")
        _, version, length = _HEAD.unpack_from(data)
        if version != _VERSION:
            raise InputError(f"the slices are of version {version}, this Mirante reads {_VERSION}; update it")
        place = _HEAD.size + length
        try:
            head = json.loads(data[_HEAD.size : place])
            return cls._read(head, data, place)
        except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
            raise InputError(f"the slices of the baseline are cut or damaged ({error}); {todo}") from error

    @classmethod
    def _read(cls, head: Mapping[str, Any], data: bytes, place: int) -> SliceBaselines:
        entries = tuple(
            Entry(text, (), (text,)) if named else Entry.parse(text) for text, named in head["entries"]
        )
        starts = [datetime.fromisoformat(start) for start in head["starts"]]
        like = TableProfile.from_bytes(data[place : place + head["size"]])
        place += head["size"]
        slices = []
        for line in head["slices"]:
            parts = []
            for size in line["sizes"]:
                parts.append(TableProfile.from_bytes(data[place : place + size], like=like))
                place += size
            slices.append(
                SliceBaseline(
                    Slice(entries[line["entry"]], str(line["value"])),
                    parts[0],
                    tuple(parts[1:]),
                    tuple(starts[number] for number in line["starts"]),
                    bool(line["pooled"]),
                )
            )
        return cls(entries, like, tuple(slices))


def chosen(windows: Sequence[Any]) -> list[Any]:
    """Return at most 112 of some windows, evenly spread over them.

    Examples
    --------
    >>> len(chosen(range(50))), len(chosen(range(1_000))), chosen(range(1_000))[-1]
    (50, 112, 999)
    """
    if len(windows) <= _MOST_OWN:
        return list(windows)
    return [windows[place] for place in np.linspace(0, len(windows) - 1, _MOST_OWN).round().astype(int)]


def count_slices(
    entries: Sequence[Entry],
    profile: TableProfile,
    tables: Iterable[tuple[datetime | None, Any]],
    own: Iterable[tuple[datetime, Any]] = (),
    *,
    thinned: bool = False,
    kept: Collection[int] = (),
    floors: Mapping[str, float] | None = None,
) -> SliceBaselines:
    """Count the slices of some entries in tables, which are read one after another.

    Parameters
    ----------
    entries : sequence of Entry
        Declared; all fit the columns.
    profile : TableProfile
        Of all rows: it decides edges, levels and a column's most frequent values.
    tables : iterable of (datetime or None, table)
        Together all rows; the local start of each, where it is a window.
    own : iterable of (datetime, table)
        Windows beside them that are kept as own ones.
    thinned : bool
        Whether the own windows are some of more.
    kept : collection of int
        Which of the tables, counted from 0, are kept as own windows.
    floors : mapping of str to float, optional
        As `SliceBaseline` has them.

    Returns
    -------
    SliceBaselines
        Slices of fewer than 100 rows are left out.
    """
    plan = SlicePlan.of(entries, profile)
    totals: list[TableProfile] = [plan.like] * len(plan.slices)
    windows: list[list[tuple[datetime, TableProfile]]] = [[] for _ in plan.slices]
    for number, (start, table) in enumerate(tables):
        found = plan.counted(table)
        totals = [one + other for one, other in zip(totals, found, strict=True)]
        if start is not None and number in kept:
            _keep(windows, start, found)
    for start, table in own:
        _keep(windows, start, plan.counted(table))
    return plan.of_counts(totals, windows, thinned=thinned, floors=floors)


def declared(texts: Sequence[str]) -> tuple[Entry, ...]:
    """Return entries, or say which cannot be read.

    Parameters
    ----------
    texts : sequence of str
        As a person wrote them.

    Raises
    ------
    InputError
        Naming it.
    """
    try:
        return tuple(Entry.parse(text) for text in texts)
    except ConfigError as error:
        raise InputError(str(error)) from error


@dataclass(frozen=True, slots=True)
class SlicePlan:
    """How the slices of some entries are counted, here or on another machine.

    Parameters
    ----------
    entries : tuple of Entry
        Declared; all fit the columns.
    slices : tuple of Slice
        That they make.
    like : TableProfile
        Edges and levels; without rows.
    numeric : tuple of str
        Columns of numbers.
    """

    entries: tuple[Entry, ...]
    slices: tuple[Slice, ...]
    like: TableProfile
    numeric: tuple[str, ...]

    @classmethod
    def of(cls, entries: Sequence[Entry], profile: TableProfile) -> SlicePlan:
        """Say which slices there are.

        Parameters
        ----------
        entries : sequence of Entry
            Declared.
        profile : TableProfile
            Of all rows: it decides edges, levels and a column's most frequent values.
        """
        slices = {one.label: one for entry in entries for one in slices_of(entry, profile)}
        return cls(tuple(entries), tuple(slices.values()), coarser(profile), profile.layout.numeric)

    def counted(self, table: Any) -> list[TableProfile]:
        """Count the rows of each slice in a table."""
        divider = Divider(self.slices, self.numeric)
        rows, raws = raw_columns(table, divider.columns)
        rows = rows if raws else len(table)
        return profile_parts(table, divider.parts(raws, rows), like=self.like)

    def of_counts(
        self,
        totals: Sequence[TableProfile],
        windows: Sequence[Sequence[tuple[datetime, TableProfile]]],
        *,
        thinned: bool,
        floors: Mapping[str, float] | None = None,
    ) -> SliceBaselines:
        """Return what was counted; slices of fewer than 100 rows are left out.

        Parameters
        ----------
        totals : sequence of TableProfile
            Of each slice.
        windows : sequence of sequences of (datetime, TableProfile)
            Of each slice, the own windows in which it has rows.
        thinned, floors
            As for `count_slices`.
        """
        return SliceBaselines(
            self.entries,
            self.like,
            tuple(
                SliceBaseline(
                    one,
                    total,
                    tuple(window for _, window in mine),
                    tuple(start for start, _ in mine),
                    not thinned,
                    floors or {},
                )
                for one, total, mine in zip(self.slices, totals, windows, strict=True)
                if total.rows >= LEAST_ROWS
            ),
        )


def _keep(
    windows: Sequence[list[tuple[datetime, TableProfile]]], start: datetime, found: Sequence[TableProfile]
) -> None:
    for mine, one in zip(windows, found, strict=True):
        if one.rows:
            mine.append((start, one))


def check_slices(entries: Sequence[Entry], found: SliceBaselines) -> None:
    """Refuse entries without any slice, and too many slices."""
    counts = {entry.text: len(found.select([entry])) for entry in entries}
    for text, count in counts.items():
        if not count:
            raise InputError(
                f"the slice {text!r} has fewer than {LEAST_ROWS} rows in the baseline; give more rows, or a "
                "wider condition"
            )
    if len(found.slices) > MOST_SLICES:
        largest = max(counts, key=lambda text: counts[text])
        raise InputError(
            f"there are {len(found.slices)} slices, {counts[largest]} of them by {largest!r}, and at most "
            f"{MOST_SLICES} are judged; declare fewer, or conditions in place of a column"
        )
