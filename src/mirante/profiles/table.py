"""The profile of a table: built from any frame, merged with ``+``, kept as bytes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from types import MappingProxyType

from mirante.errors import InputError
from mirante.parted import join, split
from mirante.profiles.categorical import CategoricalProfile
from mirante.profiles.coarse import coarse_layout
from mirante.profiles.codec import pack, unpack
from mirante.profiles.columns import is_numeric, level_counts, to_numbers
from mirante.profiles.counting import CategoryCounts, NumberCounts, count_categories, count_numbers
from mirante.profiles.frames import RawColumn, raw_columns
from mirante.profiles.layout import Layout
from mirante.profiles.numeric import NumericProfile

__all__ = ["TableProfile"]


@dataclass(frozen=True, eq=False)
class TableProfile:
    """What a table looked like: per column counts, moments and missing values.

    Profiles counted with the same baseline add up: the sum is the profile of all rows read at once, bit for
    bit in every count, in whatever parts and order they came. (Sums of floating numbers may differ in the
    last bits, and ``==`` leaves them out.)

    Parameters
    ----------
    rows : int
        Rows counted.
    layout : Layout
        Columns, edges and levels; the baseline's, and the same for all its windows.
    numbers, categories : NumberCounts, CategoryCounts
        What was counted, as the layout says.

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
    layout: Layout
    numbers: NumberCounts
    categories: CategoryCounts

    @cached_property
    def columns(self) -> Mapping[str, NumericProfile | CategoricalProfile]:
        """The profile of each column by name, in the order of the baseline."""
        found: dict[str, NumericProfile | CategoricalProfile] = {}
        for place, name in enumerate(self.layout.numeric):
            found[name] = self.numbers.column(place, self.layout)
        start = self.layout.level_start.tolist()
        for place, name in enumerate(self.layout.categorical):
            counts = self.categories.levels[start[place] : start[place + 1]]
            missing = int(self.categories.missing[place])
            levels = self.layout.levels[place]
            found[name] = CategoricalProfile(name, levels, counts[:-1], int(counts[-1]), missing)
        return MappingProxyType({name: found[name] for name in self.layout.names})

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
            wanted = (
                like.layout.names if columns is None else [n for n in like.layout.names if n in set(columns)]
            )
            layout = like.layout.only(wanted)
            rows, raws = raw_columns(table, wanted)
            rows = rows if raws or not isinstance(table, Mapping) else _longest(table)
            return cls(rows, layout, count_numbers(raws, rows, layout), count_categories(raws, rows, layout))
        rows, raws = raw_columns(table, columns)
        absent = [name for name in columns or () if name not in raws]
        if absent:
            raise InputError(
                f"the table has no column {absent[0]!r}; it has {', '.join(map(repr, raws)) or 'none'}"
            )
        names = list(raws) if columns is None else list(dict.fromkeys(columns))
        found = [_first(name, raws[name]) for name in names]
        numbers = NumberCounts.of([one for one in found if isinstance(one, NumericProfile)])
        categories = CategoryCounts.of([one for one in found if isinstance(one, CategoricalProfile)])
        return cls(rows, Layout.of(found), numbers, categories)

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

    def only(self, names: Collection[str]) -> TableProfile:
        """Return the profile of some of the columns.

        Parameters
        ----------
        names : collection of str
            To keep; those that are not there are passed over.

        Returns
        -------
        TableProfile
            In the order of the baseline.

        Examples
        --------
        >>> list(TableProfile.of({"x": [1], "y": [2], "z": ["a"]}).only({"z", "x"}).columns)
        ['x', 'z']
        """
        kept = [name for name in self.layout.names if name in names]
        found = [self.columns[name] for name in kept]
        numbers = NumberCounts.of([one for one in found if isinstance(one, NumericProfile)])
        categories = CategoryCounts.of([one for one in found if isinstance(one, CategoricalProfile)])
        return TableProfile(self.rows, self.layout.only(kept), numbers, categories)

    def __add__(self, other: TableProfile) -> TableProfile:
        if not isinstance(other, TableProfile):
            return NotImplemented
        if self.layout is not other.layout:
            self._check_adds(other)
        return TableProfile(
            self.rows + other.rows,
            self.layout,
            self.numbers + other.numbers,
            self.categories + other.categories,
        )

    def _check_adds(self, other: TableProfile) -> None:
        if self.columns.keys() != other.columns.keys():
            odd = sorted(self.columns.keys() ^ other.columns.keys())
            raise InputError(
                f"only one of the two profiles has the column {odd[0]!r}; count both with the same `like`"
            )
        if not self.layout.same(other.layout):
            for name, column in self.columns.items():
                column + other.columns[name]  # type: ignore[operator]  # says which column, and why not
            raise InputError(
                "the two profiles have their columns in other orders; count both with the same `like`"
            )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TableProfile):
            return NotImplemented
        return (
            self.rows == other.rows
            and self.layout.same(other.layout)
            and self.numbers.same(other.numbers)
            and self.categories.same(other.categories)
        )

    __hash__ = None  # type: ignore[assignment]  # holds arrays

    def coarser(self, most: int = 101) -> TableProfile:
        """Return the profile on so many of its edges at most, evenly chosen among them.

        Counts at the edges that are left are exact, and so are rows, missing values, moments and ends.

        Parameters
        ----------
        most : int, default 101
            Edges of a numeric column; of a baseline's usual 1,001 every tenth is left, also each decile.

        Returns
        -------
        TableProfile
            Itself where no column has more. The sum of the values between two edges is taken as if they
            lay in the middle.

        Examples
        --------
        >>> whole = TableProfile.of({"x": list(range(1_000))})
        >>> coarse = whole.coarser(11)
        >>> len(coarse.columns["x"].edges), coarse.columns["x"].mean, coarse.columns["x"].quantile(0.5)
        (11, 499.5, 500.0)
        """
        chosen = coarse_layout(self.layout, most)
        if chosen.layout is self.layout:
            return self
        return TableProfile(self.rows, chosen.layout, chosen.counts(self.numbers), self.categories)

    def to_bytes(
        self, *, like: TableProfile | None = None, parted: bool = False, exact: bool = False
    ) -> bytes:
        """Return the profile as compressed bytes, with a version; no pickle.

        Parameters
        ----------
        like : TableProfile, optional
            The baseline. Its edges and levels are left out then, and reading needs it again: a window of 500
            rows takes under 1 kB a numeric column instead of 10.
        parted : bool, default False
            Whether edges and levels are a part of their own, the same for all that were counted with them
            (see `mirante.parted`); the rest is then as with `like`.
        exact : bool, default False
            Whether sums are kept to the last bit with `like` too: for parts that are added up elsewhere.

        Returns
        -------
        bytes

        Raises
        ------
        InputError
            If the profile was not counted with `like`.

        Notes
        -----
        All counts and moments are kept exactly. With `like` or `parted`, unless `exact`, the sum of the
        values between two edges is kept by its mean: to half of 1/254 of the distance between the two in
        columns with 256 edges or more, of 1/65,534 in others. (These sums serve the Wasserstein distance, and
        nothing is counted from them.) What is `parted` is taken to be kept long: it is compressed better.
        """
        if like is not None and not self.layout.same(like.layout):
            raise InputError(
                "this profile was not counted with `like`; give the baseline that it was counted with"
            )
        whole = like is None and not parted
        own = pack(
            self.rows, self.layout, self.numbers, self.categories, whole=whole, exact=exact, kept=parted
        )
        return join(_common(self.layout), own) if parted else own

    @classmethod
    def from_bytes(cls, data: bytes, *, like: TableProfile | None = None) -> TableProfile:
        """Read what `to_bytes` wrote.

        Parameters
        ----------
        data : bytes
            Needs no trust: reading runs no code and allocates no more than the bytes promise.
        like : TableProfile, optional
            The baseline; needed when it was written with one.

        Returns
        -------
        TableProfile

        Raises
        ------
        InputError
            If the bytes are no profile, are cut or damaged, are of another version, or of another baseline.

        Examples
        --------
        >>> profile = TableProfile.of({"x": [1, 2, 2]})
        >>> TableProfile.from_bytes(profile.to_bytes()) == profile
        True
        >>> window = TableProfile.of({"x": [2, 5]}, like=profile)
        >>> TableProfile.from_bytes(window.to_bytes(like=profile), like=profile) == window
        True
        """
        if (parts := split(data)) is not None:
            return cls(*unpack(parts[1], _layout_of(parts[0])))
        return cls(*unpack(data, None if like is None else like.layout))


@lru_cache(maxsize=64)  # a service judges the windows of its models in turn
def _common(layout: Layout) -> bytes:
    nothing = count_numbers({}, 0, layout), count_categories({}, 0, layout)
    return pack(0, layout, *nothing)


@lru_cache(maxsize=64)
def _layout_of(common: bytes) -> Layout:
    return unpack(common)[1]


def _longest(table: Mapping[object, object]) -> int:
    return max((len(values) for values in table.values() if hasattr(values, "__len__")), default=0)


def _first(name: str, raw: RawColumn) -> NumericProfile | CategoricalProfile:
    if is_numeric(raw):
        numbers, unreadable = to_numbers(name, raw)
        return NumericProfile.of(name, numbers, unreadable=unreadable)
    return CategoricalProfile.of(name, *level_counts(name, raw))
