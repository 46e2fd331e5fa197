"""From the slices that the config asks for to those that can be judged, and why others cannot."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mirante.drift.cells import Cells, Counts
from mirante.errors import ConfigError, InputError
from mirante.monitors.slices.baselines import LEAST_ROWS, MOST_SLICES, SliceBaseline, count_slices
from mirante.monitors.slices.declared import Slice
from mirante.monitors.slices.entry import Entry
from mirante.profiles.parts import coarser

if TYPE_CHECKING:
    from mirante.drift.monitor import DriftMonitor
    from mirante.monitors.baseline import ModelBaseline
    from mirante.profiles import TableProfile

__all__ = ["Problem", "Resolved", "own_effects", "resolve"]


@dataclass(frozen=True, slots=True)
class Problem:
    """A declared slice that is not judged, and why.

    Parameters
    ----------
    entry : str
        As it was declared.
    reason : str
        What is lacking, and what mends it.
    """

    entry: str
    reason: str


@dataclass(frozen=True, slots=True)
class Resolved:
    """The slices of a model's monitor.

    Parameters
    ----------
    like : TableProfile
        Their edges and levels.
    slices : tuple of SliceBaseline
        Those that are judged.
    problems : tuple of Problem
        Those that are not.
    numeric : tuple of str
        The columns of numbers among those that conditions may name: those that are not watched too.
    """

    like: TableProfile
    slices: tuple[SliceBaseline, ...]
    problems: tuple[Problem, ...]
    numeric: tuple[str, ...]


def resolve(texts: Sequence[str] | None, baseline: ModelBaseline, model: str) -> Resolved:
    """Find what is normal in each slice that is asked for.

    Parameters
    ----------
    texts : sequence of str, optional
        The entries of the config; those that the baseline was made with when None.
    baseline : ModelBaseline
        Has slices of its own, or a sample of rows in which those that it lacks are looked for.
    model : str
        Its name, for the command that mends what is lacking.

    Returns
    -------
    Resolved
        Never fails: a slice that cannot be judged is a problem, and the others are judged.
    """
    own = baseline.slices
    whole = coarser(baseline.profile) if own is None else own.like
    numeric = whole.layout.numeric
    kept = baseline.profile.layout.names
    like = whole if whole.layout.names == kept else whole.only(kept)
    if texts is None:
        return Resolved(like, _watched(() if own is None else own.slices, kept), (), numeric)
    found: dict[str, SliceBaseline] = {}
    problems: list[Problem] = []
    for text in texts:
        try:
            mine = _of(Entry.parse(text), baseline, like, model)
            if len(found) + len(mine) > MOST_SLICES:
                raise InputError(
                    f"it makes {len(mine)} slices, and with those before it more than {MOST_SLICES}; declare "
                    "fewer, or conditions in place of a column"
                )
        except (ConfigError, InputError) as error:
            problems.append(Problem(text, str(error)))
        else:
            found |= {one.slice.label: one for one in mine}
    return Resolved(like, _watched(found.values(), kept), tuple(problems), numeric)


def _watched(slices: Iterable[SliceBaseline], names: tuple[str, ...]) -> tuple[SliceBaseline, ...]:
    """Return slices with the columns that are watched of all rows, and no others."""
    return tuple(
        one
        if one.profile.layout.names == names
        else replace(one, profile=one.profile.only(names), own=tuple(part.only(names) for part in one.own))
        for one in slices
    )


def _of(entry: Entry, baseline: ModelBaseline, like: TableProfile, model: str) -> list[SliceBaseline]:
    """Return the slices of an entry: the baseline's own, or what its sample says of them."""
    command = f"mirante baseline {model} --data FILE … --slice {_quoted(entry)}"
    own = baseline.slices
    for other in () if own is None else own.entries:
        if (other.tree, other.columns) == (entry.tree, entry.columns) and own is not None:
            mine = [replace(one, slice=Slice(entry, one.slice.value)) for one in own.select([other])]
            if mine:
                return mine
            raise InputError(
                f"the baseline holds fewer than {LEAST_ROWS} rows of the slice {entry.text!r}; write it from "
                f"more rows: {command}"
            )
    if baseline.sample is None:
        raise InputError(
            f"the baseline was made without the slice {entry.text!r} and keeps no rows; write it again: "
            f"{command}"
        )
    names = set(baseline.profile.layout.names)
    unwatched = [name for name in entry.columns if name in baseline.sample.column_names and name not in names]
    if unwatched:
        raise InputError(
            f"the slice {entry.text!r} is by {unwatched[0]!r}, which columns: in the config leaves out, and "
            f"the baseline was made without this slice; let columns: take it, or write it again: {command}"
        )
    floors = own_effects(baseline.drift)
    counted = count_slices([entry], baseline.profile, [(None, baseline.sample)], floors=floors)
    if not counted.slices:
        raise InputError(
            f"the baseline was made without the slice {entry.text!r}, and the {baseline.sample.num_rows:,} "
            f"rows that it keeps hold fewer than the {LEAST_ROWS} of it that are needed; write it again: "
            f"{command}"
        )
    if not counted.like.layout.same(like.layout):  # pragma: no cover  both follow from the same profile
        raise InputError(f"the baseline's slices were counted in another way; write it again: {command}")
    return list(counted.slices)


