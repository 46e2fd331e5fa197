"""Profiles of tables in files, in memory that does not grow with the file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from mirante.errors import InputError
from mirante.profiles import CategoricalProfile, NumericProfile, TableProfile
from mirante.profiles.columns import to_numbers
from mirante.sources.tables.delimited import to_kind
from mirante.sources.tables.opening import TableFile, open_table

__all__ = ["profile_file", "profile_path", "sample_rows"]

_ROWS, _BYTES = 200_000, 16 << 20  # a sample's
_TRUTHS = {"true", "false"}


def profile_path(
    path: Path | str,
    like: TableProfile | None = None,
    columns: Sequence[str] | None = None,
    *,
    rng: np.random.Generator | None = None,
) -> TableProfile:
    r"""Count a table in a file or folder.

    Parameters
    ----------
    path : path
        See `mirante.sources.tables.open_table`.
    like : TableProfile, optional
        The baseline: as in `mirante.TableProfile.of`, it decides columns, kinds, edges and levels. Without it
        they are chosen from a sample of up to 200,000 rows (of wide tables fewer: 16 MiB) from everywhere in
        the file, and then all rows are counted, in a second reading.
    columns : sequence of str, optional
        Only these.
    rng : numpy.random.Generator, optional
        Draws the sample; ``default_rng(0)``, so that the same file gives the same profile.

    Returns
    -------
    TableProfile

    Raises
    ------
    InputError
        If the file cannot be read, or lacks a column (without `like`).

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "ages.csv"
    ...     _ = path.write_text("age,city\n30,Rio\n41,\n")
    ...     profile = profile_path(path)
    >>> profile.rows, profile.columns["age"].maximum, profile.columns["city"].missing
    (2, 41.0, 1)
    """
    return profile_file(open_table(path), like, columns, rng=rng)


def profile_file(
    table: TableFile,
    like: TableProfile | None = None,
    columns: Sequence[str] | None = None,
    *,
    rng: np.random.Generator | None = None,
) -> TableProfile:
    """Count a table that is open; see `profile_path`.

    Parameters
    ----------
    table : TableFile
        The table.
    like : TableProfile, optional
        The baseline.
    columns : sequence of str, optional
        Only these.
    rng : numpy.random.Generator, optional
        Draws the sample.

    Returns
    -------
    TableProfile
    """
    if like is None:
        names = list(dict.fromkeys(table.kinds if columns is None else columns))
        absent = next((name for name in names if name not in table.kinds), None)
        if absent is not None:
            has = ", ".join(map(repr, list(table.kinds)[:20]))
            raise InputError(f"{table.path} has no column {absent!r}; it has {has}")
        like = _first(table, names, rng or np.random.default_rng(0))
    elif columns is not None:
        like = like.only(set(columns))
    names = [name for name in like.columns if name in table.kinds]
    kinds = {name: _wanted(like.columns[name], table.kinds[name]) for name in names}
    total = TableProfile.empty(like)
    # with no column in common the rows are still counted
    for batch in table.read(names or list(table.kinds)[:1]):
        total += TableProfile.of(_typed(table, batch, kinds), like=like)
    return total


def _first(table: TableFile, names: Sequence[str], rng: np.random.Generator) -> TableProfile:
    """Choose edges and levels."""
    sample = sample_rows(table, names, rng)
    columns: dict[str, Any] = {name: sample.column(name) for name in names}
    if not table.has_types:
        for name in names:
            texts = columns[name].combine_chunks()
            columns[name] = to_kind(texts, table.kinds[name])
            if table.kinds[name] in ("number", "time"):  # edges are numbers, whatever else stands there
                columns[name] = to_numbers(name, columns[name])[0]
    return TableProfile.of(columns)


def sample_rows(
    table: TableFile,
    columns: Sequence[str],
    rng: np.random.Generator,
    *,
    most_rows: int = _ROWS,
    most_bytes: int = _BYTES,
) -> pa.Table:
    """Return rows from everywhere in a table, each as likely as any other, in the order of the file.

    Each row draws a number, and those with the smallest stay: so the number of rows need not be known in
    advance, and what is kept stays small.

    Parameters
    ----------
    table : TableFile
        The table.
    columns : sequence of str
        Its columns to take, in this order.
    rng : numpy.random.Generator
        Draws.
    most_rows, most_bytes : int
        At most; about half of it may come of a larger table, and all of a smaller one.

    Returns
    -------
    pyarrow.Table

    Raises
    ------
    InputError
        If the table has no rows.
    """
    limit, kept, draws = 1.0, [], []
    rows, size = 0, 0
    for batch in table.read(columns):
        drawn = rng.random(batch.num_rows)
        part = _thinned(_decoded(batch), drawn < limit)
        kept.append(part)
        draws.append(drawn[drawn < limit])
        rows, size = rows + part.num_rows, size + part.nbytes
        if rows > most_rows or size > most_bytes:
            every = np.concatenate(draws)
            limit = float(np.quantile(every, 0.5 / max(rows / most_rows, size / most_bytes)))
            kept, draws = [_thinned(_joined(kept), every < limit)], [every[every < limit]]
            rows, size = kept[0].num_rows, kept[0].nbytes
    if not rows:
        raise InputError(f"{table.path} has no rows; a table needs at least one")
    found = _joined(kept)
    for place, name in enumerate(found.column_names):
        if table.kinds[name] == "category":
            found = found.set_column(place, name, found.column(place).dictionary_encode())
    return found.select(list(columns))


def _decoded(batch: pa.RecordBatch) -> pa.Table:
    """Return categories as their values: a batch keeps its whole dictionary, however few rows stay."""
    arrays = [
        one.dictionary_decode() if isinstance(one, pa.DictionaryArray) else one for one in batch.columns
    ]
    return pa.Table.from_arrays(arrays, names=batch.schema.names)


def _thinned(rows: pa.Table, which: Any) -> pa.Table:
    return rows if which.all() else rows.filter(pa.array(which))


def _joined(tables: Sequence[pa.Table]) -> pa.Table:
    return pa.concat_tables(tables)


def _wanted(like: NumericProfile | CategoricalProfile, own: str) -> str:
    """Return as what text is to be read, so that it can be counted with a baseline's column."""
    if isinstance(like, NumericProfile):
        return "time" if own == "time" else "number"
    return "boolean" if like.levels and set(like.levels) <= _TRUTHS else "text"


def _typed(table: TableFile, batch: pa.RecordBatch, kinds: Mapping[str, str]) -> pa.RecordBatch:
    if table.has_types:
        return batch
    arrays = [
        to_kind(texts, kinds.get(name, "text"))
        for name, texts in zip(batch.schema.names, batch.columns, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, names=batch.schema.names)
