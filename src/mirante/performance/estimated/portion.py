"""What some rows say of a model's performance, as sums that add up over hosts: no row is in it."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mirante.errors import InputError

__all__ = ["Portion", "check_size"]

_LARGEST = 1 << 20  # sums: ten times what a model of 100 classes has

_MOST_ROWS = 1 << 62
_LARGEST_MEAN = 1e250  # of rows: far over any loss, and 2⁶² rows of it are still no infinity

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Portion:
    """Sums over rows that a `PerformanceEstimator` looked at.

    Parameters
    ----------
    rows : int
        That were looked at.
    predicted : int
        Of those, the rows with a prediction.
    sums : ndarray of float64
        What they mean is the estimator's business. Those that count rows are whole numbers, which add up to
        the last bit; the others do but for rounding.
    extra : float
        What the squares of the weights of the rows with a prediction come to beyond their weights: 0 where
        each stands for itself, as in all that is sent and kept.

    Examples
    --------
    >>> both = Portion(2, 1, np.array([0.5, 0.0])) + Portion(3, 3, np.array([2.0, 0.0]))
    >>> both.rows, both.predicted, both.sums.tolist()
    (5, 4, [2.5, 0.0])
    >>> Portion.from_json(both.to_json()).sums.tolist()
    [2.5, 0.0]
    """

    rows: int
    predicted: int
    sums: Floats
    extra: float = 0.0

    @property
    def worth(self) -> float:
        """How many rows with a prediction, each of which stands for itself, tell as much (Kish)."""
        return self.predicted**2 / (self.predicted + self.extra) if self.predicted else 0.0

    def __add__(self, other: Portion) -> Portion:
        """Return both together.

        Raises
        ------
        InputError
            If they are of different estimators.
        """
        if self.sums.size != other.sums.size:
            raise InputError(
                f"one portion has {self.sums.size} sums and the other {other.sums.size}; "
                "gather both with one estimator"
            )
        return Portion(
            self.rows + other.rows,
            self.predicted + other.predicted,
            self.sums + other.sums,
            self.extra + other.extra,
        )

    def standing_for(self, rows: int) -> Portion:
        """Return it as if of more rows, or fewer, that are like these; it is worth no more for that.

        Parameters
        ----------
        rows : int
            How many. As many as it has leave it as it is.

        Examples
        --------
        >>> many = Portion(2, 2, np.array([0.5])).standing_for(8)
        >>> many.predicted, many.sums.tolist(), many.worth
        (8, [2.0], 2.0)
        """
        if rows == self.rows or not self.rows:
            return self
        share = rows / self.rows
        predicted = round(self.predicted * share)
        squares = (self.predicted + self.extra) * share**2
        return Portion(rows, predicted, self.sums * share, squares - predicted)

    def to_json(self) -> dict[str, Any]:
        """Return what JSON takes; only sums that are not 0 take room."""
        places = np.flatnonzero(self.sums)
        return {
            "rows": self.rows,
            "predicted": self.predicted,
            "size": int(self.sums.size),
            "places": base64.b64encode(places.astype("<u4").tobytes()).decode(),
            "sums": base64.b64encode(self.sums[places].astype("<f8").tobytes()).decode(),
        }

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Portion:
        """Read what `to_json` wrote.

        Parameters
        ----------
        said : mapping
            From anywhere.

        Raises
        ------
        InputError
            If it is no portion.
        """
        try:
            rows, predicted, size = (said[name] for name in ("rows", "predicted", "size"))
            places = np.frombuffer(base64.b64decode(said["places"], validate=True), "<u4")
            values = np.frombuffer(base64.b64decode(said["sums"], validate=True), "<f8")
        except (ValueError, TypeError, KeyError) as error:
            raise InputError(f"these are no sums over rows ({error!r}); gather them again") from error
        whole = all(type(number) is int for number in (rows, predicted, size))
        if not whole or not 0 <= predicted <= rows < _MOST_ROWS or not 0 <= size <= _LARGEST:
            raise InputError(
                f"{rows!r} rows, {predicted!r} of them with a prediction, and {size!r} sums: it takes whole "
                f"numbers, no more with a prediction than rows, and at most {_LARGEST} sums"
            )
        rising = places.size == values.size and bool(np.all(np.diff(places.astype(np.int64)) > 0))
        if not rising or (places.size and places[-1] >= size) or not np.isfinite(values).all():
            raise InputError("sums over rows need a finite number for each place; gather them again")
        # each finite is not enough: they are added up, and what is kept must be read again
        if np.abs(values).max(initial=0.0) > rows * _LARGEST_MEAN:
            raise InputError(
                f"sums over {rows} rows are larger than {rows * _LARGEST_MEAN:g}; gather them again"
            )
        sums = np.zeros(size)
        sums[places] = values
        return cls(rows, predicted, sums)


def check_size(sums: Floats, wanted: int) -> None:
    """Refuse sums of another estimator, which has more of them or fewer.

    Raises
    ------
    InputError
        If there are not as many as are wanted.

    Examples
    --------
    >>> check_size(np.zeros(3), 3)
    >>> check_size(np.zeros(3), 4)
    Traceback (most recent call last):
    mirante.errors.InputError: got 3 sums and this estimator has 4; gather them with this estimator
    """
    if sums.size != wanted:
        raise InputError(
            f"got {sums.size} sums and this estimator has {wanted}; gather them with this estimator"
        )