def _quoted(entry: Entry) -> str:
    import shlex

    return shlex.quote(entry.text)


def own_effects(drift: DriftMonitor) -> dict[str, float]:
    """Return how far a baseline's own windows were from it at most, by column.

    A slice that is taken from a sample of rows does not know how its own days differ. It is held to what
    all rows show of that: no effect counts that these had in normal times.

    Parameters
    ----------
    drift : DriftMonitor
        Of all rows.

    Returns
    -------
    dict of str to float
        KS distance or total variation, 0 to 1; empty without own windows.

    Examples
    --------
    >>> from mirante.drift.monitor import DriftMonitor
    >>> from mirante.profiles import TableProfile
    >>> whole = TableProfile.of({"x": [1.0, 2.0, 3.0, 4.0]})
    >>> day = TableProfile.of({"x": [1.0, 2.0]}, like=whole)
    >>> own_effects(DriftMonitor(whole, own_windows=[day]))
    {'x': 0.5}
    """
    layout, cells = drift.baseline.layout, Cells(drift.baseline)
    names = (*layout.numeric, *layout.categorical)
    whole = Counts.of(drift.baseline)
    most = np.zeros(len(names))
    for window in drift.own_windows:
        if window.rows:
            counts = Counts.of(window)
            most = np.fmax(
                most, np.r_[_distances(cells, counts), _variations(layout.level_start, counts, whole)]
            )
    return dict(zip(names, most.tolist(), strict=True)) if drift.own_windows else {}


def _distances(cells: Cells, counts: Counts) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    if not cells.start.size:
        return np.empty(0)
    local, n = cells.running(counts.cells)
    apart = np.abs(local / np.maximum(n, 1.0).take(cells.column) - cells.shares)
    return np.where(n > 0, np.maximum.reduceat(apart, cells.start), 0.0)


def _variations(
    starts: np.ndarray[tuple[int], np.dtype[np.intp]], counts: Counts, whole: Counts
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    first = starts[:-1]
    if not first.size:
        return np.empty(0)
    column = np.repeat(np.arange(first.size), np.diff(starts))
    totals = [np.add.reduceat(one.levels, first) for one in (counts, whole)]
    shares = [
        one.levels / np.maximum(total, 1).take(column)
        for one, total in zip((counts, whole), totals, strict=True)
    ]
    apart = 0.5 * np.add.reduceat(np.abs(shares[0] - shares[1]), first)
    return np.where(totals[0] > 0, apart, 0.0)
