"""The judge of missing values."""

import numpy as np
import pytest

from mirante.drift.missing import MissingJudge
from mirante.profiles import NumericProfile


def column(missing, rows, like=None):
    return NumericProfile.of("x", np.r_[np.zeros(rows - missing), np.full(missing, np.nan)], like=like)


BASE = column(200, 10_000)


def judge(missing, rows, own=(), base=BASE):
    return MissingJudge(base, own).judge(column(missing, rows, like=base), 0.005, 0.01)


def test_both_sides_are_judged():
    assert not judge(12, 500).detected
    risen = judge(40, 500)
    assert risen.detected
    assert risen.ratio == 0.08 > risen.threshold > risen.usual == 0.02
    base = column(5_000, 10_000)
    fallen = judge(100, 500, base=base)
    assert fallen.detected
    assert fallen.ratio < fallen.threshold < 0.5


def test_the_level_holds_for_a_rare_gap():
    rng = np.random.default_rng(0)
    hits = np.bincount(rng.binomial(300, 0.02, 20_000))
    alarms = sum(count for missing, count in enumerate(hits) if count and judge(missing, 300).detected)
    assert alarms / 20_000 < 0.006


def test_a_change_below_the_floor_does_not_matter():
    assert judge(2_900, 100_000).p_value < 1e-3
    assert not judge(2_900, 100_000).detected


def test_days_that_differ_widen_the_range():
    rng = np.random.default_rng(1)
    days = [(int(rng.integers(0, 100)), 1000) for _ in range(31)]
    base = column(sum(missing for missing, _ in days), 31_000)
    own = [column(*day, like=base) for day in days]
    assert judge(110, 1000, base=base).detected
    held = judge(110, 1000, own, base)
    assert not held.detected
    assert 0.11 < held.threshold < 0.4
    assert judge(500, 1000, own, base).detected


@pytest.mark.parametrize(("missing", "rows"), [(0, 0), (0, 1), (1, 1), (1, 2)])
def test_a_row_or_two_prove_nothing(missing, rows):
    assert not judge(missing, rows).detected


def test_a_baseline_without_rows_judges_nothing():
    base = NumericProfile.of("x", np.empty(0))
    assert not judge(5, 5, base=base).detected
