"""Hours and days on the clocks of people."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np

from mirante.store.ages import Ages, midnight
from mirante.store.types import to_micros


def micros(*times):
    return np.array([to_micros(time) for time in times], dtype=np.int64)


def test_what_is_young_has_a_place_of_its_own():
    zone = ZoneInfo("America/New_York")
    days, hours = datetime(2026, 3, 9, 12, tzinfo=UTC), datetime(2026, 3, 20, 12, 40, tzinfo=UTC)
    ages = Ages(hours, days, datetime(2025, 1, 1, tzinfo=UTC), zone)
    young = micros(datetime(2026, 3, 20, 12, tzinfo=UTC), datetime(2026, 3, 20, 12, 1, tzinfo=UTC))
    assert ages.places(young).tolist() == young.tolist()
    hourly = micros(datetime(2026, 3, 9, 5, 10, tzinfo=UTC), datetime(2026, 3, 9, 5, 50, tzinfo=UTC))
    assert len(set(ages.places(hourly).tolist())) == 1
    # 8 March had 23 hours in New York
    day = micros(*(datetime(2026, 3, 8, hour, 30, tzinfo=UTC) for hour in range(5, 24)))
    assert ages.places(day).tolist() == [to_micros(datetime(2026, 3, 8, 5, tzinfo=UTC))] * 19
    assert ages.first_day == to_micros(datetime(2026, 3, 9, 4, tzinfo=UTC))
    assert ages.places(np.array([], dtype=np.int64)).tolist() == []


def test_a_day_that_begins_at_one():
    """In São Paulo the clocks went from midnight to one on 4 November 2018."""
    zone = ZoneInfo("America/Sao_Paulo")
    begin = midnight(datetime(2018, 11, 4, 12, tzinfo=UTC), zone)
    assert to_micros(begin) == to_micros(datetime(2018, 11, 4, 3, tzinfo=UTC))
