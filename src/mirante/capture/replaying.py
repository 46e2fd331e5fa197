"""What a model would have answered: rows go through MLflow's scoring protocol in a process of its own.

Run by `replay` alone: ``python -m mirante.capture.replaying``. The model is loaded there and nowhere else.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mirante.capture.scoring import SkippedError, read_answer
from mirante.counted import counted
from mirante.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Replayed", "main", "replay"]

_ROWS = 1_000
_MOST_FAILED = 200  # single rows that are refused before the rest is given up
_LAST_LINES = 5


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a model answered.

    Parameters
    ----------
    predictions : list
        One a row; None where it refused the row.
    failed : int
        Rows that it refused.
    reason : str
        Why it refused the first of them.
    """

    predictions: list[Any]
    failed: int
    reason: str


def replay(
    path: str,
    table: pa.Table,
    *,
    part: str | None = None,
    timeout: float | None = None,
    python: str = sys.executable,
) -> Replayed:
    """Let a model answer rows, as if it were served and asked for them.

    Parameters
    ----------
    path : str
        Folder of the model on this machine.
    table : pyarrow.Table
        The features.
    part : str, optional
        Which of several values of one prediction is meant: a name, or a position from 0.
    timeout : float, optional
        Seconds that it may take.
    python : str
        The interpreter that has what the model needs.

    Raises
    ------
    InputError
        If the model cannot be loaded, refuses every row, or takes too long.
    """
    import pyarrow.parquet as pq

    with tempfile.TemporaryDirectory(prefix="mirante-replay-") as scratch:
        asked, said = Path(scratch) / "rows.parquet", Path(scratch) / "answer.json"
        pq.write_table(table, asked)
        command = [python, "-m", "mirante.capture.replaying", path, str(asked), str(said), part or ""]
        environ = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
        try:
            done = subprocess.run(  # noqa: S603 - the command is our own, without a shell
                command, capture_output=True, text=True, errors="replace", timeout=timeout, check=False,
                env=environ, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise InputError(
                f"the model at {path} did not answer {counted(table.num_rows, 'row', 'rows')} "
                f"in {timeout:g} s; take fewer rows"
            ) from error
        if done.returncode or not said.is_file():
            last = " | ".join(done.stderr.strip().splitlines()[-_LAST_LINES:])
            raise InputError(f"the model at {path} cannot be loaded or ended: {last[-800:]}")
        answer = json.loads(said.read_text(encoding="utf-8"))
    if table.num_rows and answer["failed"] == table.num_rows:
        raise InputError(f"the model at {path} refuses the rows: {answer['reason']}")
    return Replayed(answer["predictions"], answer["failed"], answer["reason"])


def main(arguments: Sequence[str] | None = None) -> None:
    """Load a model, answer the rows of a file, write what was said beside them."""
    import pyarrow.parquet as pq
    from mlflow.pyfunc import load_model, scoring_server

    path, asked, said, part = sys.argv[1:5] if arguments is None else arguments
    model = load_model(path)
    schema = model.metadata.get_input_schema()

    def ask(body: str) -> list[Any]:
        answer = scoring_server.invocations(body, "application/json", model, schema)
        if answer.status >= 300:
            raise InputError(str(answer.response))
        return read_answer(answer.response.encode(), part or None)

    found = answer_all(pq.read_table(asked), ask)
    Path(said).write_text(json.dumps(found), encoding="utf-8")


def answer_all(table: pa.Table, ask: Callable[[str], list[Any]], *, rows: int = _ROWS) -> dict[str, Any]:
    """Ask for all rows, some at a time; what is refused together is asked for again in halves.

    Parameters
    ----------
    table : pyarrow.Table
        The features.
    ask : callable
        Takes the body of a request, and returns one prediction a row or raises.
    rows : int
        So many at a time.

    Returns
    -------
    dict
        ``predictions``, None for a row that is refused; ``failed``, how many; ``reason``, why the first.

    Examples
    --------
    >>> import json, pyarrow as pa
    >>> def ask(body):
    ...     data = json.loads(body)["dataframe_split"]["data"]
    ...     return [10 // row[0] for row in data]
    >>> answer_all(pa.table({"x": [5, 0, 2]}), ask)["predictions"]
    [2, None, 5]
    """
    predictions: list[Any] = []
    failed, reason = 0, ""
    waiting = [(start, min(start + rows, table.num_rows)) for start in range(0, table.num_rows, rows)][::-1]
    while waiting:
        start, end = waiting.pop()
        if failed >= _MOST_FAILED and not any(one is not None for one in predictions):
            predictions += [None] * (end - start)
            failed += end - start
            continue
        try:
            said = ask(_body(table.slice(start, end - start)))
            if len(said) != end - start:
                got = counted(len(said), "value", "values")
                raise SkippedError(f"it answers {got} for {counted(end - start, 'row', 'rows')}")
        except Exception as error:  # whatever a model raises: the other rows may do
            if end - start > 1:
                middle = (start + end) // 2
                waiting += [(middle, end), (start, middle)]
                continue
            reason = reason or _first_line(error)
            predictions.append(None)
            failed += 1
        else:
            predictions += said
    return {"predictions": predictions, "failed": failed, "reason": reason}


def _body(table: pa.Table) -> str:
    columns = [[_plain(value) for value in column.to_pylist()] for column in table.columns]
    data = list(map(list, zip(*columns, strict=True))) if columns else []
    return json.dumps({"dataframe_split": {"columns": table.column_names, "data": data}})


def _plain(value: Any) -> Any:
    """Return a value as JSON has it; what is not finite is missing."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    return value.isoformat() if isinstance(value, datetime | date | time) else str(value)


def _first_line(error: Exception) -> str:
    """Return what a model said, without the data that MLflow puts before it."""
    text = str(error)
    text = text.partition("\nError: ")[2] or text
    stack = getattr(error, "json_kwargs", {}).get("stack_trace")  # MLflow's own sentence says nothing
    if stack:
        text = str(stack).strip().splitlines()[-1]
    return " ".join(text.split())[:400] or type(error).__name__


if __name__ == "__main__":
    main()
