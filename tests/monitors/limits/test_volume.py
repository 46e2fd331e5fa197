from datetime import datetime, timedelta

import numpy as np
import pytest

from mirante.monitors.limits.volume import VolumeLimit

MONDAY = datetime(2026, 1, 5)
DAY = timedelta(days=1)


def days(rng, weeks, *, weekend=0.3, spread=0.05):
    starts = [MONDAY + day * DAY for day in range(7 * weeks)]
    usual = [1_000 * (weekend if start.weekday() >= 5 else 1.0) for start in starts]
    return [int(rng.poisson(one * np.exp(rng.normal(0, spread)))) for one in usual], starts


def test_weekdays_have_numbers_of_their_own_where_the_baseline_is_long_enough():
    rows, starts = days(np.random.default_rng(1), 8)
    limit = VolumeLimit.learn(rows, starts)
    saturday = MONDAY + (7 * 20 + 5) * DAY
    assert not limit.judge(300, saturday, level=0.001).beyond
    assert limit.judge(1_000, saturday, level=0.001).beyond
    assert limit.judge(300, saturday + 2 * DAY, level=0.001).beyond
    assert limit.judge(0, saturday, level=0.001).beyond


def test_quiet_days_stay_within_the_level():
    rng = np.random.default_rng(2)
    limit = VolumeLimit.learn(*days(rng, 12))
    rows, starts = days(rng, 400)
    far = [
        limit.judge(one, start, level=0.01).p_value < 0.01 for one, start in zip(rows, starts, strict=True)
    ]
    assert 0.003 < np.mean(far) < 0.02
    alarms = [limit.judge(one, start, level=0.01).beyond for one, start in zip(rows, starts, strict=True)]
    assert np.mean(alarms) < 0.01  # a fifth more or less is needed as well


def test_hours_are_told_apart_before_the_weekdays_are():
    starts = [MONDAY + hour * timedelta(hours=1) for hour in range(24 * 7)]
    rows = [10 if start.hour < 6 else 500 for start in starts]
    limit = VolumeLimit.learn(rows, starts)
    assert limit.grouping == "hour"
    assert limit.judge(500, MONDAY + timedelta(days=30, hours=3), level=0.001).beyond
    assert not limit.judge(10, MONDAY + timedelta(days=30, hours=3), level=0.001).beyond


def test_the_cut_off_ends_do_not_count():
    rows = [3, *[1_000] * 10, 4]
    limit = VolumeLimit.learn(rows, [MONDAY + day * DAY for day in range(12)])
    judged = limit.judge(1_000, MONDAY + 20 * DAY, level=0.001)
    assert judged.lower == pytest.approx(800)
    assert judged.upper == pytest.approx(1_200)


@pytest.mark.parametrize("count", [0, 1, 2, 8])
def test_too_few_windows_say_nothing(count):
    assert VolumeLimit.learn([100] * count, [MONDAY + day * DAY for day in range(count)]) is None


def test_an_hour_that_the_baseline_does_not_have_is_not_judged():
    starts = [MONDAY + day * DAY + hour * timedelta(hours=1) for day in range(6) for hour in (8, 9)]
    limit = VolumeLimit.learn([100] * 12, starts)
    assert limit.grouping == "hour"
    judged = limit.judge(0, MONDAY + timedelta(days=30, hours=3), level=0.001)
    assert not judged.beyond
    assert judged.value == 0.0
