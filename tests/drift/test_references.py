"""What a window is held against."""

from datetime import datetime, timedelta

import numpy as np
import pytest

from mirante.drift.cells import Counts
from mirante.drift.kinds import BaselineKind
from mirante.drift.references import FixedReferences, RollingReferences
from mirante.profiles import TableProfile

MONDAY = datetime(2013, 1, 7)


def windows(count, start=MONDAY):
    """One row more each day, so that a sum tells which days are in it."""
    days = [np.full(day + 1, float(day % 5)) for day in range(count)]
    base = TableProfile.of({"x": np.concatenate(days)})
    own = [TableProfile.of({"x": day}, like=base) for day in days]
    return base, own, [start + timedelta(days=day) for day in range(count)]


def test_a_short_baseline_is_one_reference():
    base, own, starts = windows(20)
    references = FixedReferences(base, own, starts, "1d")
    assert references.of(MONDAY) is base
    assert references.seasons == {}
    assert references.freedom == 19
    for place, (window, against) in enumerate(references.pairs()):
        assert (window.rows, against.rows) == (place + 1, base.rows - place - 1)


def test_four_weeks_give_each_weekday_its_own():
    base, own, starts = windows(28)
    references = FixedReferences(base, own, starts, "1d")
    assert references.of(MONDAY + timedelta(days=700)).rows == 1 + 8 + 15 + 22
    assert references.of(None) is base
    assert references.freedom == 28 - 7
    window, against = next(references.pairs())
    assert (window.rows, against.rows) == (1, 8 + 15 + 22)
    assert FixedReferences(base, own, (), "1d").of(MONDAY) is base


def test_a_weekday_that_is_there_once_only_leaves_it_at_one_reference():
    base, own, starts = windows(29)
    assert FixedReferences(base, own, [*starts[:-1], starts[-1]], "1d").seasons
    odd = [*starts[:-1], starts[-1] + timedelta(days=1)]
    assert FixedReferences(base, own[:22] + own[28:], odd[:22] + odd[28:], "1d").of(MONDAY).rows in (
        base.rows,
        46,
    )


def test_blocks_do_not_overlap_and_are_held_against_the_rest():
    base, own, starts = windows(10)
    blocks = list(FixedReferences(base, own, starts, "1d").blocks(4))
    assert [window.rows for window, _ in blocks] == [3 + 4 + 5 + 6, 7 + 8 + 9 + 10]
    assert all(window.rows + against.rows == base.rows for window, against in blocks)


def test_the_windows_before():
    base, own, starts = windows(10)
    sliding = RollingReferences(base, own[:5], starts[:5], "1d", BaselineKind("sliding", 3))
    assert sliding.of(None).rows == 3 + 4 + 5
    assert [(w.rows, a.rows) for w, a in sliding.pairs()] == [(4, 6), (5, 9)]
    sliding.remember(own[5], None)
    sliding.remember(TableProfile.empty(base), None)  # says nothing, so it is no reference
    assert sliding.of(None).rows == 4 + 5 + 6
    assert sliding.memory == 3
    first = RollingReferences(base, (), (), "1d", BaselineKind("previous", 1))
    assert first.of(None) is base
    first.remember(own[0], None)
    assert first.of(None).rows == 1


@pytest.mark.parametrize(("window", "memory"), [("1d", 14), ("6h", 56)])
def test_the_windows_before_of_the_same_weekday(window, memory):
    base, own, starts = windows(21)
    seasonal = RollingReferences(base, own, starts, window, BaselineKind("seasonal", 2))
    assert seasonal.of(MONDAY).rows == 8 + 15
    assert seasonal.of(MONDAY + timedelta(days=1)).rows == 9 + 16
    assert seasonal.memory == memory
    assert [w.rows for w, _ in seasonal.pairs()] == list(range(15, 22))
    assert Counts.of(seasonal.of(MONDAY)).cells.sum() == 23
