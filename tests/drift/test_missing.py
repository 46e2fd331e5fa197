"""The test of missing values."""

import numpy as np
import pytest

from mirante.drift.cells import Counts
from mirante.drift.missing import MissingReference, missing_findings, missing_spread
from mirante.stats.spread import Spread

LEVEL, FLOOR = np.array([0.005]), np.array([0.01])


def counts(missing, rows):
    return Counts(rows, np.array([rows - missing]), np.zeros(0, np.int64), np.array([missing]))


BASE = counts(200, 10_000)


def judge(missing, rows, own=(), base=BASE):
    pairs = [(counts(*day), base - counts(*day)) for day in own]
    spread = missing_spread(pairs, len(pairs) - 1) if pairs else Spread.none()
    return missing_findings(counts(missing, rows), MissingReference.of(base), spread, LEVEL, FLOOR)


def test_both_sides_are_judged():
    assert not judge(12, 500).detected
    risen = judge(40, 500)
    assert risen.detected
    assert risen.ratio == 0.08
    assert risen.ratio > risen.thresholds() > risen.reference.usual == 0.02
    fallen = judge(100, 500, base=counts(5_000, 10_000))
    assert fallen.detected
    assert fallen.ratio < fallen.thresholds() < 0.5


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
    base = counts(sum(missing for missing, _ in days), 31_000)
    assert judge(110, 1000, base=base).detected
    held = judge(110, 1000, days, base)
    assert not held.detected
    assert 0.11 < held.thresholds() < 0.4
    assert judge(500, 1000, days, base).detected


@pytest.mark.parametrize(("missing", "rows"), [(0, 0), (0, 1), (1, 1), (1, 2)])
def test_a_row_or_two_prove_nothing(missing, rows):
    assert not judge(missing, rows).detected


def test_a_baseline_without_rows_judges_nothing():
    assert not judge(5, 5, base=counts(0, 0)).detected
