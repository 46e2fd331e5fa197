"""Parts of a table, each as if it had been counted alone."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from mirante.errors import InputError
from mirante.profiles import TableProfile
from mirante.profiles.parts import coarser, profile_parts


def frame(rng, rows):
    numbers = rng.normal(size=rows)
    numbers[rng.random(rows) < 0.1] = np.nan
    numbers[rng.random(rows) < 0.01] = np.inf
    return pd.DataFrame(
        {
            "x": numbers,
            "atoms": rng.choice([0.0, 0.0, 0.0, 1.0, 2.5], rows),
            "city": rng.choice([f"c{k}" for k in range(80)], rows),
            "kind": pd.Categorical(rng.choice(["a", "b", "c"], rows)),
            "ok": rng.random(rows) < 0.5,
            "when": pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 10_000, rows), unit="s"),
        }
    )


@pytest.mark.parametrize("rows", [0, 1, 300, 6_000])
@pytest.mark.parametrize("arrow", [False, True])
def test_a_part_is_what_its_rows_alone_would_be(rows, arrow):
    rng = np.random.default_rng(3)
    like = coarser(TableProfile.of(frame(rng, 5_000)))
    table = frame(rng, rows)
    table.loc[rng.random(rows) < 0.1, "city"] = None
    parts = [np.flatnonzero(rng.random(rows) < share) for share in (0.0, 0.3, 1.0)]
    given = pa.Table.from_pandas(table) if arrow else table
    found = profile_parts(given, parts, like=like)
    for part, profile in zip(parts, found, strict=True):
        assert profile == TableProfile.of(table.iloc[part], like=like)
        back = TableProfile.from_bytes(profile.to_bytes(like=like), like=like)
        assert back == profile


def test_columns_of_another_kind_or_none():
    like = TableProfile.of({"x": [1.0, 2.0], "c": ["a", "b"], "gone": [1.0, 2.0], "left": ["u", "v"]})
    table = {"x": pa.array(["1.5", "n/a", None]), "c": [Decimal(1), None, Decimal(2)], "other": [1, 2, 3]}
    (found,) = profile_parts(table, [np.array([0, 1, 2])], like=like)
    assert (found.columns["x"].n, found.columns["x"].missing, found.columns["x"].unreadable) == (1, 2, 0)
    assert (found.columns["c"].other, found.columns["c"].missing) == (2, 1)
    assert (found.columns["gone"].missing, found.columns["left"].missing) == (3, 3)
    with pytest.raises(InputError, match="leave the column out"):
        profile_parts({"x": pa.array([[1], [2]])}, [np.array([0])], like=like)


def test_only_texts_or_only_numbers():
    for table in ({"c": ["a", "b", "a"]}, {"x": [1.0, 2.0, 2.0]}):
        like = coarser(TableProfile.of(table))
        assert profile_parts(table, [np.arange(3)], like=like)[0] == TableProfile.of(table, like=like)


def test_fewer_edges_hold_the_distance_and_fewer_levels_the_frequent_ones():
    rng = np.random.default_rng(4)
    values, codes = rng.normal(size=20_000), np.minimum(rng.geometric(0.02, 20_000), 200)
    fine = TableProfile.of({"x": values, "c": [f"v{code}" for code in codes], "few": codes % 7})
    like = coarser(fine)
    assert like.rows == 0
    assert like.columns["x"].edges.size == 101
    assert like.columns["few"].edges.tolist() == list(range(7))
    assert len(like.columns["c"].levels) == 50
    assert like.columns["c"].levels == fine.columns["c"].levels[:50]
    counted = TableProfile.of({"x": values}, like=like).columns["x"].upto / values.size
    assert np.abs(np.diff(counted)).max() < 0.011
    assert coarser(TableProfile.of({"x": [np.nan, np.nan]})).columns["x"].edges.size == 0
