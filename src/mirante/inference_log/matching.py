"""Which rows have one of some values in a column, whatever type the column has in a segment."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mirante.inference_log.canonical import canonical

__all__ = ["Matcher", "by_digest", "by_text"]

Matcher = Callable[[Any], NDArray[np.bool_]]


def by_text(texts: Collection[str]) -> Matcher:
    """Return what says which values of an Arrow column are one of some, by their canonical texts.

    Examples
    --------
    >>> found = by_text({"7"})
    >>> found(pa.chunked_array([[7, 8, None]])).tolist(), found(pa.chunked_array([["7", "x"]])).tolist()
    ([True, False, False], [True, False])
    """
    wanted = set(texts)

    def match(column: Any) -> NDArray[np.bool_]:
        if pa.types.is_string(column.type):
            return _mask(pc.is_in(column, value_set=pa.array(sorted(wanted), pa.string())))
        return _distinct(column, lambda value: canonical(value) in wanted)

    return match


def by_digest(digests: Collection[str], digest: Callable[[str], str]) -> Matcher:
    """Return what says the same by digests of the canonical texts: all that a kept request knows.

    Parameters
    ----------
    digests : collection of str
        Of the values.
    digest : callable
        Gives the digest of a text.
    """
    wanted = set(digests)

    def match(column: Any) -> NDArray[np.bool_]:
        def is_wanted(value: Any) -> bool:
            text = canonical(value)
            return text is not None and digest(text) in wanted

        return _distinct(column, is_wanted)

    return match


def _distinct(column: Any, wanted: Callable[[Any], bool]) -> NDArray[np.bool_]:
    """Ask for each distinct value once."""
    if pa.types.is_null(column.type):
        return np.zeros(len(column), np.bool_)
    values = column.unique()
    found = [value for value in values.to_pylist() if value is not None and wanted(value)]
    if not found:
        return np.zeros(len(column), np.bool_)
    return _mask(pc.is_in(column, value_set=pa.array(found, column.type)))


def _mask(found: Any) -> NDArray[np.bool_]:
    return np.asarray(pc.fill_null(found, False).to_numpy(zero_copy_only=False), np.bool_)
