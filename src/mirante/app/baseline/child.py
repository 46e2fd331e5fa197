"""The process that loads a model and asks it; `mirante.app.baseline.predicting` starts it."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mirante.errors import MissingDependencyError, need

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["answer", "as_columns", "fitted", "main"]

_TYPES = {"integer": "int32", "long": "int64", "float": "float32", "double": "float64", "boolean": "bool"}


def as_columns(answers: Any, rows: int) -> pd.DataFrame:
    """Return what a model answered as columns, whatever form it chose.

    Parameters
    ----------
    answers : array, Series, DataFrame, list
        What ``predict`` returned.
    rows : int
        That it was given.

    Returns
    -------
    DataFrame, shape (rows, outputs)
        Outputs without names are called ``0``, ``1``, ….

    Raises
    ------
    ValueError
        If there are not as many answers as rows.

    Examples
    --------
    >>> as_columns([[0.9, 0.1], [0.2, 0.8]], 2).columns.tolist()
    ['0', '1']
    """
    import numpy as np
    import pandas as pd

    if isinstance(answers, pd.DataFrame):
        found = answers.reset_index(drop=True)
    else:
        values = np.asarray(answers)
        found = pd.DataFrame(values if values.ndim <= 2 else values.reshape(len(values), -1))
    if len(found) != rows:
        raise ValueError(f"it was given {rows} rows and answered {len(found)}")
    return found.set_axis([str(name) for name in found.columns], axis=1)


def fitted(rows: pd.DataFrame, inputs: Any) -> pd.DataFrame:
    """Return rows in the types of a model's signature, where that loses nothing.

    Parameters
    ----------
    rows : DataFrame
        From a file, in which whole numbers may be decimal ones.
    inputs : mlflow.types.Schema or None
        The signature.

    Returns
    -------
    DataFrame
        With the columns of the signature alone, where it names them.
    """
    if inputs is None or inputs.is_tensor_spec() or not inputs.has_input_names():
        return rows
    found = rows[[spec.name for spec in inputs.inputs if spec.name in rows.columns]].copy()
    for spec in inputs.inputs:
        wanted = _TYPES.get(getattr(spec.type, "name", ""))
        if spec.name not in found.columns or wanted is None:
            continue
        try:
            cast = found[spec.name].astype(wanted)
        except (ValueError, TypeError):  # missing values among whole numbers: the model says what it thinks
            continue
        if wanted.startswith("float") or (cast == found[spec.name]).all():
            found[spec.name] = cast
    return found


def answer(model: Any, rows: pd.DataFrame, batch: int, told: Callable[[int], None]) -> pd.DataFrame:
    """Return what a model answers, asked batch by batch.

    Parameters
    ----------
    model : object
        With ``predict``.
    rows : DataFrame
        What it is given.
    batch : int
        Rows at a time.
    told : callable
        Called with the rows that are done.
    """
    import pandas as pd

    parts = []
    for start in range(0, len(rows), batch):
        part = rows.iloc[start : start + batch].reset_index(drop=True)
        parts.append(as_columns(model.predict(part), len(part)))
        told(min(start + batch, len(rows)))
    return pd.concat(parts, ignore_index=True)


def main(task: dict[str, Any], say: Callable[[dict[str, Any]], None]) -> None:
    """Load a model, and write what it answers.

    Parameters
    ----------
    task : dict
        ``model``, ``rows`` and ``answers`` (Parquet files), ``batch``.
    say : callable
        Tells the parent.
    """
    import pandas as pd

    pyfunc = need("mlflow.pyfunc", extra="mlflow")
    model = pyfunc.load_model(task["model"])
    rows = fitted(pd.read_parquet(task["rows"]), model.metadata.get_input_schema())
    found = answer(model, rows, int(task["batch"]), lambda done: say({"done": done, "rows": len(rows)}))
    found.to_parquet(task["answers"], index=False)


def _start() -> int:
    lines = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what the model prints is for people, and no answer

    def say(words: dict[str, Any]) -> None:
        print(json.dumps(words), file=lines, flush=True)

    try:
        main(json.loads(sys.argv[1]), say)
    except MissingDependencyError as error:
        say({"error": str(error)})
        return 1
    except Exception as error:  # whatever the model raises
        traceback.print_exc()
        say({"error": f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"})
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(_start())
