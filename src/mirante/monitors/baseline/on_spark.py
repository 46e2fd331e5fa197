"""A baseline that is fitted where the rows are: by Spark's workers."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mirante.errors import InputError
from mirante.monitors.baseline.baseline import ModelBaseline
from mirante.monitors.baseline.counted import FITTED_ROWS, CountedRows, DrawnRows, fitted_rows
from mirante.monitors.baseline.counts import (
    ALL,
    CHANGED,
    UNTIMED,
    Counting,
    Drawing,
    Part,
    count_part,
    count_rows,
    draw_part,
    merged_counts,
)
from mirante.monitors.baseline.fitting import as_said, check_rows, task_of, windows_of
from mirante.monitors.baseline.looks import (
    LEVELS,
    LOTS,
    REST,
    TIMES,
    First,
    Later,
    first_look,
    later_look,
    longest_gap,
    merged_looks,
)
from mirante.monitors.baseline.shape import BaselineShape
from mirante.monitors.predictions import PREDICTION, Predictions
from mirante.monitors.sample import draw, sample_of
from mirante.monitors.slices.baselines import SliceBaselines, SlicePlan, check_slices, chosen, declared
from mirante.monitors.windows import WindowClock
from mirante.performance.estimated.inputs import class_names
from mirante.profiles import TableProfile
from mirante.profiles.choosing import NumberFacts, NumberLook, chosen_profile
from mirante.profiles.columns import is_numeric
from mirante.profiles.frames import raw_columns
from mirante.sources.spark.reducing import reduce_parts
from mirante.stats.ranks import RankSearch

if TYPE_CHECKING:
    from mirante.monitors.slices.entry import Entry
    from mirante.sources.spark.jobs import SparkTable

__all__ = ["drawn_on_spark", "fit_on_spark"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def fit_on_spark(
    table: SparkTable,
    shape: BaselineShape,
    *,
    clock: WindowClock,
    alarm_budget: str,
    sample_rows: int,
    slices: Sequence[str] = (),
) -> ModelBaseline:
    """Build a baseline from rows that Spark's workers read, as `ModelBaseline.fit` does from rows here.

    Workers look through all rows some four times: for what edges and levels follow from, for the edges
    themselves, to count, and to draw the rows that models are fitted to. What comes here does not grow with
    the rows.

    Parameters
    ----------
    table : SparkTable
        Of a DataFrame, or of files.
    shape : BaselineShape
        Which columns are what.
    clock : WindowClock
        Cuts windows.
    alarm_budget : str
        False alarms that are accepted.
    sample_rows : int
        Rows that are kept.
    slices : sequence of str
        Parts of the rows that will be judged for themselves.

    Returns
    -------
    ModelBaseline
        Edges, levels, counts, windows, copies and slices are those of `ModelBaseline.fit` on the same rows,
        bit for bit. So is the rest for files, of which workers know each row's place; of a DataFrame other
        rows may be drawn.

    Raises
    ------
    InputError
        As `ModelBaseline.fit`; if Spark fails, or the table changes meanwhile.
    """
    entries = declared(slices)
    seen = _look(table, shape, clock)
    answers = _answers(table, shape, seen)
    places = _order(table, {int(part): rows for part, rows in seen.rest["parts"].items()})
    counted = _count(table, shape, clock, seen, entries, answers)
    rows = _draw(table, shape, clock, answers, places, counted.profile, sample_rows)
    return ModelBaseline.of_counts(
        counted, rows, answers, clock=clock, alarm_budget=alarm_budget, sample_rows=sample_rows
    )


@dataclass(frozen=True, slots=True)
class _Seen:
    """What looking found: a profile with edges and levels; facts of numbers; and the rest."""

    chosen: TableProfile
    facts: Mapping[str, NumberFacts]
    rest: Mapping[str, Any]
    gap: float | None

    @property
    def rows(self) -> int:
        return int(sum(self.rest["parts"].values()))


def _look(table: SparkTable, shape: BaselineShape, clock: WindowClock) -> _Seen:
    empty = pa.table({name: pa.nulls(0, table.types[name]) for name in shape.columns})
    kinds = shape.table(empty).schema
    found = reduce_parts(table, shape.columns, first_look, First(shape, clock), merged_looks, merged_looks)
    by_key = dict(found)
    rest = json.loads(by_key.get(REST, b'{"parts": {}}'))
    if not sum(rest["parts"].values()):
        raise InputError("the baseline has no rows; give the rows of a time in which all was well")
    facts: dict[str, NumberFacts] = {}
    levels: dict[str, dict[str, int]] = {}
    for place, field in enumerate(kinds):
        if place in by_key:
            facts[field.name] = NumberFacts.from_bytes(by_key[place])
            continue
        levels[field.name] = json.loads(by_key.get(LEVELS + place * LOTS, b"{}"))
        if not levels[field.name] and _numbers_without_values(field.type):
            del levels[field.name]
            facts[field.name] = NumberFacts.of(np.empty(0))
    numbers, gap = _later(table, shape, kinds.names, facts, rest)
    return _Seen(chosen_profile(kinds.names, numbers, levels), facts, rest, gap)


def _numbers_without_values(kind: pa.DataType) -> bool:
    """Return whether a column of this type that has no value at all comes as numbers from a data frame."""
    (raw,) = raw_columns(pa.table({"x": pa.nulls(1, kind)}).to_pandas())[1].values()
    return is_numeric(raw)


def _later(
    table: SparkTable,
    shape: BaselineShape,
    names: Sequence[str],
    facts: Mapping[str, NumberFacts],
    rest: Mapping[str, Any],
) -> tuple[dict[str, tuple[NumberFacts, RankSearch, int | None]], float | None]:
    """Return what was found of each column of numbers when nothing is open any more, and the silence."""
    searches = {name: RankSearch.of(one.keys) for name, one in facts.items()}
    squares: dict[str, int | None] = {}
    span = (rest["first"], rest["last"]) if rest.get("timed", 0) > 1 else None
    gap = None
    while span or len(squares) < len(facts) or any(one.open for one in searches.values()):
        wanted = [name for name in facts if name not in squares or searches[name].open]
        known = {name: (names.index(name), searches[name], facts[name].mean) for name in wanted}
        found = dict(reduce_parts(table, shape.columns, later_look, Later(shape, known, span), merged_looks))
        for name in wanted:
            look = NumberLook.from_bytes(_there(found, names.index(name)))
            squares.setdefault(name, look.squares)
            if searches[name].open:
                searches[name] = _refined(searches[name], look)
        if span:
            gap, span = longest_gap(np.frombuffer(_there(found, TIMES), np.int64).reshape(-1, 3)), None
    return {name: (facts[name], searches[name], squares[name]) for name in facts}, gap


def _there(found: Mapping[int, bytes], key: int) -> bytes:
    if key not in found:
        raise InputError(CHANGED.format("the table"))
    return found[key]


def _refined(search: RankSearch, look: NumberLook) -> RankSearch:
    try:
        return search.refined(look.keys)
    except IndexError as error:
        raise InputError(CHANGED.format("the table")) from error


def _answers(table: SparkTable, shape: BaselineShape, seen: _Seen) -> Predictions:
    """Return what predictions are, guessed as `ModelBaseline.fit` does where there is one column."""
    if len(shape.prediction) > 1:
        empty = pa.table({name: pa.nulls(0, table.types[name]) for name in shape.prediction}).to_pandas()
        return as_said(shape.said(empty), None, shape.classes or None)[1]
    kind, facts = table.types[shape.prediction[0]], seen.facts.get(PREDICTION)
    if facts is None or not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        return Predictions(task_of("O", 0))
    if pa.types.is_integer(kind) and not facts.missing:
        return Predictions(task_of("i", facts.keys.keys.size))
    # whole numbers with gaps are decimal ones in a data frame
    return Predictions(task_of("f", 0, *((facts.low, facts.high) if facts.keys.total else ())))


def _order(table: SparkTable, parts: Mapping[int, int]) -> dict[int, list[tuple[int, int]]]:
    """Return for each part where its rows are in the table, as first and number."""
    if table.order is not None:
        return dict(enumerate(table.order))
    found, first = {}, 0
    for part in sorted(parts):
        found[part] = [(first, parts[part])]
        first += parts[part]
    return found


def _count(
    table: SparkTable,
    shape: BaselineShape,
    clock: WindowClock,
    seen: _Seen,
    entries: Sequence[Entry],
    answers: Predictions,
) -> CountedRows:
    like, starts = seen.chosen, seen.rest["windows"]
    known = Counting(shape, like, clock, {start: place for place, start in enumerate(starts)})
    found = reduce_parts(table, shape.columns, count_part, known, merged_counts)
    parts = {key: Part.from_bytes(data, like, None) for key, data in found}
    windows = [_profile_of(parts, place, like) for place in range(len(starts))]
    profile = reduce(add, [*windows, _profile_of(parts, UNTIMED, like)])
    if profile.rows != seen.rows:
        raise InputError(CHANGED.format("the table"))
    plan = SlicePlan.of(entries, profile) if entries else None
    local = [clock.local(_EPOCH + timedelta(seconds=start)) for start in starts]
    return CountedRows(
        profile,
        windows,
        local,
        _span(seen),
        _copies(parts, len(starts)),
        class_names(np.array(seen.rest["classes"], object)) if answers.task == "class" else (),
        _sliced(table, entries, replace(known, plan=plan), local),
    )


def _profile_of(parts: Mapping[int, Part], key: int, like: TableProfile) -> TableProfile:
    found = parts[key].profile if key in parts else None
    return like if found is None else found


def _copies(parts: Mapping[int, Part], windows: int) -> dict[str, Any]:
    def pair(key: int) -> list[int]:
        return [int(number) for number in parts[key].rows.hashes]

    copies, rows = pair(ALL)
    return {"copies": copies, "rows": rows, "windows": [pair(place) for place in range(windows)]}


def _sliced(
    table: SparkTable, entries: Sequence[Entry], known: Counting, starts: Sequence[datetime]
) -> SliceBaselines | None:
    """Count slices, whose edges and levels follow from what is counted of all rows."""
    plan, own = known.plan, chosen(range(len(starts)))
    if plan is None:
        return None
    known = replace(known, own=frozenset(own))
    found = reduce_parts(table, known.shape.columns, count_part, known, merged_counts)
    parts = {key: Part.from_bytes(data, known.like, plan) for key, data in found}
    windows = [
        [(starts[key], one) for key in own if (one := parts[key].slices[place]).rows]
        for place in range(len(plan.slices))
    ]
    sliced = plan.of_counts(parts[ALL].slices, windows, thinned=len(own) < len(starts))
    check_slices(entries, sliced)
    return sliced


def _span(seen: _Seen) -> dict[str, Any]:
    import pandas as pd

    if not seen.rest.get("timed"):
        return {}
    first, last = (pd.Timestamp(seen.rest[end], unit="us", tz="UTC") for end in ("first", "last"))
    ends = {"first_time": first.isoformat(), "last_time": last.isoformat()}
    return ends if seen.gap is None else {**ends, "longest_gap_seconds": seen.gap}


def _draw(
    table: SparkTable,
    shape: BaselineShape,
    clock: WindowClock,
    answers: Predictions,
    order: Mapping[int, Sequence[tuple[int, int]]],
    profile: TableProfile,
    sample_rows: int,
) -> DrawnRows:
    import pandas as pd

    fitted = draw(profile.rows, fitted_rows(len(shape.features)))
    kept = draw(profile.rows, sample_rows) if sample_rows else fitted[:0]
    wanted = np.union1d(fitted, kept).astype(np.int64)
    rows = _taken(table, shape.columns, order, wanted)
    some = rows.take(pa.array(wanted.searchsorted(fitted)))
    frame = some.to_pandas()
    features = shape.given(frame)
    said, _ = as_said(shape.said(frame), answers.task, shape.classes or None)
    check_rows(features, said, answers)
    times = None if shape.time is None else pd.Series(shape.times(some))
    return DrawnRows(
        features,
        said,
        None if shape.label is None else frame[shape.label].to_numpy(),
        [at for _, at in windows_of(times, clock)],
        sample_of(shape.table(rows.take(pa.array(wanted.searchsorted(kept)))), profile)
        if sample_rows
        else None,
    )


def drawn_on_spark(table: SparkTable, columns: Sequence[str], most: int = FITTED_ROWS) -> pa.Table:
    """Return some rows from everywhere in a table, in its order; all where there are no more.

    Parameters
    ----------
    table : SparkTable
        Of a DataFrame, or of files.
    columns : sequence of str
        At least one.
    most : int
        How many.

    Returns
    -------
    pyarrow.Table
        Of files the same each time.

    Raises
    ------
    InputError
        If Spark fails, or the table changes meanwhile.
    """
    parts = {}
    if table.order is None:
        parts = {key: int(rows) for key, rows in reduce_parts(table, columns[:1], count_rows, None)}
    order = _order(table, parts)
    rows = sum(count for spans in order.values() for _, count in spans)
    return _taken(table, columns, order, draw(rows, most).astype(np.int64))


def _taken(
    table: SparkTable,
    columns: Sequence[str],
    order: Mapping[int, Sequence[tuple[int, int]]],
    wanted: NDArray[np.int64],
) -> pa.Table:
    """Return the rows at some places, in order."""
    local: dict[int, NDArray[np.int64]] = {}
    whole: dict[int, NDArray[np.int64]] = {}
    for part, spans in order.items():
        before, mine, theirs = 0, [], []
        for first, count in spans:
            begin, end = wanted.searchsorted([first, first + count])
            mine.append(wanted[begin:end] - first + before)
            theirs.append(wanted[begin:end])
            before += count
        local[part], whole[part] = np.concatenate(mine), np.concatenate(theirs)
    found = defaultdict(list)
    for part, data in reduce_parts(table, columns, draw_part, Drawing(local)):
        found[part].append(pa.ipc.open_stream(data).read_all())
    parts = [(one, whole[part]) for part, several in found.items() for one in [pa.concat_tables(several)]]
    if not wanted.size:
        return pa.table({name: pa.nulls(0, table.types[name]) for name in columns})
    if sum(one.num_rows for one, _ in parts) < wanted.size:
        raise InputError(CHANGED.format("the table"))
    rows = pa.concat_tables([one for one, _ in parts]).unify_dictionaries()
    return rows.take(pa.array(np.argsort(np.concatenate([places for _, places in parts]))))
