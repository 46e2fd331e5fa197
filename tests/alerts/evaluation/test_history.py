from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from mirante.alerts.evaluation import history as module
from mirante.alerts.evaluation.history import Clock, History, row_history
from mirante.alerts.expression import Expression
from mirante.alerts.expression.functions import NEVER, over
from mirante.store import Series
from mirante.store.types import to_micros

T0 = datetime(2013, 2, 8, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def line(seconds: list[float], values: list[float]) -> Series:
    times = np.datetime64("2013-02-08", "us") + (np.array(seconds) * 1e6).astype("timedelta64[us]")
    return Series("x", {"host": "a"}, "host/a", times, np.array(values, dtype=float), ("",) * len(values))


def judged(condition: str, series: Series | None, minutes: float = 10, silence: float = 3) -> History:
    samples = {} if series is None else {"x": series}
    tree = Expression(condition).tree
    return row_history(tree, samples, {"x": silence * MINUTE}, Clock(T0, T0 + minutes * MINUTE, MINUTE))


def minutes_of(found: History) -> list[float]:
    return ((found.times - to_micros(T0)) / 60e6).tolist()


def test_a_reading_is_judged_at_the_evaluation_after_it() -> None:
    found = judged("x > 5", line([0, 61, 120], [9, 1, 9]))
    assert minutes_of(found) == [0, 2, 2, 6], "the second of one minute is judged by itself"
    assert found.true.tolist() == [True, False, True, False]
    assert found.false.tolist() == [False, True, False, False]
    assert found.exists.all()


def test_without_a_series_only_absence_is_known() -> None:
    assert judged("absent(x)", None).true.tolist() == [True]
    found = judged("x > 5", None)
    assert not found.true.any()
    assert not found.false.any()


def test_it_is_forgotten_after_a_week() -> None:
    found = judged("absent(x)", line([0], [1]), minutes=8 * 1440)
    assert minutes_of(found) == [0, 4, 7 * 1440 + 1]
    assert found.exists.tolist() == [True, True, False]
    assert found.true.tolist() == [False, True, False]


def test_nothing_after_the_end_counts() -> None:
    assert minutes_of(judged("x > 5", line([0, 3600], [9, 9]), minutes=2)) == [0]


@pytest.mark.parametrize("function", ["avg_over", "min_over", "max_over", "sum_over", "count", "delta"])
def test_windows_are_those_of_the_board(function: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CELLS", 7)  # cut into pieces
    rng = np.random.default_rng(3)
    seconds = np.sort(rng.choice(3600, 90, replace=False)).tolist()
    values = np.where(rng.random(90) < 0.1, np.nan, rng.normal(size=90)).tolist()
    series = line(seconds, values)
    found = judged(f'{function}("x", "5m") > 0', series, minutes=60)
    times = series.times.astype(np.int64)
    rest = np.diff(found.times, append=np.iinfo(np.int64).max) > 0  # the last of those at one time
    for now, value in zip(found.times[rest].tolist(), found.values[rest].tolist(), strict=True):
        come = -(-times // 60_000_000) * 60_000_000 <= now
        seen = np.where(come, times, NEVER)[None]
        expected = over(function, seen, series.values[None], now - 300_000_000, now)
        assert value == pytest.approx(expected.item(), nan_ok=True)
