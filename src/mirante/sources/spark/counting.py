"""What a worker does: it counts batches by window and hands out each profile as bytes.

Nothing here knows Spark, so that all of it can be called without one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mirante import __version__
from mirante.errors import InputError
from mirante.profiles import TableProfile

__all__ = [
    "ROW",
    "Clock",
    "Cutting",
    "Found",
    "added",
    "count",
    "counted",
    "from_batch",
    "layout_from",
    "other_version",
    "to_batch",
]

ROW = "start long, profile binary, untimed long, error string"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(1970, 1, 1)
_MICROSECOND = timedelta(microseconds=1)
_MOST_BYTES = 256 << 20  # of windows that a worker holds open
_SCHEMA = pa.schema(
    [
        pa.field("start", pa.int64()),
        pa.field("profile", pa.binary()),
        pa.field("untimed", pa.int64()),
        pa.field("error", pa.string()),
    ]
)

# start of the window in microseconds since 1970 (None: no windows), profile, rows without a time, error
Found = tuple[int | None, bytes | None, int, str | None]


class Clock(Protocol):
    """What cuts times into windows: `mirante.monitors.windows.WindowClock`."""

    zone: ZoneInfo

    def assign(self, times: NDArray) -> list[tuple[Any, NDArray]]:  # type: ignore[type-arg]  # datetime64 of any unit
        """Group times by window."""
        ...


@dataclass(frozen=True, slots=True)
class Cutting:
    """How rows are cut into windows.

    Parameters
    ----------
    time : str
        The column of event times. A date is that day on the clock's wall; a time without zone is UTC.
    clock : Clock
        Cuts.
    """

    time: str
    clock: Clock

    def parts(self, batch: pa.RecordBatch) -> Iterator[tuple[int, pa.RecordBatch]]:
        """Yield the rows of each window with its start in microseconds since 1970.

        Parameters
        ----------
        batch : pyarrow.RecordBatch
            With the column of times.

        Yields
        ------
        (int, pyarrow.RecordBatch)
            Rows without a time are left out.
        """
        times = self._moments(batch.column(self.time))
        for window, places in self.clock.assign(times):
            start = (window.start - _EPOCH) // _MICROSECOND
            yield start, batch if len(places) == batch.num_rows else batch.take(pa.array(places))

    def _moments(self, times: pa.Array) -> NDArray[np.datetime64]:
        if not pa.types.is_date(times.type):
            micros = times.cast(pa.timestamp("us", times.type.tz))
            return np.asarray(micros.to_numpy(zero_copy_only=False), "datetime64[us]")
        days = times.cast(pa.date32()).dictionary_encode()
        starts = [self._midnight(day) for day in days.dictionary.to_pylist()]
        moments = np.array([*starts, "NaT"], "datetime64[us]")
        places: NDArray[np.int32] = days.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        found: NDArray[np.datetime64] = moments[places]
        return found

    def _midnight(self, day: date) -> np.datetime64:
        local = datetime(day.year, day.month, day.day, tzinfo=self.clock.zone)
        return np.datetime64(local.astimezone(UTC).replace(tzinfo=None), "us")


def other_version(driver: str) -> str | None:
    """Return what is wrong where the driver has another Mirante than this worker.

    Parameters
    ----------
    driver : str
        Its version.

    Returns
    -------
    str or None

    Examples
    --------
    >>> other_version("0.0.1").partition(" and ")[2]
    'the driver 0.0.1; install the same version everywhere'
    """
    if driver == __version__:
        return None
    return f"a worker has Mirante {__version__} and the driver {driver}; install the same version everywhere"


@lru_cache(maxsize=2)  # a worker's process does many tasks of one job
def layout_from(data: bytes) -> TableProfile:
    """Return the baseline that bytes hold.

    Parameters
    ----------
    data : bytes
        As `TableProfile.to_bytes` wrote them.

    Returns
    -------
    TableProfile
    """
    return TableProfile.from_bytes(data)


def count(
    batches: Iterable[pa.RecordBatch], like: TableProfile, cutting: Cutting | None, most: int | None = None
) -> Iterator[Found]:
    """Count batches, each window by itself.

    Parameters
    ----------
    batches : iterable of pyarrow.RecordBatch
        Rows.
    like : TableProfile
        The baseline.
    cutting : Cutting, optional
        Without it all rows are one.
    most : int, optional
        Windows to hold at once; so many as 256 MiB take. The oldest leave before a new one comes, so a
        window may be handed out several times.

    Yields
    ------
    Found
        At least one; an error ends the work, since each further try would come to the same.
    """
    most = most or max(16, _MOST_BYTES // _size(like))
    held: dict[int | None, TableProfile] = {}
    rows, timed = 0, 0
    try:
        for batch in batches:
            rows += batch.num_rows
            for start, part in [(None, batch)] if cutting is None else cutting.parts(batch):
                profile = counted(part, like)
                timed += part.num_rows
                held[start] = held.pop(start) + profile if start in held else profile
                if len(held) > most:
                    oldest = next(iter(held))
                    yield oldest, held.pop(oldest).to_bytes(like=like, exact=True), 0, None
    except InputError as error:
        yield None, None, 0, str(error)
        return
    for start, profile in held.items():
        yield start, profile.to_bytes(like=like, exact=True), 0, None
    yield None, None, rows - timed, None


def _size(like: TableProfile) -> int:
    return 1 + like.numbers.cells.nbytes + like.numbers.sums.nbytes + like.categories.levels.nbytes


def counted(rows: pa.RecordBatch, like: TableProfile) -> TableProfile:
    """Count rows, or say which column could not be.

    Parameters
    ----------
    rows : pyarrow.RecordBatch
        Columns that the baseline lacks are left out.
    like : TableProfile
        The baseline.

    Returns
    -------
    TableProfile

    Raises
    ------
    InputError
        Naming the column, its type and the reason.

    Examples
    --------
    >>> baseline = TableProfile.of({"x": [1.0, 2.0]})
    >>> counted(pa.RecordBatch.from_pydict({"x": [1.5, None]}), baseline).columns["x"].missing
    1
    """
    try:
        return TableProfile.of(rows, like=like)
    except Exception as error:
        raise InputError(_blame(rows, like, error)) from error


def _blame(rows: pa.RecordBatch, like: TableProfile, error: Exception) -> str:
    for name in like.columns:
        if name not in rows.schema.names:
            continue
        try:
            TableProfile.of(rows.select([name]), like=like.only({name}))
        except Exception as own:
            reason = " ".join(str(own).split())[:300]
            kind = rows.schema.field(name).type
            return f"column {name!r} ({kind}) could not be counted: {type(own).__name__}: {reason}"
    return f"the rows could not be counted: {type(error).__name__}: {error}"


def added(rows: Iterable[Found], like: TableProfile) -> tuple[dict[int | None, TableProfile], int]:
    """Add up what workers found.

    Parameters
    ----------
    rows : iterable of Found
        In any order.
    like : TableProfile
        The baseline.

    Returns
    -------
    profiles : dict of int or None to TableProfile
        By start of the window.
    untimed : int
        Rows without a time.

    Raises
    ------
    InputError
        What a worker said.
    """
    found: dict[int | None, TableProfile] = {}
    untimed = 0
    for start, data, more, error in rows:
        if error is not None:
            raise InputError(error)
        untimed += more
        if data is not None:
            profile = TableProfile.from_bytes(data, like=like)
            found[start] = found[start] + profile if start in found else profile
    return found, untimed


def to_batch(rows: Iterable[Found]) -> pa.RecordBatch:
    """Return rows as Arrow, in the columns of `ROW`.

    Parameters
    ----------
    rows : iterable of Found
        To be sent.

    Returns
    -------
    pyarrow.RecordBatch
    """
    columns = list(zip(*rows, strict=True)) or [()] * len(_SCHEMA)
    arrays = [pa.array(list(one), field.type) for one, field in zip(columns, _SCHEMA, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=_SCHEMA)


def from_batch(batch: pa.RecordBatch) -> list[Found]:
    """Return the rows that `to_batch` wrote.

    Parameters
    ----------
    batch : pyarrow.RecordBatch
        Of the columns of `ROW`.

    Returns
    -------
    list of Found

    Examples
    --------
    >>> from_batch(to_batch([(0, b"profile", 0, None)]))
    [(0, b'profile', 0, None)]
    """
    return list(zip(*(column.to_pylist() for column in batch.columns), strict=True))
