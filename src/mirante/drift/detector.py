"""The direct detector: two samples in hand, one question."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any, SupportsFloat

import numpy as np
from numpy.typing import NDArray

from mirante.errors import InputError
from mirante.notebook import html_result, html_table
from mirante.profiles.columns import is_numeric, to_levels, to_numbers
from mirante.profiles.frames import RawColumn, raw_columns
from mirante.stats.moments import from_values
from mirante.stats.twosample import TwoSample, chi2, ks, merge_rare

__all__ = ["ColumnDrift", "DriftDetector", "DriftResult"]

_ALONE = "value"


class _Keys(Mapping[str, Any]):
    """Read a dataclass by key as well as by attribute."""

    __slots__ = ()

    def __getitem__(self, key: str) -> Any:
        if key not in self._names():
            raise KeyError(key)
        return getattr(self, key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __len__(self) -> int:
        return len(self._names())

    def _names(self) -> tuple[str, ...]:
        return tuple(one.name for one in fields(self))  # type: ignore[arg-type]  # both heirs are dataclasses


@dataclass(frozen=True, slots=True, eq=False)
class ColumnDrift(_Keys):
    """What was found in one column; fields are keys as well.

    Parameters
    ----------
    kind : str
        ``numeric`` or ``categorical``.
    statistic : float
        KS distance of a numeric column, χ² of a categorical one.
    p_value : float
        Of this column alone.
    drift_detected : bool
        Whether ``columns * p_value`` is below the threshold.
    baseline_stats, current_stats : mapping
        ``mean, std, skew, kurtosis`` of a numeric column; ``levels, most_frequent, share`` of a categorical
        one.
    baseline_missing, current_missing : int
        Values that were left out.
    """

    kind: str
    statistic: float
    p_value: float
    drift_detected: bool
    baseline_stats: Mapping[str, Any]
    current_stats: Mapping[str, Any]
    baseline_missing: int
    current_missing: int


@dataclass(frozen=True, slots=True, eq=False)
class DriftResult(_Keys):
    """What `DriftDetector.detect_drift` found; fields are keys as well.

    Parameters
    ----------
    drift_detected : bool
        ``p_value < threshold``.
    p_value : float
        Of the one column; of k columns ``min(1, k * smallest p)``.
    ks_statistic : float
        KS distance of the one column, or of the numeric column with the smallest p; NaN without numeric
        columns.
    threshold : float
        As it was asked for.
    baseline_stats, current_stats : mapping
        ``mean, std, skew, kurtosis``; of a table one such mapping per column.
    baseline_missing, current_missing : int
        Values that were left out, of all columns.
    columns : mapping of str to ColumnDrift
        Of a table; empty for a single column.
    drifted_columns : tuple of str
        Those with ``k * p < threshold``, strongest first.
    drift_share : float
        Their share of the columns, 0 to 1.
    """

    drift_detected: bool
    p_value: float
    ks_statistic: float
    threshold: float
    baseline_stats: Mapping[str, Any]
    current_stats: Mapping[str, Any]
    baseline_missing: int
    current_missing: int
    columns: Mapping[str, ColumnDrift]
    drifted_columns: tuple[str, ...]
    drift_share: float

    def _repr_html_(self) -> str:
        """Return a table for a notebook, every text escaped."""
        found = "Drift" if self.drift_detected else "No drift"
        sentence = f"{found}: p = {self.p_value:.3g}, threshold {self.threshold:g}."
        if not self.columns:
            sides = (("baseline", self.baseline_stats), ("current", self.current_stats))
            keys = list(self.baseline_stats)
            rows = [(name, *(_figure(stats.get(key)) for key in keys)) for name, stats in sides]
            return html_result(sentence, html_table(("", *keys), rows))
        order = dict.fromkeys((*self.drifted_columns, *self.columns))
        lines = [(name, *_told(self.columns[name])) for name in order]
        return html_result(sentence, html_table(("column", "verdict", "statistic", "p", "missing"), lines))


def _figure(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _told(column: ColumnDrift) -> tuple[str, ...]:
    statistic = "KS" if column.kind == "numeric" else "χ²"
    return (
        "drift" if column.drift_detected else "no drift",
        f"{statistic} {column.statistic:.3g}",
        f"{column.p_value:.3g}",
        f"{column.baseline_missing:,} → {column.current_missing:,}",
    )


@dataclass(frozen=True, slots=True)
class _Sample:
    """One column, missing values left out: numbers, or the codes of its levels."""

    numbers: NDArray[np.float64] | None
    levels: NDArray[np.str_] | None
    missing: int


class DriftDetector:
    """Compares samples with a baseline: Kolmogorov-Smirnov for numbers, χ² for categories.

    Parameters
    ----------
    baseline_data : array, list, pandas, Polars or Arrow
        One column (one-dimensional) or a table (two-dimensional, frame, mapping of names to arrays). NaN
        and None are left out and counted; infinities are values.
    log : bool, default True
        Whether results go to MLflow: the caller's active run if there is one, else the host's monitoring
        run. With no tracking server in reach there is one warning, and results all the same.

    Raises
    ------
    InputError
        If there is nothing to compare with: no rows, or a column with missing values only.

    Notes
    -----
    Rare levels of a categorical column are merged: those of which both samples together promise fewer than
    5 rows in the smaller one. Numbers come with scipy's p-value (exact up to 10,000 rows a side). Rows are
    taken for independent: for windows of a stream, whose days differ, use `mirante.DriftMonitor`.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> detector = DriftDetector(rng.normal(0, 1, 1000), log=False)
    >>> detector.detect_drift(rng.normal(0.5, 1, 1000))["drift_detected"]
    True
    """

    def __init__(self, baseline_data: object, *, log: bool = True) -> None:
        self.log = log
        self._alone, raws = _columns(baseline_data, "baseline_data")
        self._kinds = {name: is_numeric(raw) for name, raw in raws.items()}
        self._baseline = {
            name: _sample(name, raw, self._kinds[name], "baseline_data") for name, raw in raws.items()
        }

    def detect_drift(self, current_data: object, threshold: float = 0.05) -> DriftResult:
        """Compare a sample with the baseline.

        Parameters
        ----------
        current_data : as the baseline
            A table needs the baseline's columns; others are left out. The baseline decides what is a
            number: text that is none is left out and counted as missing.
        threshold : float, default 0.05
            Drift is a p-value below it, between 0 and 1.

        Returns
        -------
        DriftResult
            A frozen mapping.

        Raises
        ------
        InputError
            If a column is not there, is empty or has missing values only, or a column meets a table.
        """
        given: object = threshold
        if not (isinstance(given, SupportsFloat) and 0.0 < float(given) < 1.0):
            raise InputError(
                f"threshold is {threshold!r}; a p-value is compared with it: give a number between 0 and 1"
            )
        alone, raws = _columns(current_data, "current_data")
        if alone != self._alone:
            words = {True: "one column", False: "a table"}
            raise InputError(
                f"current_data is {words[alone]} and the baseline is {words[self._alone]}; "
                "give both in the same shape"
            )
        absent = [name for name in self._baseline if name not in raws]
        if absent:
            has = f"has no column {absent[0]!r}"
            if _unnamed(current_data):
                has = f"is an array, whose columns have no names ({len(raws)} of them)"
            raise InputError(
                f"current_data {has}; the baseline has {', '.join(self._baseline)}: give a table with these"
            )
        found = {name: self._compare(name, raws[name], threshold) for name in self._baseline}
        result = _result(found, threshold, alone=alone)
        if self.log:
            from mirante.tracking.runs import log_metrics  # brings MLflow, which takes seconds

            log_metrics(_metrics(result))
        return result

    def _compare(self, name: str, raw: RawColumn, threshold: float) -> ColumnDrift:
        before = self._baseline[name]
        after = _sample(name, raw, self._kinds[name], "current_data")
        if before.numbers is not None and after.numbers is not None:
            test = ks(before.numbers, after.numbers)
        else:
            test = _chi2(before, after)
        return ColumnDrift(
            kind="numeric" if self._kinds[name] else "categorical",
            statistic=test.statistic,
            p_value=test.p_value,
            drift_detected=min(1.0, test.p_value * len(self._baseline)) < threshold,
            baseline_stats=_stats(before),
            current_stats=_stats(after),
            baseline_missing=before.missing,
            current_missing=after.missing,
        )


def _unnamed(data: object) -> bool:
    return not isinstance(data, Mapping) and not hasattr(data, "columns")


def _columns(data: object, what: str) -> tuple[bool, dict[str, RawColumn]]:
    """Return whether the data is one column, and its columns."""
    if isinstance(data, list | tuple) and data and isinstance(data[0], list | tuple | np.ndarray):
        data = _matrix(data, what)
    dimensions = getattr(data, "ndim", 1)
    if not _unnamed(data) or dimensions == 2:
        alone, raws = False, raw_columns(data)[1]
    elif dimensions != 1:
        shape = getattr(data, "shape", "unknown")
        raise InputError(f"{what} has the shape {shape}; give one column or a table of rows by columns")
    else:
        alone, raws = True, raw_columns({_ALONE: data})[1]
    if not raws:
        raise InputError(f"{what} has no columns; give at least one")
    return alone, raws


def _matrix(rows: list[Any] | tuple[Any, ...], what: str) -> NDArray[Any]:
    try:
        table = np.asarray(rows)
    except ValueError as error:
        raise InputError(
            f"{what} has rows of different lengths; give each row a value for each column"
        ) from error
    return table


def _sample(name: str, raw: RawColumn, numeric: bool, what: str) -> _Sample:
    column = f"column {name!r} of {what}" if name != _ALONE else what
    if len(raw) == 0:
        raise InputError(f"{column} is empty; a comparison needs at least one value on each side")
    if numeric:
        numbers, _ = to_numbers(name, raw)
        kept = numbers[~np.isnan(numbers)]
        sample = _Sample(kept, None, numbers.size - kept.size)
    else:
        codes, names = to_levels(name, raw)
        present = codes[codes >= 0]
        sample = _Sample(None, np.array(names, dtype=np.str_)[present], codes.size - present.size)
    if sample.missing == len(raw):
        raise InputError(
            f"{column} has {len(raw)} values and all are missing; a comparison needs at least one"
        )
    return sample


def _chi2(before: _Sample, after: _Sample) -> TwoSample:
    left, right = before.levels, after.levels
    assert left is not None and right is not None  # noqa: S101, PT018  the baseline's kind decides for both
    _, codes = np.unique(np.concatenate([left, right]), return_inverse=True)
    size = int(codes.max()) + 1
    older = np.bincount(codes[: left.size], minlength=size)
    newer = np.bincount(codes[left.size :], minlength=size)
    # by the rows of both together, so that a level that is new on one side is not lost among the rare ones
    groups = merge_rare(older + newer, min(left.size, right.size), least=5.0)
    return chi2(np.bincount(groups, older), np.bincount(groups, newer))


def _stats(sample: _Sample) -> Mapping[str, Any]:
    if sample.numbers is not None:
        return MappingProxyType(from_values(sample.numbers)._asdict())
    levels, counts = np.unique(np.asarray(sample.levels), return_counts=True)
    top = int(np.argmax(counts))
    return MappingProxyType(
        {"levels": len(levels), "most_frequent": str(levels[top]), "share": float(counts[top] / counts.sum())}
    )


def _result(found: Mapping[str, ColumnDrift], threshold: float, *, alone: bool) -> DriftResult:
    ranked = sorted(found, key=lambda name: found[name].p_value)
    p_value = min(1.0, len(found) * found[ranked[0]].p_value)
    distances = [found[name].statistic for name in ranked if found[name].kind == "numeric"]
    drifted = tuple(name for name in ranked if found[name].drift_detected)
    befores: Mapping[str, Any] = {name: one.baseline_stats for name, one in found.items()}
    afters: Mapping[str, Any] = {name: one.current_stats for name, one in found.items()}
    return DriftResult(
        drift_detected=p_value < threshold,
        p_value=p_value,
        ks_statistic=distances[0] if distances else float("nan"),
        threshold=threshold,
        baseline_stats=befores[_ALONE] if alone else MappingProxyType(befores),
        current_stats=afters[_ALONE] if alone else MappingProxyType(afters),
        baseline_missing=sum(one.baseline_missing for one in found.values()),
        current_missing=sum(one.current_missing for one in found.values()),
        columns=MappingProxyType({} if alone else dict(found)),
        drifted_columns=() if alone else drifted,
        drift_share=len(drifted) / len(found),
    )


def _metrics(result: DriftResult) -> dict[str, float]:
    values = {"drift.ks_statistic": result.ks_statistic, "drift.p_value": result.p_value}
    for name, one in result.columns.items():
        statistic = "ks_statistic" if one.kind == "numeric" else "chi2_statistic"
        values |= {f"drift.{statistic}/{name}": one.statistic, f"drift.p_value/{name}": one.p_value}
    if result.columns:
        values["drift.share"] = result.drift_share
    return {name: value for name, value in values.items() if np.isfinite(value)}
