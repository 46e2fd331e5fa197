"""How rows of a table become those of a baseline: features, prediction, times; here, and on workers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa

from mirante.inference_log.probabilities import class_names
from mirante.monitors.baseline.fitting import as_said, check_names, utc
from mirante.monitors.predictions import PREDICTION, Predictions
from mirante.performance.estimated.inputs import class_names as class_names_in
from mirante.profiles.frames import joined

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["BaselineShape"]


class _Hidden(Protocol):
    """What drops and hashes columns: `mirante.capture.privacy.Privacy`."""

    @property
    def columns(self) -> Any:
        """What is done to which columns."""
        ...

    def apply(self, table: Any) -> pa.Table:
        """Return a table without what is dropped, and with hashes."""
        ...


@dataclass(frozen=True, slots=True)
class BaselineShape:
    """Which columns of a table are what in a baseline.

    Parameters
    ----------
    features : tuple of str
        What the model was given.
    prediction : tuple of str
        What it said: one column, or the probabilities of classes.
    time, label : str, optional
        Event time and truth.
    classes : tuple of str
        Names of the classes, where they are given.
    privacy : Privacy, optional
        What is dropped and hashed.

    Examples
    --------
    >>> shape = BaselineShape(("age",), ("no", "yes"))
    >>> rows = pa.table({"age": [41], "no": [0.25], "yes": [0.75]})
    >>> shape.table(rows).column_names
    ['age', 'prediction', 'prediction_no', 'prediction_yes']
    """

    features: tuple[str, ...]
    prediction: tuple[str, ...]
    time: str | None = None
    label: str | None = None
    classes: tuple[str, ...] = ()
    privacy: _Hidden | None = None

    @property
    def columns(self) -> list[str]:
        """The columns that are read."""
        rest = [name for name in (self.time, self.label) if name is not None]
        return list(dict.fromkeys([*self.features, *self.prediction, *rest]))

    def given(self, rows: Any) -> pd.DataFrame:
        """Return the features of a data frame, as the log would hold them."""
        features = rows[list(self.features)]
        if self.privacy is None or not self.privacy.columns:
            return features  # type: ignore[no-any-return]  # of pandas
        return self.privacy.apply(features).to_pandas()  # type: ignore[no-any-return]  # of Arrow

    def said(self, rows: Any) -> Any:
        """Return the predictions of a data frame, as `ModelBaseline.fit` takes them."""
        if len(self.prediction) == 1:
            return rows[self.prediction[0]].to_numpy()
        return rows[list(self.prediction)].set_axis(class_names(self.prediction), axis=1)

    def seen(self, rows: pa.Table) -> pa.Table:
        """Return the features of an Arrow table, as the log would hold them."""
        features = rows.select(list(self.features))
        if self.privacy is None or not self.privacy.columns:
            return features
        return self.privacy.apply(features.to_pandas())

    def table(self, rows: pa.Table) -> pa.Table:
        """Return features and predictions, as a baseline counts them.

        Parameters
        ----------
        rows : pyarrow.Table
            With `columns`.
        """
        table = self.seen(rows)
        if len(self.prediction) == 1:
            check_names(table.column_names, Predictions("regression"))
            return table.append_column(PREDICTION, rows[self.prediction[0]])
        frame = rows.select(list(self.prediction)).to_pandas()
        said, answers = as_said(self.said(frame), None, self.classes or None)
        check_names(table.column_names, answers)
        for name, column in answers.arrays(said).items():
            table = table.append_column(name, column)
        return table

    def times(self, rows: pa.Table) -> NDArray[np.datetime64]:
        """Return event times in UTC, without a zone; NaT where there is none."""
        found: NDArray[np.datetime64] = (
            utc(rows[self.time].to_pandas()).dt.tz_localize(None).to_numpy().astype("datetime64[us]")
        )
        return found

    def classes_in(self, rows: pa.Table) -> set[str]:
        """Return the classes in predictions and labels; none where predictions are decimal numbers."""
        names = [*self.prediction, *([] if self.label is None else [self.label])]
        if len(self.prediction) > 1 or pa.types.is_floating(rows.schema.field(names[0]).type):
            return set()
        every = [joined(rows[name]).unique().to_pandas().to_numpy() for name in names]
        return {one for values in every for one in class_names_in(values)}
