"""Real tables cut into windows: a baseline and what came after it, each row with the name of its window.

Written as Parquet, so that each peer reads the same with its own pandas.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["write_electricity", "write_flights"]

_WORST_DAYS = 10
_HALF_HOURS = 48
_FIRST_DAY = "1996-05-07"  # of the Electricity file: 944 days of 48 rows, to 5 December 1998
_BASELINE_WEEKS = 45


def _write(frame: pd.DataFrame, path: str) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    Path(path).parent.mkdir(parents=True, exist_ok=True)
    # without pandas' own notes, which other versions of it read differently
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(), path)


def write_flights(reference: str, current: str) -> dict[str, Any]:
    """Write the flights of New York: January 2013 by days, and the days from February to December."""
    from mirante.demo.flights import CATEGORICAL, NUMERIC, TIMEZONE, load_flights

    flights = load_flights()
    frame = flights.features.assign(
        window=flights.times.dt.tz_convert(TIMEZONE).dt.strftime("%Y-%m-%d"),
        **{name: flights.features[name].astype(str) for name in CATEGORICAL},
    )
    in_january = frame["window"] < "2013-02-01"
    later = frame[~in_january]
    _write(frame[in_january], reference)
    _write(later, current)
    delays = later.groupby("window")["dep_delay"]
    cancelled = later["dep_delay"].isna().groupby(later["window"]).mean()
    days = [f"2013-02-{day:02d}" for day in range(1, 8)]
    return {
        "numeric": NUMERIC,
        "categorical": CATEGORICAL,
        "window": "1d",
        "alarm_budget": "1 per 30d",
        "spans": {
            "1-7 February, quiet": days,
            "8-9 February, blizzard": ["2013-02-08", "2013-02-09"],
            "8 March, snow": ["2013-03-08"],
            f"{_WORST_DAYS} days with most cancelled": sorted(cancelled.nlargest(_WORST_DAYS).index),
            f"{_WORST_DAYS} days with longest mean delay": sorted(delays.mean().nlargest(_WORST_DAYS).index),
        },
    }


def write_electricity(source: str, reference: str, current: str) -> dict[str, Any]:
    """Write the electricity market of New South Wales: 45 weeks from May 1996, and the weeks after them.

    On 5 May 1997 the neighbouring market opened: three columns that were constant begin to vary.
    """
    import numpy as np
    import pandas as pd

    numeric = ["nswprice", "nswdemand", "vicprice", "vicdemand", "transfer"]
    frame = pd.read_parquet(source)
    frame = frame[numeric].astype(float).assign(**{"class": frame["class"].astype(str)})
    week = np.arange(len(frame)) // (7 * _HALF_HOURS)
    frame = frame.assign(
        window=(pd.Timestamp(_FIRST_DAY) + pd.to_timedelta(7 * week, "D")).strftime("%Y-%m-%d")
    )
    whole = week < len(frame) // (7 * _HALF_HOURS)  # the last week lacks a day
    _write(frame[week < _BASELINE_WEEKS], reference)
    later = frame[(week >= _BASELINE_WEEKS) & whole]
    _write(later, current)
    weeks = list(dict.fromkeys(later["window"]))
    changed = "1997-04-29"  # the week whose last day is 5 May
    return {
        "numeric": numeric,
        "categorical": ["class"],
        "window": "7d",
        "alarm_budget": "1 in 100 windows",
        "spans": {
            "6 weeks before the market changed": [day for day in weeks if day < changed],
            "weeks from the change on": [day for day in weeks if day >= changed],
        },
    }
