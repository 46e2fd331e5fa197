from datetime import datetime, timedelta

import numpy as np
import pytest

from mirante.drift.monitor import DriftMonitor
from mirante.monitors.limits.learning import QualityLimits, outside
from mirante.profiles import NumericProfile, TableProfile


def monitor(tables, *, starts=()):
    whole = TableProfile.of({name: np.concatenate([one[name] for one in tables]) for name in tables[0]})
    own = [TableProfile.of(one, like=whole) for one in tables] if len(tables) > 1 else []
    return DriftMonitor(whole, own_windows=own, own_starts=starts, window="1d")


def test_each_own_window_is_held_against_the_range_of_all_others():
    tables = [{"x": np.repeat([1.0, 2.0, 3.0], 10)} for _ in range(8)]
    tables.append({"x": np.repeat([0.0, 2.0, 9.0], [10, 10, 20])})
    limit = QualityLimits.learn(monitor(tables), {}).ranges["x"]
    assert (limit.hits, limit.rows) == (30.0, 280)
    assert limit.between > 0


def test_categories_that_one_own_window_alone_has_are_its_new_ones():
    tables = [{"c": np.array(["a", "b"], object)} for _ in range(8)]
    tables.append({"c": np.array(["a", "rare", "rare", "b"], object)})
    limit = QualityLimits.learn(monitor(tables), {}).categories["c"]
    assert (limit.hits, limit.rows) == (2.0, 20)


def test_without_own_windows_what_came_once_is_expected_to_come_again():
    limits = QualityLimits.learn(monitor([{"c": np.array(["a"] * 97 + ["x", "y", "z"], object)}]), {})
    assert (limits.categories["c"].hits, limits.categories["c"].rows) == (3.0, 100)


@pytest.mark.parametrize("values", [[np.nan] * 4, [], [np.inf, -np.inf], [7.0]])
def test_columns_without_a_range_are_learnt_too(values):
    limits = QualityLimits.learn(monitor([{"x": np.array(values, np.float64)}]), {})
    assert limits.ranges["x"].rows == np.sum(~np.isnan(values))


def test_outside_counts_exactly_at_the_ends_of_the_baseline():
    rng = np.random.default_rng(1)
    base = NumericProfile.of("x", rng.normal(size=5_000))
    values = rng.normal(scale=3.0, size=2_000)
    window = NumericProfile.of("x", values, like=base)
    expected = np.sum((values < base.minimum) | (values > base.maximum))
    assert outside(window, base.minimum, base.maximum) == expected > 100


def test_ends_that_are_no_edges_count_no_more_than_there_are():
    base = NumericProfile.of("x", np.arange(10.0))
    values = np.array([-5.0, 0.0, 2.2, 2.7, 8.4, 12.0])
    window = NumericProfile.of("x", values, like=base)
    assert outside(window, 2.5, 8.5) == 3  # 2.2 lies between the edge 2 and 2.5
    assert outside(window, -3.0, 11.0) == 0  # nothing is known beyond the outermost edges


def test_windows_between_that_have_no_rows_count_as_windows_of_none():
    starts = [datetime(2026, 1, 1) + timedelta(days=day) for day in range(20) if day % 2 == 0]
    limit = QualityLimits.learn(monitor([{"x": np.ones(100)}] * 10, starts=starts), {}).volume
    assert limit is not None
    assert limit.variance > 50  # 0 and 100 by turns
    assert not limit.judge(0, datetime(2026, 3, 1), level=0.001).beyond


def test_rows_that_are_mostly_copies_by_nature_have_no_limit():
    about = {"copies": {"copies": 60, "rows": 100, "windows": []}}
    assert QualityLimits.learn(monitor([{"x": np.ones(3)}]), about).copies is None
    about["copies"]["copies"] = 40
    assert QualityLimits.learn(monitor([{"x": np.ones(3)}]), about).copies.usual == pytest.approx(0.4)


@pytest.mark.parametrize(("gap", "silence"), [(1.0, 600), (1_000.0, 3_000), (None, None)])
def test_silence_is_three_times_the_longest_gap(gap, silence):
    about = {} if gap is None else {"longest_gap_seconds": gap}
    limit = QualityLimits.learn(monitor([{"x": np.ones(3)}]), about).silence
    assert limit == (None if silence is None else timedelta(seconds=silence))
