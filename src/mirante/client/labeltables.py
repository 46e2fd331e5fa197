"""Labels by the table: two or three columns of a frame or a file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mirante.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["LabelTable", "is_table", "labels_of"]


@dataclass(frozen=True, slots=True)
class LabelTable:
    """Labels as they go to the store: each id once, in order.

    Parameters
    ----------
    ids : list of str
        Of the predictions.
    values : list of float or str
        One for each.
    times : list of datetime or None
        When each became known; None where the table does not say.
    without : int
        Rows that have no label yet, and were left out.
    repeated : int
        Rows whose id has another label further down, which counts.
    """

    ids: list[str]
    values: list[float | str]
    times: list[datetime] | None
    without: int
    repeated: int


def is_table(given: Any) -> bool:
    """Return whether something is a table or the path of one.

    Examples
    --------
    >>> import pandas as pd
    >>> is_table(pd.DataFrame({"id": ["a"]})), is_table(Path("labels.csv")), is_table(["a"]), is_table("a")
    (True, True, False, False)
    """
    return isinstance(given, Path) or (
        not isinstance(given, type) and (hasattr(given, "columns") or hasattr(given, "column_names"))
    )


def labels_of(table: Any, *, id: str, label: str, time: str | None = None) -> LabelTable:  # noqa: A002 - as users say it
    """Return the labels of a table.

    Parameters
    ----------
    table : path, or pandas, Polars or Arrow table
        A file: CSV, Parquet, Arrow.
    id, label : str
        Names of the columns that have the ids of predictions, and what turned out to be true: numbers, truth
        values or text.
    time : str, optional
        Name of the column that says when each became known; UTC where it has no zone.

    Returns
    -------
    LabelTable
        Rows without a label are left out, and of rows with one id the last one counts.

    Raises
    ------
    InputError
        If a column is not there or named twice, an id is missing, blank or no text or whole number, a label
        is infinite or no label at all, or a time cannot be read.

    Examples
    --------
    >>> import pandas as pd
    >>> found = labels_of(pd.DataFrame({"order": [7, 8, 7], "paid": [1, None, 0]}), id="order", label="paid")
    >>> found.ids, found.values, found.without, found.repeated
    (['7'], [0.0], 1, 1)
    """
    columns = [one for one in (id, label, time) if one is not None]
    twice = next((one for one in columns if columns.count(one) > 1), None)
    if twice is not None:
        raise InputError(f"the column {twice!r} is named twice; ids, labels and times have a column each")
    rows = _rows(table, columns)
    ids, values = _ids(rows.column(id), id), _values(rows.column(label), label)
    times = None if time is None else _times(rows.column(time), time)
    places = {key: place for place, key in enumerate(ids) if values[place] is not None}
    known = sum(value is not None for value in values)
    ordered = sorted(places)  # as the store keeps them, which is far quicker to write
    return LabelTable(
        ordered,
        [values[places[key]] for key in ordered],  # type: ignore[misc]  # those without were left out above
        None if times is None else [times[places[key]] for key in ordered],
        len(values) - known,
        known - len(places),
    )


def _rows(table: Any, columns: Sequence[str]) -> pa.Table:
    import pyarrow as pa

    if isinstance(table, str | Path):
        from mirante.sources.tables.opening import open_table

        file = open_table(table)
        _check(columns, list(file.kinds), str(table))
        batches = [batch for batch in file.read(columns) if batch.num_rows]
        if not batches:
            return pa.table({name: pa.array([], pa.string()) for name in columns})
        return pa.Table.from_batches(batches, batches[0].schema)
    if hasattr(table, "iloc"):
        _check(columns, [str(name) for name in table.columns], "the table")
        return pa.Table.from_pandas(table[list(columns)], preserve_index=False)
    found = table if isinstance(table, pa.Table) else table.to_arrow() if hasattr(table, "to_arrow") else None
    if found is None:
        raise InputError(f"got {type(table).__name__}; give a pandas, Polars or Arrow table, or a file")
    _check(columns, found.column_names, "the table")
    return found.select(list(columns))


def _check(columns: Sequence[str], there: Sequence[str], where: str) -> None:
    missing = [name for name in columns if list(there).count(name) != 1]
    if missing:
        shown = ", ".join(repr(name) for name in list(there)[:20])
        raise InputError(f"{where} has no column {missing[0]!r}, or more than one; it has: {shown}")


def _ids(column: Any, name: str) -> list[str]:
    import pyarrow as pa
    import pyarrow.compute as pc

    plain = column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
    kind = plain.type
    if pa.types.is_floating(kind) and len(plain):  # what pandas makes of whole numbers where some are missing
        if plain.null_count or not pc.all(pc.equal(plain, pc.floor(plain))).as_py():
            raise InputError(
                f"the column {name!r} has ids that are missing or no whole numbers; give each row its id"
            )
        plain = plain.cast(pa.int64())
    elif len(plain) and not (pa.types.is_integer(kind) or _is_text(kind)):
        raise InputError(f"the column {name!r} is of type {kind}; ids are text or whole numbers")
    if plain.null_count:
        raise InputError(f"rows without an id in the column {name!r}: {plain.null_count:,}; leave them out")
    texts = plain.cast(pa.string())
    if pc.any(pc.equal(pc.utf8_trim_whitespace(texts), "")).as_py():
        raise InputError(f"a row has a blank id in the column {name!r}; leave it out")
    found: list[str] = texts.to_pylist()
    return found


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _values(column: Any, name: str) -> list[float | str | None]:
    import pyarrow as pa

    plain = column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
    t, kind = pa.types, plain.type
    if t.is_boolean(kind) or t.is_integer(kind) or t.is_floating(kind) or t.is_decimal(kind):
        numbers = plain.cast(pa.int8()) if t.is_boolean(kind) else plain
        found = [None if one is None or one != one else float(one) for one in numbers.to_pylist()]
        odd = next((one for one in found if one is not None and math.isinf(one)), None)
        if odd is not None:
            raise InputError(f"the column {name!r} has the label {odd}; labels are finite numbers or text")
        return list(found)
    if _is_text(kind) or t.is_null(kind):
        return _read_texts(plain.cast(pa.string()).to_pylist())
    raise InputError(f"the column {name!r} is of type {kind}; labels are numbers, truth values or text")


def _read_texts(texts: list[str | None]) -> list[float | str | None]:
    """Return labels that are text: as numbers where all are, as 1 and 0 where all are true or false."""
    known = {text for text in texts if text}
    truths = {"true": 1.0, "false": 0.0}
    read: dict[str, float | str] = {}
    if known and {text.lower() for text in known} <= truths.keys():
        read = {text: truths[text.lower()] for text in known}
    else:
        try:
            read = {text: float(text) for text in known}
        except ValueError:
            read = {text: text for text in known}
        if not all(isinstance(one, str) or math.isfinite(one) for one in read.values()):
            read = {text: text for text in known}
    return [read[text] if text else None for text in texts]


def _times(column: Any, name: str) -> list[datetime]:
    import pandas as pd

    try:
        given = column.to_pandas()
        form = "ISO8601" if _is_text(column.type) else None
        found = pd.to_datetime(given, utc=True, format=form)
    except (ValueError, TypeError, OverflowError) as error:
        raise InputError(f"a time in the column {name!r} cannot be read: {str(error)[:200]}") from None
    if found.isna().any():
        raise InputError(f"a row has no time in the column {name!r}; fill it, or name no column of times")
    return [one.to_pydatetime(warn=False) for one in found]
