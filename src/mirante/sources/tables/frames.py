"""A table in a file as one data frame, in memory, each column in its own type."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from mirante.errors import InputError
from mirante.sources.tables.delimited import to_kind
from mirante.sources.tables.kinds import NOT_COMPARABLE

if TYPE_CHECKING:
    import pandas as pd

    from mirante.sources.tables.opening import TableFile

__all__ = ["read_frame"]


def read_frame(table: TableFile, columns: Sequence[str], *, texts: Collection[str] = ()) -> pd.DataFrame:
    r"""Return some columns of a table, all rows.

    Parameters
    ----------
    table : TableFile
        From `mirante.sources.tables.open_table`.
    columns : sequence of str
        At least one; each is there.
    texts : collection of str
        Columns of a CSV file that stay text although they look like numbers: codes such as ``007``.

    Returns
    -------
    pandas.DataFrame
        Numbers of a CSV file are whole where all are; its dates are moments.

    Raises
    ------
    InputError
        If the file is damaged, or a column holds lists or structs.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from mirante.sources.tables import open_table
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "rows.csv"
    ...     _ = path.write_text("age,code\n30,007\n41,012\n")
    ...     frame = read_frame(open_table(path), ["age", "code"], texts=["code"])
    >>> frame["age"].tolist(), frame["code"].tolist()
    ([30, 41], ['007', '012'])
    """
    odd = next((name for name in columns if table.kinds[name] == NOT_COMPARABLE), None)
    if odd is not None:
        raise InputError(
            f"the column {odd!r} of {table.path} holds lists or structs; leave it out, or flatten it"
        )
    batches = list(table.read(columns))
    if not batches:
        import pandas as pd

        return pd.DataFrame({name: [] for name in columns})
    rows = pa.Table.from_batches(batches)
    if not table.has_types:
        rows = pa.table(
            {name: _typed(rows[name], "text" if name in texts else table.kinds[name]) for name in columns}
        )
    frame: pd.DataFrame = rows.select(list(columns)).to_pandas()
    return frame


def _typed(texts: Any, kind: str) -> Any:
    """Return a column of a CSV file in the type that all its values have; text where they have none."""
    if kind == "number":
        try:
            return texts.cast(pa.int64())
        except pa.ArrowInvalid:
            pass
    whole = texts.combine_chunks()
    found = to_kind(whole, kind)
    if kind == "time" and pa.types.is_string(found.type):
        return whole  # as it was written, for who can read it
    if kind == "boolean" and pc.all(pc.is_in(pc.drop_null(found), pa.array(["true", "false"]))).as_py():
        return found.cast(pa.bool_())
    return found
