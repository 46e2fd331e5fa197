"""Rows of a normal time that are kept with a baseline: what slices of later windows are compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mirante.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from mirante.profiles import TableProfile

__all__ = ["SAMPLE_ROWS", "draw", "sample_from_bytes", "sample_of", "sample_to_bytes"]

SAMPLE_ROWS = 5_000
"""Rows that are kept with a baseline, and rows of a window that are compared with them."""


def draw(rows: int, most: int, *, seed: int = 0) -> NDArray[np.intp]:
    """Return the places of at most `most` of some rows, drawn uniformly, in order.

    Parameters
    ----------
    rows, most : int
        How many there are, and how many to take.
    seed : int
        The same places come again for the same seed.

    Returns
    -------
    ndarray of int, shape (min(rows, most),)

    Examples
    --------
    >>> draw(3, 5).tolist(), draw(100, 3).size
    ([0, 1, 2], 3)
    """
    import numpy as np

    if rows <= most:
        return np.arange(rows)
    return np.sort(np.random.default_rng(seed).choice(rows, most, replace=False)).astype(np.intp)


def sample_of(table: object, profile: TableProfile) -> pa.Table:
    """Return rows as a baseline keeps them: each column as its profile counts it.

    What the profile takes for numbers becomes float64 (dates are seconds since 1970, decimals are rounded,
    text that is no number is missing); everything else becomes text. So any column that can be profiled can
    be kept, mixed ones among them, and is read later as it is read now.

    Parameters
    ----------
    table : any table
        With the columns of the profile; one that it lacks is missing in every row.
    profile : TableProfile
        Of the baseline.

    Returns
    -------
    pyarrow.Table
        The profile's columns in its order, float64 or dictionary-encoded text.

    Examples
    --------
    >>> from mirante.profiles import TableProfile
    >>> rows = {"age": [41, None], "plan": ["pro", 7]}
    >>> sample_of(rows, TableProfile.of(rows)).to_pydict()
    {'age': [41.0, None], 'plan': ['pro', '7']}
    """
    import pyarrow as pa

    from mirante.profiles.columns import to_levels, to_numbers
    from mirante.profiles.frames import raw_columns

    rows, found = raw_columns(table, list(profile.columns))
    columns = {}
    for name, kind in _kinds(profile):
        if name not in found:
            columns[name] = pa.nulls(rows, kind)
        elif pa.types.is_float64(kind):
            columns[name] = pa.array(to_numbers(name, found[name])[0], kind, from_pandas=True)
        else:
            codes, names = to_levels(name, found[name])
            places = pa.array(codes, pa.int32(), mask=codes < 0)
            columns[name] = pa.DictionaryArray.from_arrays(places, pa.array(names, pa.string()))
    return pa.table(columns)


def _kinds(profile: TableProfile) -> list[tuple[str, pa.DataType]]:
    import pyarrow as pa

    numeric = set(profile.layout.numeric)
    text = pa.dictionary(pa.int32(), pa.string())
    return [(name, pa.float64() if name in numeric else text) for name in profile.columns]


def sample_to_bytes(sample: pa.Table) -> bytes:
    """Return a sample as a Parquet file: zstd, with a checksum for each page.

    Parameters
    ----------
    sample : pyarrow.Table
        From `sample_of`.

    Returns
    -------
    bytes
        The same for the same sample.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(sample, sink, compression="zstd", write_page_checksum=True)
    return bytes(sink.getvalue())


def sample_from_bytes(content: bytes, profile: TableProfile) -> pa.Table:
    """Read what `sample_to_bytes` wrote.

    Parameters
    ----------
    content : bytes
        The file.
    profile : TableProfile
        Of the same baseline.

    Returns
    -------
    pyarrow.Table

    Raises
    ------
    InputError
        If it is damaged, or its columns are not those of the profile.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        sample = pq.read_table(pa.BufferReader(content), page_checksum_verification=True, use_threads=False)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise InputError(
            f"sample.parquet is damaged ({error}); write the baseline again with `mirante baseline create`"
        ) from error
    if [(field.name, field.type) for field in sample.schema] != _kinds(profile):
        raise InputError(
            f"sample.parquet has the columns {sample.column_names}, not those of the profile; write the "
            "baseline again with `mirante baseline create`"
        )
    return sample.replace_schema_metadata()
