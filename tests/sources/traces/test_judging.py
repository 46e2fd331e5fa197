from datetime import timedelta

import numpy as np
import pytest

from mirante.sources.traces.judging import judge_feature, rises

TOLD = {"window": timedelta(hours=1), "alarm_budget": "1 in 100 windows", "effect_floor": 0.1, "share": 1.0}


def statuses(rng, count, failing):
    return rng.choice(np.array(["ok", "error"], object), count, p=[1 - failing, failing])


@pytest.mark.parametrize("seed", range(3))
def test_errors_after_windows_without_any_are_seen(seed):
    rng = np.random.default_rng(seed)
    earlier = [statuses(rng, 50, 0.0) for _ in range(12)]
    assert not judge_feature("status", statuses(rng, 50, 0.0), earlier, **TOLD).drifted
    assert judge_feature("status", statuses(rng, 50, 0.5), earlier, **TOLD).drifted


def test_only_errors_before_and_now_is_no_drift():
    rng = np.random.default_rng(1)
    earlier = [statuses(rng, 30, 1.0) for _ in range(12)]
    assert not judge_feature("status", statuses(rng, 30, 1.0), earlier, **TOLD).drifted
    assert judge_feature("status", statuses(rng, 30, 0.0), earlier, **TOLD).drifted


def test_windows_that_differ_by_the_hour_are_normal_when_earlier_ones_did():
    rng = np.random.default_rng(5)
    scales = 1.0 + 0.1 * np.sin(np.arange(36) / 24 * 2 * np.pi)
    windows = [rng.lognormal(np.log(scale), 0.4, 200) for scale in scales]
    judged = [
        judge_feature("latency", windows[place], windows[place - 24 : place], **TOLD).drifted
        for place in range(24, 36)
    ]
    assert not any(judged)
    assert judge_feature("latency", 2 * windows[24], windows[:24], **TOLD).drifted


def test_few_values_are_no_alarm_and_constant_ones_are_no_error():
    earlier = [np.full(5, 2.0) for _ in range(8)]
    assert not judge_feature("latency", np.array([2.0]), earlier, **TOLD).drifted
    assert judge_feature("latency", np.full(40, 9.0), earlier, **TOLD).drifted


def test_which_way_it_moved():
    assert rises(np.array([5.0]), [np.array([1.0, 2.0]), np.array([9.0])])
    assert not rises(np.array([1.0, 1.0]), [np.array([1.0, 2.0])])
