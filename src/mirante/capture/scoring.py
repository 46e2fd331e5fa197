"""What MLflow's scoring server is asked and what it answers, as rows: every form of its protocol.

Nothing here needs MLflow. A body that is no table of values is left out with a reason, never guessed at.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO, StringIO
from typing import Any

from mirante.errors import InputError
from mirante.inference_log.probabilities import shape_of

__all__ = [
    "MOST_CELLS",
    "MOST_COLUMNS",
    "Rows",
    "SkippedError",
    "columns_of",
    "pick",
    "read_answer",
    "read_inputs",
]

_FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")
MOST_COLUMNS = 1_000
MOST_CELLS = 10_000_000


class SkippedError(InputError):
    """A request or an answer that is not recorded.

    Parameters
    ----------
    reason : str
        One word of those that ``monitor_dropped_total`` is counted by.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of one request, in columns.

    Parameters
    ----------
    columns : mapping of str to list
        Values of each column, as JSON or the table has them.
    count : int
        How many rows.
    named : bool
        Whether the names are the client's own; False where they are positions.
    """

    columns: Mapping[str, list[Any]]
    count: int
    named: bool = True


def read_inputs(body: bytes, kind: str, *, names: Sequence[str] = (), texts: Sequence[str] = ()) -> Rows:
    """Return the rows of a request to ``/invocations``.

    Parameters
    ----------
    body : bytes
        As it came.
    kind : str
        Its content type.
    names : sequence of str
        The model's columns, for values that come without names.
    texts : sequence of str
        Those of them that are text, which CSV does not say.

    Raises
    ------
    SkippedError
        ``unreadable``, ``shape`` (no table of values, or a name twice) or ``columns`` (more than 1,000 of
        them, or with the gaps more than ten million values).

    Examples
    --------
    >>> rows = read_inputs(b'{"dataframe_split": {"columns": ["a"], "data": [[1], [2]]}}', "application/json")
    >>> rows.columns, rows.count
    ({'a': [1, 2]}, 2)
    """
    mime = kind.partition(";")[0].strip().lower()
    try:
        if mime == "text/csv":
            rows = _csv(body, texts)
        elif mime == "application/vnd.apache.parquet":
            rows = _parquet(body)
        else:
            rows = _json(json.loads(body), names)
    except SkippedError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OSError) as error:
        raise SkippedError("unreadable") from error
    if len(rows.columns) > MOST_COLUMNS:
        raise SkippedError("columns")
    if not rows.columns or any(len(column) != rows.count for column in rows.columns.values()):
        raise SkippedError("shape")
    return rows


def _json(body: Any, names: Sequence[str]) -> Rows:
    forms = [form for form in _FORMS if form in body] if isinstance(body, dict) else []
    if len(forms) != 1:
        raise SkippedError("shape")
    data = body[forms[0]]
    if forms[0] == "dataframe_split":
        return _split(data)
    if isinstance(data, dict) and forms[0] != "dataframe_records":
        return _columns(data)
    if isinstance(data, list) and data and all(isinstance(row, dict) for row in data):
        return _records(data)
    if forms[0] == "dataframe_records":
        raise SkippedError("shape")
    return _array(data, names)


def _split(data: Any) -> Rows:
    names, values = data["columns"], data["data"]
    if len(names) > MOST_COLUMNS:
        raise SkippedError("columns")
    if any(not isinstance(row, list) or len(row) != len(names) for row in values):
        raise SkippedError("shape")
    columns = list(map(list, zip(*values, strict=True))) if values else [[] for _ in names]
    return _named(names, columns, len(values))


def _records(data: list[dict[str, Any]]) -> Rows:
    return Rows(columns_of(data), len(data))


def columns_of(rows: Sequence[Mapping[Any, Any]]) -> dict[str, list[Any]]:
    """Return the columns of rows, with gaps where a row does not have a name.

    Parameters
    ----------
    rows : sequence of mapping
        As a client sent them: each may have names of its own.

    Raises
    ------
    SkippedError
        ``columns``, before they are made: small bodies may ask for very large tables.

    Examples
    --------
    >>> columns_of([{"a": 1}, {"b": 2}])
    {'a': [1, None], 'b': [None, 2]}
    """
    if len(rows) == 1:  # most requests
        _check_size(len(rows[0]), 1)
        return {str(name): [value] for name, value in rows[0].items()}
    names = dict.fromkeys(name for row in rows for name in row)
    _check_size(len(names), len(rows))
    return {str(name): [row.get(name) for row in rows] for name in names}


def _check_size(columns: int, rows: int) -> None:
    if columns > MOST_COLUMNS or columns * rows > MOST_CELLS:
        raise SkippedError("columns")


def _columns(data: dict[str, Any]) -> Rows:
    if not any(isinstance(values, list) for values in data.values()):
        return Rows({name: [value] for name, value in data.items()}, 1)
    if not all(isinstance(values, list) for values in data.values()):
        raise SkippedError("shape")
    return Rows(data, len(next(iter(data.values()))))


def _array(data: Any, names: Sequence[str]) -> Rows:
    if not isinstance(data, list):
        data = [data]
    if not data:
        raise SkippedError("shape")
    if not any(isinstance(row, list) for row in data):
        data = [[value] for value in data]
    width = len(data[0]) if isinstance(data[0], list) else 0
    if width > MOST_COLUMNS:
        raise SkippedError("columns")
    if any(not isinstance(row, list) or len(row) != width for row in data):
        raise SkippedError("shape")
    if any(isinstance(value, (list, dict)) for row in data for value in row):
        raise SkippedError("shape")  # a tensor of more than two dimensions
    named = len(names) == width
    return Rows(
        dict(
            zip(names if named else map(str, range(width)), map(list, zip(*data, strict=True)), strict=True)
        ),
        len(data),
        named,
    )


def _named(names: Sequence[Any], columns: Sequence[list[Any]], count: int) -> Rows:
    texts = list(map(str, names))
    _check_names(texts)
    return Rows(dict(zip(texts, columns, strict=True)), count)


def _check_names(names: Sequence[str]) -> None:
    # under a name that is made up, a column that is to be dropped would be recorded
    if len(set(names)) < len(names):
        raise SkippedError("shape")


def _csv(body: bytes, texts: Sequence[str]) -> Rows:
    import pandas as pd

    text = body.decode("utf-8")
    # by themselves: pandas calls the second column of a name "name.1"
    header = pd.read_csv(StringIO(text), header=None, nrows=1, dtype=str, keep_default_na=False)
    names = header.iloc[0].tolist()
    _check_size(len(names), text.count("\n"))
    _check_names([name for name in names if name])
    frame = pd.read_csv(StringIO(text), dtype=dict.fromkeys(texts, str))
    return _named(list(frame.columns), [frame.iloc[:, n].tolist() for n in range(frame.shape[1])], len(frame))


def _parquet(body: bytes) -> Rows:
    import pyarrow.parquet as pq

    file = pq.ParquetFile(BytesIO(body))
    names = [name for name in file.schema_arrow.names if not name.startswith("__index_level_")]
    _check_size(len(names), file.metadata.num_rows)
    _check_names(names)
    table = file.read()
    return _named(names, [table[name].to_pylist() for name in names], table.num_rows)


def read_answer(body: bytes, part: str | None = None) -> list[Any]:
    """Return the predictions of an answer, one a row.

    Parameters
    ----------
    body : bytes
        What MLflow answered, with status 200.
    part : str, optional
        Which of several values of one prediction is meant; see `pick`.

    Raises
    ------
    SkippedError
        ``unreadable``, or ``shape`` where it holds no list of predictions.

    Examples
    --------
    >>> read_answer(b'{"predictions": [0.25, 0.5]}')
    [0.25, 0.5]
    >>> read_answer(b'{"predictions": [{"class": "a", "score": 0.9}]}', "score")
    [0.9]
    """
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise SkippedError("unreadable") from error
    if not isinstance(found, dict) or "predictions" not in found:
        raise SkippedError("shape")
    values = found["predictions"]
    if isinstance(values, dict):
        columns = list(values.values())
        if not columns or not all(isinstance(c, list) and len(c) == len(columns[0]) for c in columns):
            raise SkippedError("shape")
        values = [dict(zip(values, row, strict=True)) for row in zip(*columns, strict=True)]
    if not isinstance(values, list):
        values = [values]
    return [pick(value, part) for value in values]


def pick(value: Any, part: str | None) -> Any:
    """Return a prediction as one value, or as the numbers that it consists of.

    Parameters
    ----------
    value : object
        As JSON has it: a value, or several by name or in a list.
    part : str, optional
        The name, or the position from 0, of the one that is meant.

    Returns
    -------
    object
        That part. Without `part`, the only one there is; all of them as they are where they are numbers, such
        as the probabilities of classes, and else as JSON text.

    Examples
    --------
    >>> pick([0.1, 0.9], "1"), pick({"0": 3}, None), pick([0.1, 0.9], None)
    (0.9, 3, [0.1, 0.9])
    """
    if part is not None:
        try:
            value = value[part] if isinstance(value, dict) else value[int(part)]
        except (KeyError, IndexError, ValueError, TypeError) as error:
            raise SkippedError("shape") from error
    while isinstance(value, (list, dict)) and len(value) == 1:
        value = value[0] if isinstance(value, list) else next(iter(value.values()))
    if not isinstance(value, (list, dict)) or shape_of(value) is not None:
        return value
    return json.dumps(value)
