"""The profile of a table: built from any frame, merged with ``+``, kept as bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from mirante.errors import InputError
from mirante.profiles.categorical import CategoricalProfile
from mirante.profiles.codec import pack, unpack
from mirante.profiles.frames import RawColumn, is_numeric, raw_columns, to_levels, to_numbers
from mirante.profiles.numeric import NumericProfile

__all__ = ["TableProfile"]


@dataclass(frozen=True, slots=True)
class TableProfile:
    """What a table looked like: per column counts, moments and missing values.

    Profiles counted with the same baseline add up: the sum is the profile of all rows read at once, bit for
    bit in every count, in whatever parts and order they came. (Sums of floating numbers may differ in the
    last bits, and ``==`` leaves them out.)

    Parameters
    ----------
    rows : int
        Rows counted.
    columns : mapping of str to NumericProfile or CategoricalProfile
        In the order of the baseline.

    Examples
    --------
    >>> baseline = TableProfile.of({"age": [30.0, 40.0, 40.0], "city": ["Rio", "Rio", None]})
    >>> baseline.columns["age"].quantile(0.5), baseline.columns["city"].missing
    (40.0, 1)
    >>> parts = [TableProfile.of({"age": [age]}, like=baseline) for age in (35.0, 45.0)]
    >>> (parts[0] + parts[1]).columns["age"].mean
    40.0
    """

    rows: int
    columns: Mapping[str, NumericProfile | CategoricalProfile]

    @classmethod
    def of(
        cls, table: object, *, like: TableProfile | None = None, columns: Sequence[str] | None = None
    ) -> TableProfile:
        """Count a table.

        Parameters
        ----------
        table : pandas or Polars DataFrame, Arrow Table or RecordBatch, mapping of names to arrays, 2-d
        ndarray
            Numbers, decimals, dates, times and durations are numeric (in seconds where they are times);
            text, booleans (levels ``"false"`` and ``"true"``) and categories are categorical. None, NaN and
            NaT are missing.
        like : TableProfile, optional
            The baseline. It decides columns, kinds, edges and levels: a column that the table lacks is all
            missing, one that the baseline lacks is left out, text that comes in a numeric column is read as a
            number or, where it is none, counted as missing and ``unreadable``.
        columns : sequence of str, optional
            Only these.

        Returns
        -------
        TableProfile

        Raises
        ------
        InputError
            If `table` is no table, columns differ in length, a name is not there (without `like`), or a
            column holds lists or structs.
        """
        if like is not None:
            wanted = [name for name in like.columns if columns is None or name in set(columns)]
            rows, raws = raw_columns(table, wanted)
            rows = rows if raws or not isinstance(table, Mapping) else _longest(table)
            found = {name: _like(name, raws.get(name), rows, like.columns[name]) for name in wanted}
            return cls(rows, MappingProxyType(found))
        rows, raws = raw_columns(table, columns)
        absent = [name for name in columns or () if name not in raws]
        if absent:
            raise InputError(
                f"the table has no column {absent[0]!r}; it has {', '.join(map(repr, raws)) or 'none'}"
            )
        names = list(raws) if columns is None else list(dict.fromkeys(columns))
        return cls(rows, MappingProxyType({name: _first(name, raws[name]) for name in names}))

    @classmethod
    def empty(cls, like: TableProfile) -> TableProfile:
        """Return the profile of no rows, to which others counted with the same baseline can be added.

        Parameters
        ----------
        like : TableProfile
            The baseline.

        Returns
        -------
        TableProfile

        Examples
        --------
        >>> baseline = TableProfile.of({"x": [1, 2]})
        >>> TableProfile.empty(baseline) + baseline == baseline
        True
        """
        return cls.of({}, like=like)

    def __add__(self, other: TableProfile) -> TableProfile:
        if not isinstance(other, TableProfile):
            return NotImplemented
        if self.columns.keys() != other.columns.keys():
            odd = sorted(self.columns.keys() ^ other.columns.keys())
            raise InputError(
                f"only one of the two profiles has the column {odd[0]!r}; count both with the same `like`"
            )
        merged = {name: column + other.columns[name] for name, column in self.columns.items()}  # type: ignore[operator]  # __add__ refuses a mixture itself
        return TableProfile(self.rows + other.rows, MappingProxyType(merged))

    def to_bytes(self) -> bytes:
        """Return the profile as compressed bytes, with a version; no pickle.

        Returns
        -------
        bytes
            About 10 to 100 kB for ten columns.
        """
        return pack(self.rows, self.columns)

    @classmethod
    def from_bytes(cls, data: bytes) -> TableProfile:
        """Read what `to_bytes` wrote.

        Parameters
        ----------
        data : bytes
            Needs no trust: reading runs no code and allocates no more than the bytes promise.

        Returns
        -------
        TableProfile

        Raises
        ------
        InputError
            If the bytes are no profile, are cut or damaged, or are of a newer version.

        Examples
        --------
        >>> profile = TableProfile.of({"x": [1, 2, 2]})
        >>> TableProfile.from_bytes(profile.to_bytes()) == profile
        True
        """
        rows, columns = unpack(data)
        return cls(rows, MappingProxyType(columns))


def _longest(table: Mapping[object, object]) -> int:
    return max((len(values) for values in table.values() if hasattr(values, "__len__")), default=0)


def _first(name: str, raw: RawColumn) -> NumericProfile | CategoricalProfile:
    if is_numeric(raw):
        numbers, unreadable = to_numbers(name, raw)
        return NumericProfile.of(name, numbers, unreadable=unreadable)
    return CategoricalProfile.of(name, *to_levels(name, raw))


def _like(
    name: str, raw: RawColumn | None, rows: int, like: NumericProfile | CategoricalProfile
) -> NumericProfile | CategoricalProfile:
    if isinstance(like, NumericProfile):
        numbers, unreadable = (np.full(rows, np.nan), 0) if raw is None else to_numbers(name, raw)
        return NumericProfile.of(name, numbers, like=like, unreadable=unreadable)
    codes, levels = (np.full(rows, -1, np.int64), []) if raw is None else to_levels(name, raw)
    return CategoricalProfile.of(name, codes, levels, like=like)
