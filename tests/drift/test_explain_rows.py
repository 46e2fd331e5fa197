"""Rows become codes: each row in one slot, and each slice the slots that its condition says."""

import numpy as np
import pytest

from mirante.drift.explain.rows import LEFT_OUT, joint, missing_target, slicer_of, values_target
from mirante.profiles import TableProfile
from mirante.profiles.frames import raw_columns

NAN = float("nan")


def parts(before, after):
    base = TableProfile.of({"x": before}).columns["x"]
    return base, raw_columns({"x": before})[1]["x"], raw_columns({"x": after})[1]["x"]


def inside(slicer, text, codes):
    place = [one.text for one in slicer.slices].index(text)
    return slicer.members[place][codes].tolist()


def test_a_level_is_a_slice_and_so_are_the_others_and_the_missing():
    slicer = slicer_of(*parts(["a", "a", "b", None], ["b", "z", None]))
    assert [one.text for one in slicer.slices] == ["x = a", "x = b", "x = a new level", "x missing"]
    assert [one.level for one in slicer.slices] == ["a", "b", None, None]
    assert inside(slicer, "x = b", slicer.after) == [True, False, False]
    assert inside(slicer, "x = a new level", slicer.after) == [False, True, False]
    assert inside(slicer, "x missing", slicer.before) == [False, False, False, True]


def test_only_the_most_frequent_levels_stand_alone():
    before = [f"v{i}" for i in range(400) for _ in range(2 if i < 50 else 1)]
    slicer = slicer_of(*parts(before, ["v399", "v0", "new"]))
    assert len(slicer.slices) == 52
    assert slicer.slices[50].text == "x = any other level"
    assert inside(slicer, "x = any other level", slicer.after) == [True, False, True]


def test_ranges_hold_the_rows_that_their_condition_says():
    rng = np.random.default_rng(3)
    before, after = rng.normal(size=2000), np.r_[rng.normal(size=200), NAN, np.inf, -np.inf]
    slicer = slicer_of(*parts(before, after))
    assert len(slicer.slices) == 56  # 10 deciles have 55 ranges
    assert len({one.text for one in slicer.slices}) == 56
    assert inside(slicer, "x missing", slicer.after) == np.isnan(after).tolist()
    for one, members in zip(slicer.slices, slicer.members, strict=True):
        if one.text != "x missing":
            low, high = (
                end if end is not None else edge for end, edge in ((one.low, -np.inf), (one.high, np.inf))
            )
            wanted = (after <= high) & ((after > low) if one.low is not None else ~np.isnan(after))
            assert members[slicer.after].tolist() == wanted.tolist()


def test_few_distinct_values_are_slices_of_their_own():
    hours = np.tile(np.arange(24.0), 10)
    texts = [one.text for one in slicer_of(*parts(hours, hours)).slices]
    assert texts[:3] == ["x <= 0", "0 < x <= 1", "1 < x <= 2"]
    assert "16 < x <= 19" in texts
    assert "x > 22" in texts


@pytest.mark.parametrize("before", [[5.0, 5.0], [NAN, NAN], [np.inf, np.inf], []])
def test_a_column_without_two_values_is_there_or_missing(before):
    slicer = slicer_of(*parts(np.array(before), np.array([5.0, NAN])))
    assert [one.text for one in slicer.slices] == ["x present", "x missing"]
    assert slicer.after.tolist() == [0, 1]


def test_numbers_are_compared_at_the_quantiles_of_both_sides():
    before, after = np.arange(1000.0), np.r_[np.full(50, 1e6), NAN]
    target = values_target(*parts(before, after))
    assert target.measure == "KS"
    assert target.size == target.grid.size + 1 == 102
    assert target.after.tolist() == [100] * 50 + [LEFT_OUT]
    assert np.bincount(target.before).max() == 10


def test_categories_and_missing_values_as_targets():
    sides = parts(["a", None, "b"], ["c", None, "a"])
    values, missing = values_target(*sides), missing_target(*sides)
    assert values.names == ("a", "b", "any other level")
    assert values.after.tolist() == [2, LEFT_OUT, 0]
    assert missing.after.tolist() == [0, 1, 0]
    assert missing_target(*parts([1.0, NAN], [NAN, NAN])).after.tolist() == [1, 1]


def test_joint_counts_what_is_not_left_out():
    rng = np.random.default_rng(4)
    slots, codes = rng.integers(0, 53, 5000).astype(np.uint8), rng.integers(0, 202, 5000).astype(np.uint8)
    codes[:100] = LEFT_OUT
    table = joint(slots, codes, (53, 202))
    wanted = np.zeros((53, 202))
    np.add.at(wanted, (slots[100:], codes[100:]), 1)
    assert (table == wanted).all()
