"""What the predictions of a model are, and how the columns of its log tell them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa

from mirante.errors import InputError
from mirante.inference_log.probabilities import (
    FAULTS,
    Fault,
    named_column,
    placed_column,
    read_probabilities,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mirante.monitors.baseline import ModelBaseline
    from mirante.monitors.rows import Watched

__all__ = ["PREDICTION", "Predictions", "Task"]

Task = Literal["probability", "probabilities", "class", "regression"]

PREDICTION = "prediction"
"""What a profile calls the prediction; ``prediction_<class>`` is the probability of a class."""
_SAID = "__prediction"


@dataclass(frozen=True, slots=True)
class Predictions:
    """What a prediction is.

    Parameters
    ----------
    task : {"probability", "probabilities", "class", "regression"}
        The probability of label 1, one of each class, a class, or a number.
    classes : tuple of str
        Names of the classes; of probabilities in the order of the baseline's.
    names : tuple of str, optional
        What labels call the same classes, where the config says so.

    Examples
    --------
    >>> said = Predictions("probabilities", ("no", "yes"))
    >>> rows = pa.table({"__prediction": ["no", "[0.5]"], "__probability_of_no": [0.75, None],
    ...     "__probability_of_yes": [0.25, None]})
    >>> columns, faults = said.profiled(rows)
    >>> {name: column.to_pylist() for name, column in columns.items()}
    {'prediction': ['no', None], 'prediction_no': [0.75, None], 'prediction_yes': [0.25, None]}
    >>> faults
    {'count': 1}
    """

    task: Task
    classes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    @classmethod
    def of(cls, config: Watched, baseline: ModelBaseline) -> Predictions:
        """Return what a model's predictions are, as its config says, and else its baseline.

        Parameters
        ----------
        config : Watched
            Of the model.
        baseline : ModelBaseline
            What is normal for it.
        """
        known, named = baseline.predictions, tuple(config.classes or ())
        return cls(config.task or known.task, known.classes or named, named)

    @property
    def several(self) -> bool:
        """Whether there are several numbers a row."""
        return self.task == "probabilities"

    @property
    def logged(self) -> tuple[str, ...]:
        """The columns of the log that tell them; of probabilities not all need be there."""
        if not self.several:
            return (_SAID,)
        places = range(len(self.classes))
        return (_SAID, *map(named_column, self.classes), *map(placed_column, places))

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of a profile that count them."""
        return (PREDICTION, *(f"{PREDICTION}_{name}" for name in self.classes if self.several))

    def said(self, rows: pa.Table) -> NDArray[Any]:
        """Return predictions as performance is measured of them.

        Parameters
        ----------
        rows : pyarrow.Table
            With the columns `logged`, as far as there are any.

        Returns
        -------
        ndarray, shape (n,) or (n, k)
            Of probabilities k columns, NaN in rows that have none or wrong ones.
        """
        if not self.several:
            return np.asarray(rows[_SAID].to_numpy())
        return read_probabilities(rows, self._known())[0]

    def profiled(self, rows: pa.Table) -> tuple[dict[str, Any], dict[Fault, int]]:
        """Return predictions as profiles count them, and how many rows have wrong probabilities, and why.

        Parameters
        ----------
        rows : pyarrow.Table
            With the columns `logged`, as far as there are any.

        Returns
        -------
        columns : dict of str to pyarrow.Array
            By the names in `columns`: of probabilities the likeliest class, and each of them.
        faults : dict of str to int
            By reason, those that there are.
        """
        if not self.several:
            return ({PREDICTION: rows[_SAID]} if _SAID in rows.column_names else {}), {}
        matrix, faults = read_probabilities(rows, self._known())
        return self.arrays(matrix), _counted(faults)

    def arrays(self, matrix: NDArray[np.float64]) -> dict[str, Any]:
        """Return probabilities as profiles count them.

        Parameters
        ----------
        matrix : ndarray of float64, shape (n, k)
            NaN in rows that have none.
        """
        nothing = np.isnan(matrix).any(axis=1)
        likeliest = np.argmax(np.nan_to_num(matrix), axis=1).astype(np.int32)
        names = pa.array(self._known(), pa.string()).take(pa.array(likeliest, mask=nothing))
        numbers = [pa.array(matrix[:, place], from_pandas=True) for place in range(matrix.shape[1])]
        return dict(zip(self.columns, [names, *numbers], strict=True))

    def frame(self, said: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Return predictions as the columns of a data frame, by the names in `columns`.

        Parameters
        ----------
        said : ndarray, shape (n,) or (n, k)
            As `said` gives them.
        """
        if not self.several:
            return {PREDICTION: said}
        return {name: np.asarray(column) for name, column in self.arrays(said).items()}

    def labelled(self) -> tuple[str, ...]:
        """Return the classes as labels call them.

        Raises
        ------
        InputError
            If the config names another number of them than the baseline has.
        """
        if self.several and self.names and len(self.names) != len(self.classes):
            raise InputError(
                f"the config names {len(self.names)} classes and the baseline has {len(self.classes)} "
                f"({', '.join(self.classes)}); name each of them, in this order"
            )
        return self.classes if set(self.names) == set(self.classes) else self.names or self.classes

    def _known(self) -> tuple[str, ...]:
        if not self.classes:
            raise InputError(
                "nothing names the classes of the probabilities; name them in the config, "
                "classes: [a, b, c], or make a baseline that has them"
            )
        return self.classes


def _counted(faults: NDArray[np.int8]) -> dict[Fault, int]:
    found: Mapping[int, int] = Counter(faults[faults != 0].tolist())
    return {FAULTS[code - 1]: count for code, count in sorted(found.items())}
