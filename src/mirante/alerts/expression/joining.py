"""The join behind expressions of several metrics: rows with equal values in the labels that they share."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from mirante.errors import ConfigError
from mirante.readings import SLICE

__all__ = ["Labelled", "Row", "Sample", "join"]

_MOST_ROWS = 100_000


class Labelled(Protocol):
    """Anything with labels: a sample, or a series."""

    @property
    def labels(self) -> Mapping[str, str]:
        """Names and values."""
        ...


_Part = TypeVar("_Part", bound=Labelled)


@dataclass(frozen=True, slots=True)
class Sample:
    """The present value of one series.

    Parameters
    ----------
    labels : mapping of str to str
        The series' labels.
    value : float or None
        None when the series is known and has no fresh reading; NaN when the reading says so.
    note : str
        The reading's note.
    time : datetime, optional
        The reading's time.
    history : sequence of (datetime, float)
        Times and values of earlier readings and this one, for functions over a window.
    """

    labels: Mapping[str, str]
    value: float | None
    note: str = ""
    time: datetime | None = None
    history: Sequence[tuple[datetime, float]] = ()


@dataclass(frozen=True, slots=True)
class Row(Generic[_Part]):
    """Samples of different metrics that speak of the same thing.

    Parameters
    ----------
    labels : mapping of str to str
        All their labels.
    samples : mapping of str to Labelled
        By metric; a metric without a partner is not in it.
    """

    labels: Mapping[str, str]
    samples: Mapping[str, _Part]


def join(metrics: Sequence[str], columns: Sequence[Sequence[_Part]]) -> list[Row[_Part]]:
    """Join the series of several metrics on the labels that they share, keeping those without a partner.

    Parameters
    ----------
    metrics : sequence of str
        Names, leftmost first.
    columns : sequence of sequence of Labelled
        The samples, or series, of each.

    Returns
    -------
    list of Row
        A full outer natural join; metrics that share no label pair off every way. The readings of a slice
        meet those of the same slice only, and none that are of all rows.

    Raises
    ------
    ConfigError
        If there would be more than 100,000 rows.

    Examples
    --------
    >>> cpu, disk = Sample({"host": "a"}, 1.0), Sample({"host": "a", "path": "/"}, 2.0)
    >>> [dict(row.labels) for row in join(["cpu", "disk"], [[cpu], [disk]])]
    [{'host': 'a', 'path': '/'}]
    """
    rows = [Row(sample.labels, {metrics[0]: sample}) for sample in columns[0]] if columns else []
    for metric, samples in zip(metrics[1:], columns[1:], strict=True):
        rows = _joined(rows, metric, samples)
    return rows


def _joined(rows: Sequence[Row[_Part]], metric: str, samples: Sequence[_Part]) -> list[Row[_Part]]:
    by_names: dict[frozenset[str], list[_Part]] = defaultdict(list)
    for sample in samples:
        by_names[frozenset(sample.labels)].append(sample)
    indexes: dict[tuple[frozenset[str], tuple[str, ...]], dict[tuple[str, ...], list[_Part]]] = {}
    result: list[Row[_Part]] = []
    paired: set[int] = set()
    for row in rows:
        partners: list[_Part] = []
        for names, group in by_names.items():
            if (SLICE in names) != (SLICE in row.labels):
                continue  # a part of the rows and all of them are two things
            shared = tuple(sorted(names & row.labels.keys()))
            index = indexes.get((names, shared))
            if index is None:
                index = indexes[names, shared] = _indexed(group, shared)
            partners += index.get(tuple(row.labels[name] for name in shared), ())
        paired.update(map(id, partners))
        result += [Row({**row.labels, **s.labels}, {**row.samples, metric: s}) for s in partners] or [row]
        if len(result) > _MOST_ROWS:
            raise ConfigError(
                f"the metrics of the condition pair off more than {_MOST_ROWS} ways at {metric!r}; "
                "they share too few labels: narrow them with 'where:'"
            )
    return result + [Row(s.labels, {metric: s}) for s in samples if id(s) not in paired]


def _indexed(samples: Sequence[_Part], names: Sequence[str]) -> dict[tuple[str, ...], list[_Part]]:
    index: dict[tuple[str, ...], list[_Part]] = defaultdict(list)
    for sample in samples:
        index[tuple(sample.labels[name] for name in names)].append(sample)
    return index
