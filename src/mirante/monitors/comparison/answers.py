"""Two versions' answers to the same rows, held against each other and against what came true."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mirante.errors import InputError
from mirante.inference_log.probabilities import faults_of, shape_of, spread
from mirante.monitors.comparison.result import Agreement, Comparison, Measure, Side
from mirante.monitors.comparison.where import slice_gaps
from mirante.monitors.predictions import Task
from mirante.performance.estimated.inputs import class_codes, names_of
from mirante.stats.paired import paired_auc, paired_means, paired_shares
from mirante.stats.twosample.kolmogorov import ks

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["compare_answers", "task_of"]

_MOST_CLASSES = 20
_EPS = float(np.finfo(np.float64).eps)
Floats = NDArray[np.float64]


def task_of(first: Sequence[Any], second: Sequence[Any]) -> Task:
    """Return what the predictions of two versions are, by their values.

    Parameters
    ----------
    first, second : sequence
        What each says; None where it says nothing.

    Examples
    --------
    >>> task_of(["a"], ["b"]), task_of([0.2], [1.0]), task_of([3.5], [0.1]), task_of([0, 1], [1, 1])
    ('class', 'probability', 'regression', 'class')
    >>> task_of([[0.2, 0.8]], [{"no": 0.5, "yes": 0.5}])
    'probabilities'
    """
    said = [one for one in (*first, *second) if one is not None and one == one]
    if any(spread([one]).columns for one in said if isinstance(one, list | Mapping)):
        return "probabilities"
    if any(not isinstance(one, int | float) for one in said):
        return "class"
    if all(isinstance(one, int) for one in said) and len(set(said)) <= _MOST_CLASSES:
        return "class"
    return "probability" if all(0.0 <= one <= 1.0 for one in said) else "regression"


def compare_answers(
    first: Side,
    second: Side,
    answers: tuple[Sequence[Any], Sequence[Any]],
    *,
    labels: Sequence[Any] | None = None,
    features: pa.Table | None = None,
    task: Task | None = None,
    classes: Sequence[str] | None = None,
    source: str = "",
) -> Comparison:
    """Compare what two versions say of the same rows.

    Parameters
    ----------
    first, second : Side
        The versions.
    answers : tuple of two sequences, each of length n
        What each says of each row; None or NaN where it says nothing: such rows are left out. Probabilities
        of classes are lists, or mappings of class to number; rows where they are none are left out too.
    labels : sequence, optional
        What came true, of length n; None or NaN where that is not known.
    features : pyarrow.Table, optional
        The rows, of length n, to find where the versions differ.
    task : {"probability", "probabilities", "class", "regression"}, optional
        What a prediction is; by the values when not given.
    classes : sequence of str, optional
        Names of the classes whose probabilities are lists, in their order.
    source : str
        Where the rows come from, for people.

    Returns
    -------
    Comparison
        What was found.

    Raises
    ------
    InputError
        If the lengths differ, no row has both answers, or values do not fit the task.

    Examples
    --------
    >>> found = compare_answers(Side("m", "1"), Side("m", "2"), ([0.2, 0.9], [0.3, 0.9]), labels=[0, 1])
    >>> found.rows, found.agreement.equal, round(found.agreement.gap, 2), found.measures[1].verdict
    (2, 1.0, 0.05, 'even')
    """
    one, other = answers
    if len(one) != len(other) or (labels is not None and len(labels) != len(one)):
        raise InputError(
            f"got {len(one)} and {len(other)} answers{'' if labels is None else f', {len(labels)} labels'}; "
            "give one of each per row"
        )
    kind = task or task_of(one, other)
    known_classes = _classes((*one, *other), classes) if kind == "probabilities" else ()
    said = [
        _matrix(answer, known_classes) if known_classes else _values(answer, kind, side)
        for answer, side in ((one, first), (other, second))
    ]
    there = ~(_missing(said[0]) | _missing(said[1]))
    if not there.any():
        raise InputError(f"no row has an answer of both {first.name} and {second.name}: nothing to compare")
    pair = said[0][there], said[1][there]
    gaps = _gaps(pair, kind)
    result = Comparison(first, second, kind, int(there.sum()), 0, source, _agreement(pair, kind))
    if features is not None:
        result = replace(result, slices=slice_gaps(features.filter(_arrow(there)), gaps))
    if labels is None:
        return result
    truth = (_codes(labels, known_classes) if known_classes else _values(labels, kind, None))[there]
    known = ~_missing(truth)
    measured = _measures(truth[known], (pair[0][known], pair[1][known]), kind)
    return replace(result, labelled=int(known.sum()), measures=measured)


def _arrow(mask: NDArray[np.bool_]) -> Any:
    import pyarrow as pa

    return pa.array(mask)


def _classes(said: Sequence[Any], named: Sequence[str] | None) -> tuple[str, ...]:
    """Return the classes: as answers name them, else as they are given, else positions."""
    for one in said:
        if isinstance(one, Mapping):
            return tuple(map(str, one))
    width = next((len(one) for one in said if isinstance(one, list)), 0)
    return tuple(named) if named is not None and len(named) == width else tuple(map(str, range(width)))


def _matrix(said: Sequence[Any], classes: Sequence[str]) -> Floats:
    """Return the probabilities of each class, NaN in rows that have none."""
    found = np.full((len(said), len(classes)), math.nan)
    names = list(map(str, classes))
    for place, one in enumerate(said):
        row = (
            [{str(key): value for key, value in one.items()}.get(name) for name in names]
            if isinstance(one, Mapping)
            else one
        )
        if isinstance(row, list) and len(row) == len(names) and shape_of(row) is not None:
            found[place] = np.array(row, dtype=np.float64)
    found[faults_of(found) != 0] = math.nan
    return found


def _codes(labels: Sequence[Any], classes: Sequence[str]) -> Floats:
    """Return the places of labels among the classes, NaN where there is none."""
    codes = class_codes(np.asarray(labels, dtype=object), classes)
    if (codes == -2).any():
        odd = labels[int(np.flatnonzero(codes == -2)[0])]
        raise InputError(
            f"the label {odd!r} is none of the classes {', '.join(classes)}; name them as labels do: "
            "classes: [a, b, c] in the config"
        )
    return np.where(codes < 0, math.nan, codes.astype(np.float64))


def _values(said: Sequence[Any], kind: Task, side: Side | None) -> NDArray[Any]:
    if kind == "class":
        return names_of(np.asarray(said, dtype=object))
    try:
        return np.array([math.nan if one is None else float(one) for one in said], dtype=np.float64)
    except (TypeError, ValueError) as error:
        who = "a label" if side is None else f"an answer of {side.name}, version {side.version},"
        raise InputError(
            f"{who} is no number ({error}), and the task is {kind}; where a model answers several values a "
            "row, name one: --prediction"
        ) from error


def _missing(values: NDArray[Any]) -> NDArray[np.bool_]:
    if values.ndim > 1:
        return np.asarray(np.isnan(values).any(axis=1), dtype=bool)
    if values.dtype == object:
        return np.array([one is None for one in values], dtype=bool)
    return np.asarray(~np.isfinite(values), dtype=bool)


def _gaps(pair: tuple[NDArray[Any], NDArray[Any]], kind: Task) -> Floats:
    """Return how far apart the answers to each row are."""
    if kind == "probabilities":  # how much of the probability lies elsewhere
        return np.asarray(0.5 * np.sum(np.abs(pair[1] - pair[0]), axis=1), dtype=np.float64)
    apart = pair[0] != pair[1] if kind == "class" else np.abs(pair[1] - pair[0])
    return np.asarray(apart, dtype=np.float64)


def _agreement(pair: tuple[NDArray[Any], NDArray[Any]], kind: Task) -> Agreement:
    one, other = pair
    if kind == "probabilities":
        likeliest = np.argmax(one, axis=1), np.argmax(other, axis=1)
        counts = [np.bincount(codes, minlength=one.shape[1]) for codes in likeliest]
        equal = float(np.mean(likeliest[0] == likeliest[1]))
        apart = 0.5 * float(np.sum(np.abs(counts[0] - counts[1]))) / len(one)
        return Agreement(equal, float(np.mean(_gaps(pair, kind))), math.nan, apart)
    if kind == "class":
        shares = [_shares(values) for values in pair]
        names = shares[0].keys() | shares[1].keys()
        apart = 0.5 * sum(abs(shares[0].get(name, 0.0) - shares[1].get(name, 0.0)) for name in names)
        return Agreement(float(np.mean(one == other)), math.nan, math.nan, apart)
    equal = float(np.mean((one >= 0.5) == (other >= 0.5))) if kind == "probability" else math.nan
    level = np.ptp(one) == 0 or np.ptp(other) == 0 or len(one) < 2
    with np.errstate(over="ignore", invalid="ignore"):
        correlation = math.nan if level else float(np.corrcoef(one, other)[0, 1])
    return Agreement(equal, float(np.mean(np.abs(other - one))), correlation, ks(one, other).statistic)


def _shares(values: NDArray[Any]) -> Mapping[str, float]:
    names, counts = np.unique(values.astype(str), return_counts=True)
    return dict(zip(names.tolist(), (counts / len(values)).tolist(), strict=True))


def _measures(
    truth: NDArray[Any], pair: tuple[NDArray[Any], NDArray[Any]], kind: Task
) -> tuple[Measure, ...]:
    if not len(truth):
        return ()
    if kind == "class":
        return (Measure("accuracy", paired_shares(pair[0] == truth, pair[1] == truth), True),)
    if kind == "probabilities":
        return _of_probabilities(truth.astype(np.intp), pair)
    if kind == "regression":
        errors = [np.abs(said - truth) for said in pair]
        squares = paired_means(errors[0] ** 2, errors[1] ** 2)
        return (Measure("mae", paired_means(*errors), False), Measure("mse", squares, False))
    positive = truth == 1
    if (odd := truth[(truth != 0) & (truth != 1)]).size:
        raise InputError(f"the label {odd[0]:g} is neither 0 nor 1; give labels of two classes as 0 and 1")
    right = [(said >= 0.5) == positive for said in pair]
    chances = [np.clip(np.where(positive, said, 1.0 - said), _EPS, 1.0 - _EPS) for said in pair]
    return (
        Measure("roc_auc", paired_auc(positive, *pair), True),
        Measure("accuracy", paired_shares(*right), True),
        Measure("brier", paired_means(*((said - truth) ** 2 for said in pair)), False),
        Measure("log_loss", paired_means(*(-np.log(one) for one in chances)), False),
    )


def _of_probabilities(truth: NDArray[np.intp], pair: tuple[Floats, Floats]) -> tuple[Measure, ...]:
    """Return the measures that are means over rows, which are compared in pairs.

    Brier's score is the squared error over all classes, of two of one of them, as scikit-learn has it.
    """
    half = 0.5 if pair[0].shape[1] == 2 else 1.0
    every, ones = np.arange(len(truth)), np.eye(pair[0].shape[1])[truth]
    right = [np.argmax(said, axis=1) == truth for said in pair]
    squares = [half * np.sum((said - ones) ** 2, axis=1) for said in pair]
    logs = [-np.log(np.clip(said[every, truth], _EPS, 1.0)) for said in pair]
    return (
        Measure("accuracy", paired_shares(*right), True),
        Measure("brier", paired_means(*squares), False),
        Measure("log_loss", paired_means(*logs), False),
    )
