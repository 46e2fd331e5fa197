"""Every kind of column: merging parts in any cut and order is reading all at once, bit for bit."""

import datetime as dt
import itertools

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
    for name, column in WHOLE.columns.items():
        other = total.columns[name]
        if hasattr(column, "mean"):
            assert other.mean == pytest.approx(column.mean, rel=1e-9, nan_ok=True)
            assert other.std == pytest.approx(column.std, rel=1e-6, abs=1e-9, nan_ok=True)
            assert other.below.tobytes() == column.below.tobytes()
            assert other.upto.tobytes() == column.upto.tobytes()


@pytest.mark.parametrize("name", list(KINDS))
def test_bytes_and_back(name):
    profile = TableProfile.of(FRAME[[name]], like=TableProfile.of(FRAME.iloc[:40][[name]]))
    again = TableProfile.from_bytes(profile.to_bytes())
    assert again == profile
    assert again + profile == profile + again
    column, other = profile.columns[name], again.columns[name]
    if hasattr(column, "tally"):
        assert column.tally.powers.tobytes() == other.tally.powers.tobytes()
        assert column.tally.sums.tobytes() == other.tally.sums.tobytes()


@pytest.mark.parametrize("name", list(KINDS))
def test_rows_are_all_accounted_for(name):
    column = WHOLE.columns[name]
    assert column.n + column.missing == N


@pytest.mark.parametrize("name", list(KINDS))
def test_arrow_and_pandas_agree(name):
    table = pa.Table.from_pandas(FRAME[[name]], preserve_index=False)
    assert TableProfile.of(table, like=BASE).columns[name] == WHOLE.columns[name]
