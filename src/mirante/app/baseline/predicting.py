"""Ask a model for its predictions, in a process of its own: to load a model is to run its code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mirante.errors import InputError, TrackingError
from mirante.inference_log.probabilities import MOST_CLASSES, faults_of

if TYPE_CHECKING:
    import pandas as pd

    from mirante.tracking.models import ModelName

__all__ = ["predict"]

_CHILD = "mirante.app.baseline.child"
_ROWS = 10_000


def predict(
    model: ModelName,
    rows: pd.DataFrame,
    tracking_uri: str,
    *,
    output: str | Sequence[str] | None = None,
    told: Callable[[int, int], None] = lambda _done, _all: None,
    batch: int = _ROWS,
) -> Any:
    """Return what a model answers, row by row.

    Parameters
    ----------
    model : ModelName
        By version.
    rows : DataFrame, shape (n, k)
        What it is given.
    tracking_uri : str
        Where it is.
    output : str or sequence of str, optional
        Which of its outputs, where it has several; those without names are called ``0``, ``1``, …. All
        of them when not given, if they are the probabilities of classes.
    told : callable
        Called with the rows that are done, and all.
    batch : int, default 10,000
        Rows at a time.

    Returns
    -------
    ndarray, shape (n,), or DataFrame
        Of the probabilities of classes a column for each.

    Raises
    ------
    InputError
        If it has several outputs that are no probabilities, and `output` names none of them.
    TrackingError
        If it cannot be loaded here, fails on the rows, or ends before it has answered.
    """
    import pandas as pd

    with tempfile.TemporaryDirectory(prefix="mirante-") as folder:
        given, answers = Path(folder) / "rows.parquet", Path(folder) / "answers.parquet"
        rows.to_parquet(given, index=False)
        task = {"model": str(model), "rows": str(given), "answers": str(answers), "batch": batch}
        _run(task, tracking_uri, told)
        found = pd.read_parquet(answers)
    if output is None and len(found.columns) == 1:
        return found.iloc[:, 0].to_numpy()
    if output is None and _are_probabilities(found):
        return found
    wanted = [output] if isinstance(output, str) else list(output or ())
    missing = [one for one in wanted if one not in found.columns]
    if missing or not wanted:
        which = (
            "none of them is named, and they are not the probabilities of classes"
            if output is None
            else f"{missing[0]!r} is none of them"
        )
        raise InputError(
            f"the model answers with {', '.join(map(repr, found.columns))}, and {which}; "
            "say which is the prediction: --predict --prediction NAME"
        )
    return found[wanted[0]].to_numpy() if len(wanted) == 1 else found[wanted]


def _are_probabilities(found: pd.DataFrame) -> bool:
    from pandas.api.types import is_numeric_dtype

    if len(found.columns) > MOST_CLASSES or not all(map(is_numeric_dtype, found.dtypes)):
        return False
    return not faults_of(found.to_numpy(dtype="float64", na_value=float("nan"))).any()


def _run(task: dict[str, Any], tracking_uri: str, told: Callable[[int, int], None]) -> None:
    environment = os.environ | {"MLFLOW_TRACKING_URI": tracking_uri, "PYTHONWARNINGS": "ignore"}
    child = subprocess.Popen(  # noqa: S603 - ourselves, and the task is one argument
        [sys.executable, "-m", _CHILD, json.dumps(task)],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    failure = "it ended before it had answered"
    with child:
        try:
            for line in child.stdout or ():
                try:
                    said = json.loads(line)
                except ValueError:  # what an environment prints before we are asked
                    continue
                failure = said.get("error", failure)
                if "done" in said:
                    told(int(said["done"]), int(said["rows"]))
        except BaseException:  # Ctrl-C too: the model must not go on alone
            child.kill()
            raise
    if child.returncode:
        raise TrackingError(
            f"the model {task['model']!r} did not predict: {failure} (exit code {child.returncode}). "
            "Install what the model needs in this environment, or give its predictions in the data: "
            "--prediction COLUMN"
        )
