"""The check itself: which columns are compared, how they are counted, who judges."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from mirante.drift.monitor import DriftMonitor
from mirante.drift.verdicts import ColumnVerdict
from mirante.errors import InputError
from mirante.monitors.check.result import CheckResult, ColumnCheck, TableFinding, TableSide
from mirante.monitors.check.sides import Side, side_of
from mirante.monitors.check.sketch import sketch_of
from mirante.monitors.check.words import percent
from mirante.profiles import CategoricalProfile, NumericProfile, TableProfile
from mirante.sources.tables.kinds import NOT_COMPARABLE
from mirante.stats.calibration import LARGEST_LEVEL

__all__ = ["check"]

_TEXT_NOW = 0.5  # with more unreadable values than this share a column of numbers is one of text
_GOES_WITH_ALL = ("nothing", "category")
_FEWEST_NAMES, _ONCE = 100, 1.02  # from so many values on, texts that come once each are names of rows
_NAMED = 12  # columns in an error


def check(
    reference: object,
    current: object,
    *,
    columns: Sequence[str] | None = None,
    alpha: float = 0.01,
    spark: object | None = None,
) -> CheckResult:
    """Compare a table with a reference, column by column.

    Parameters
    ----------
    reference, current : path, pandas, Polars or Spark DataFrame, Arrow Table, mapping of names to arrays
        A path is a Parquet, CSV or Arrow file, or a folder of Parquet files. It is read in batches, so it may
        be larger than memory.
    columns : sequence of str, optional
        Only these. By default all of the reference but dates and moments, which always move on, and
        keys, which name rows: texts that come once each, and numbers that count the rows.
    alpha : float, default 0.01
        Chance that a table that differs by chance alone is called drifted; above 0, at most 0.2.

    spark : pyspark.sql.SparkSession, optional
        Counts paths, of Parquet files that its workers can read, and knows tables by name. A Spark DataFrame
        is counted by its own session.

    Returns
    -------
    CheckResult
        With ``drifted``, ``drifted_columns``, ``columns``, ``findings``; ``to_text()``, ``to_html(path)``,
        ``to_dict()``; a notebook shows it as a table.

    Raises
    ------
    InputError
        If a table cannot be read or has no rows, a column is not there, or there is nothing to compare.

    Notes
    -----
    Rows are taken for independent. Days that differ by nature differ here too: for these use
    `mirante.DriftMonitor` with its ``own_windows``.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> result = check({"age": rng.normal(40, 9, 5000)}, {"age": rng.normal(45, 9, 800)})
    >>> result.drifted, result.drifted_columns
    (True, ('age',))
    """
    if not 0.0 < alpha <= LARGEST_LEVEL:
        raise InputError(f"alpha is {alpha}; give a chance above 0 and at most {LARGEST_LEVEL}, such as 0.01")
    before, after = side_of(reference, "reference", spark), side_of(current, "current", spark)
    names, findings = _comparable(before, after, columns)
    baseline = _counted(before, names, None)
    keys = [name for name in names if columns is None and _names_rows(baseline.columns[name])]
    if len(keys) < len(names):  # else there is nothing better to compare
        findings += [TableFinding(name, "key") for name in keys]
        names = [name for name in names if name not in keys]
        baseline = baseline.only(names)
    window = _counted(after, names, baseline)
    budget = f"{alpha:.15f} in 1 windows"
    verdict = DriftMonitor(baseline, alarm_budget=budget, pooled=False).update(window)
    findings += _unreadable(before, baseline, window, {one.column for one in findings})
    types = {one.column: one.detail for one in findings if one.what == "type"}
    found = tuple(
        _column(verdict.columns[name], types.get(name, ""), baseline.columns[name], window.columns[name])
        for name in names
    )
    return CheckResult(
        TableSide(before.name, baseline.rows),
        TableSide(after.name, window.rows),
        alpha,
        found,
        tuple(findings),
    )


def _comparable(
    before: Side, after: Side, columns: Sequence[str] | None
) -> tuple[list[str], list[TableFinding]]:
    """Return the columns to count, and what is to be said of the others."""
    wanted = list(dict.fromkeys(before.kinds if columns is None else columns))
    if not wanted:
        raise InputError(f"columns names no column; {before.name} has {_list(before.kinds)}")
    absent = next((name for name in wanted if name not in before.kinds), None)
    if absent is not None:
        raise InputError(f"{before.name} has no column {absent!r}; it has {_list(before.kinds)}")
    if not any(name in after.kinds for name in wanted):
        raise InputError(
            f"{after.name} has none of the columns of {before.name}: it has {_list(after.kinds)}, "
            f"and what is compared is {_list(wanted)}"
        )
    names: list[str] = []
    findings: list[TableFinding] = []
    for name in wanted:
        what, detail = _obstacle(before, after, name, asked_for=columns is not None)
        if what:
            findings.append(TableFinding(name, what, detail))
        if not what or (what == "type" and after.kinds[name] != NOT_COMPARABLE):
            names.append(name)
    if not names:
        raise InputError(
            f"nothing in {before.name} can be compared with {after.name}: they share times (name them to "
            f"compare them) or lists: {_list([name for name in wanted if name in after.kinds])}"
        )
    if columns is None:
        findings += [TableFinding(name, "new") for name in after.kinds if name not in before.kinds]
    return names, findings


def _obstacle(before: Side, after: Side, name: str, *, asked_for: bool) -> tuple[str, str]:
    """Return why a column cannot simply be compared; nothing where it can."""
    if name not in after.kinds:
        return "gone", ""
    old, new = before.kinds[name], after.kinds[name]
    if old == NOT_COMPARABLE:
        return "other", ""
    told = before.has_types and after.has_types and not {old, new} & set(_GOES_WITH_ALL)
    if new == NOT_COMPARABLE or (told and old != new):
        return "type", f"{old} -> {new}"
    return ("time", "") if old == "time" and not asked_for else ("", "")


def _names_rows(column: NumericProfile | CategoricalProfile) -> bool:
    """Return whether a column names its rows: other rows have other names, and that is no drift.

    Texts that come once each do, and whole numbers that count the rows: mean and spread say whether all from
    the smallest to the largest are there.
    """
    n = column.n
    if n < _FEWEST_NAMES or column.missing:
        return False
    if isinstance(column, CategoricalProfile):
        return int(column.counts.sum()) <= _ONCE * len(column.levels)
    middle, spread = (column.minimum + column.maximum) / 2, math.sqrt((n * n - 1) / 12)
    close = 1e-6 * n
    return (
        column.maximum - column.minimum == n - 1
        and abs(column.mean - middle) < close
        and abs(column.std - spread) < close
    )


def _list(names: Sequence[str] | Mapping[str, str]) -> str:
    shown = ", ".join(map(repr, list(names)[:_NAMED]))
    return f"{shown} and {len(names) - _NAMED} more" if len(names) > _NAMED else shown


def _counted(side: Side, names: Sequence[str], like: TableProfile | None) -> TableProfile:
    profile = side.count(names, like)
    if not profile.rows:
        raise InputError(f"{side.name} has no rows; a comparison needs at least one on each side")
    return profile


def _unreadable(
    before: Side, baseline: TableProfile, window: TableProfile, told: set[str]
) -> list[TableFinding]:
    """Return what is to be said of texts among numbers: a few of them, or mostly texts now."""
    found = []
    for name, column in window.columns.items():
        usual = baseline.columns[name]
        if not isinstance(column, NumericProfile) or not isinstance(usual, NumericProfile):
            continue
        if not (column.unreadable or usual.unreadable) or name in told:
            continue
        shares = [one.unreadable / max(one.n + one.unreadable, 1) for one in (usual, column)]
        if before.kinds[name] != "nothing" and shares[1] > _TEXT_NOW >= shares[0]:
            found.append(TableFinding(name, "type", f"{before.kinds[name]} -> text"))
        else:
            found.append(TableFinding(name, "unreadable", f"{percent(shares[0])} -> {percent(shares[1])}"))
    return found


def _column(
    verdict: ColumnVerdict,
    new_type: str,
    baseline: NumericProfile | CategoricalProfile,
    window: NumericProfile | CategoricalProfile,
) -> ColumnCheck:
    rows = baseline.n + baseline.missing
    missing = baseline.missing / rows if rows else float("nan")
    return ColumnCheck(verdict, missing, new_type, sketch_of(baseline, window))
