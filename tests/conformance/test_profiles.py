"""Every kind of column: merging parts in any cut and order is reading all at once, bit for bit."""

import datetime as dt
import itertools
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mirante.profiles import TableProfile

N = 60
RNG = np.random.default_rng(7)
KINDS = {
    "float": RNG.normal(size=N),
    "gaps": np.where(RNG.random(N) < 0.3, np.nan, RNG.normal(size=N)),
    "infinite": np.r_[np.inf, -np.inf, RNG.normal(size=N - 2)],
    "zeros": np.where(RNG.random(N) < 0.6, 0.0, RNG.random(N)),
    "whole": RNG.integers(-5, 5, N),
    "bool": RNG.random(N) < 0.5,
    "text": RNG.choice(["a", "b", "c"], N),
    "text gaps": [None if x < 0.3 else "yes" for x in RNG.random(N)],
    "category": pd.Categorical(RNG.choice(["x", "y"], N)),
    "negative zero": np.where(RNG.random(N) < 0.5, -0.0, RNG.random(N)),
    "huge whole": 2**53 + RNG.integers(0, 9, N),
    "decimal": [Decimal(int(x)) / 4 for x in RNG.integers(0, 30, N)],
    "date": [dt.date(2013, 1, 1) + dt.timedelta(days=int(d)) for d in RNG.integers(0, 20, N)],
    "bytes": [bytes([97 + int(x)]) for x in RNG.integers(0, 4, N)],
    "mixed": [(1, "a", 2.5, None)[int(x)] for x in RNG.integers(0, 4, N)],
    "one value": [3.5, *[None] * (N - 1)],
    "moment": [dt.datetime(2013, 1, 1) + dt.timedelta(hours=int(h)) for h in range(N)],
    "constant": np.ones(N),
    "nothing": [None] * N,
}
FRAME = pd.DataFrame(KINDS)
BASE = TableProfile.of(FRAME.iloc[:40])
WHOLE = TableProfile.of(FRAME, like=BASE)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, N), max_size=6), st.randoms(use_true_random=False))
def test_any_partition_in_any_order_gives_the_same_counts(cuts, random):
    walls = [0, *sorted(cuts), N]
    parts = [TableProfile.of(FRAME.iloc[a:b], like=BASE) for a, b in itertools.pairwise(walls)]
    random.shuffle(parts)
    total = TableProfile.empty(BASE)
    for part in parts:
        total = total + part
    assert total == WHOLE
    same_sums(total, WHOLE)


def same_sums(one, other):
    """Check that floating sums are alike to 1e-9 of what was added up."""
    rows = other.rows
    assert one.numbers.cells.tobytes() == other.numbers.cells.tobytes()
    assert one.categories.levels.tobytes() == other.categories.levels.tobytes()
    size = np.maximum(np.abs(other.numbers.powers), rows)
    np.testing.assert_array_less(np.abs(one.numbers.powers - other.numbers.powers) / size, 1e-9)
    np.testing.assert_allclose(one.numbers.sums, other.numbers.sums, rtol=1e-9, atol=1e-9)


LONG = pd.DataFrame(
    {
        "float": RNG.lognormal(size=9_000),
        "gaps": np.where(RNG.random(9_000) < 0.3, np.nan, RNG.normal(size=9_000)),
        "infinite": np.where(
            RNG.random(9_000) < 0.1, -np.inf, np.where(RNG.random(9_000) < 0.1, np.inf, 1.5)
        ),
        "zeros": np.where(RNG.random(9_000) < 0.6, 0.0, RNG.random(9_000)),
        "text": RNG.choice(["a", "b", "c"], 9_000),
    }
)
LONG_BASE = TableProfile.of(LONG.iloc[:6_000])
LONG_WHOLE = TableProfile.of(LONG, like=LONG_BASE)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 9_000), max_size=4), st.sampled_from([64, 1_000, 32_768]))
def test_few_rows_and_many_are_counted_alike(cuts, block):
    """Up to 4,096 rows are counted as one matrix, more of them column by column in blocks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mirante.stats.histograms.BLOCK", block)
        walls = [0, *sorted(cuts), 9_000]
        total = TableProfile.empty(LONG_BASE)
        for a, b in itertools.pairwise(walls):
            total = total + TableProfile.of(LONG.iloc[a:b], like=LONG_BASE)
    assert total == LONG_WHOLE
    same_sums(total, LONG_WHOLE)


def test_counts_are_what_numpy_counts():
    for name in ("float", "gaps", "infinite", "zeros"):
        column, values = LONG_WHOLE.columns[name], LONG[name].dropna().to_numpy()
        ordered = np.sort(values)
        np.testing.assert_array_equal(column.below, ordered.searchsorted(column.edges, "left"))
        np.testing.assert_array_equal(column.upto, ordered.searchsorted(column.edges, "right"))
        finite = values[np.isfinite(values)]
        assert column.mean == pytest.approx(finite.mean(), rel=1e-12)
        np.testing.assert_allclose(column.std, finite.std(), rtol=1e-12)
        inside = finite[~np.isin(finite, column.edges)]
        expected = np.bincount(column.edges.searchsorted(inside), inside, column.edges.size + 1)
        np.testing.assert_allclose(column.tally.sums, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", list(KINDS))
def test_bytes_and_back(name):
    base = TableProfile.of(FRAME.iloc[:40][[name]])
    profile = TableProfile.of(FRAME[[name]], like=base)
    for again in (
        TableProfile.from_bytes(profile.to_bytes()),
        TableProfile.from_bytes(profile.to_bytes(like=base), like=base),
    ):
        assert again == profile
        assert again + profile == profile + again
        column, other = profile.columns[name], again.columns[name]
        if hasattr(column, "tally"):
            assert column.tally.powers.tobytes() == other.tally.powers.tobytes()
            width = np.r_[0.0, np.diff(column.edges), 0.0]
            width[~np.isfinite(width)] = 0.0  # outer bins are kept exactly
            if again.layout is not base.layout:
                width[:] = 0.0  # all are, where edges and levels are kept as well
            least = (
                np.abs(column.tally.sums - other.tally.sums) <= np.maximum(width, 1e-12) * column.n / 65_535
            )
            assert least.all()


@pytest.mark.parametrize("name", list(KINDS))
def test_rows_are_all_accounted_for(name):
    column = WHOLE.columns[name]
    assert column.n + column.missing == N


@pytest.mark.parametrize("name", list(KINDS))
def test_arrow_and_pandas_agree(name):
    values = FRAME[[name]]
    table = pa.Table.from_pandas(values.astype("string") if name == "mixed" else values, preserve_index=False)
    assert TableProfile.of(table, like=BASE).columns[name] == WHOLE.columns[name]
