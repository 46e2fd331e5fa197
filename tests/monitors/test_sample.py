from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from mirante.errors import InputError
from mirante.monitors.sample import draw, sample_from_bytes, sample_of, sample_to_bytes
from mirante.profiles import TableProfile

DAY = datetime(2026, 1, 1, tzinfo=UTC)
ODD = {
    "number": [1.5, np.nan, -3.0],
    "whole": pd.array([1, None, 3], "Int64"),
    "yes": pd.array([True, None, False], "boolean"),
    "text": ["a", None, ""],
    "category": pd.Categorical(["x", "y", None], ["y", "x", "unused"]),
    "moment": pd.to_datetime([DAY, None, DAY + timedelta(days=1)]),
    "naive": pd.to_datetime(["2026-01-01", None, "2026-01-02"]),
    "span": pd.to_timedelta([1, None, 3], unit="h"),
    "period": pd.period_range("2026-01", periods=3, freq="M"),
    "day": [date(2026, 1, 1), None, date(2026, 1, 3)],
    "money": [Decimal("1.10"), None, Decimal("3.30")],
    "mixed": [1, "a", None],
    "objects": [Decimal("1.5"), 2.5, None],
    "nothing": [None, None, None],
    "bytes": [b"a", b"\xff", None],
    'a.b "><img src=x> \u202e\x00\r\n' + "x" * 300: [1.0, 2.0, 3.0],
    "": ["u", "v", "w"],
}


@pytest.mark.parametrize("name", ODD)
def test_what_a_profile_can_count_can_be_kept_and_counts_alike(name):
    rows = pd.DataFrame({name: ODD[name], "prediction": [0.1, 0.2, 0.3]})
    profile = TableProfile.of(rows)
    kept = sample_from_bytes(sample_to_bytes(sample_of(rows, profile)), profile)
    assert kept.column_names == [name, "prediction"]
    assert TableProfile.of(kept, like=profile) == TableProfile.of(rows, like=profile)


def test_columns_are_numbers_or_text_and_what_is_lacking_is_missing():
    profile = TableProfile.of({"age": [1.0, 2.0], "plan": ["a", "b"]})
    kept = sample_of({"plan": ["b", None, 7], "other": [1, 2, 3]}, profile)
    assert kept.to_pydict() == {"age": [None] * 3, "plan": ["b", None, "7"]}
    read = sample_from_bytes(sample_to_bytes(kept), profile)
    assert read == kept


def test_rows_are_drawn_uniformly_and_the_same_each_time():
    assert draw(7, 7).tolist() == list(range(7))
    assert draw(0, 7).size == 0
    assert draw(1000, 50).tolist() == draw(1000, 50).tolist() != draw(1000, 50, seed=1).tolist()
    counts = np.zeros(40)
    for seed in range(2000):
        places = draw(40, 10, seed=seed)
        assert np.all(np.diff(places) > 0)
        counts[places] += 1
    # 500 of 2,000 each, standard deviation 19
    assert np.all(np.abs(counts - 500) < 5 * 19.4)


def test_the_file_is_the_same_for_the_same_sample():
    rows = {"x": np.arange(100.0), "c": ["a", "b"] * 50}
    profile = TableProfile.of(rows)
    one, other = (sample_to_bytes(sample_of(rows, profile)) for _ in range(2))
    assert one == other


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: b"no parquet",
        lambda content: content[: len(content) // 2],
        lambda content: content[:60] + bytes([content[60] ^ 1]) + content[61:],
        lambda content: content[:-20] + b"\x00" * 20,
    ],
)
def test_a_damaged_file_is_an_input_error(damage):
    rows = {"x": np.random.default_rng(0).normal(size=200), "c": ["a", "b"] * 100}
    profile = TableProfile.of(rows)
    with pytest.raises(InputError, match=r"sample\.parquet .*write the baseline again"):
        sample_from_bytes(damage(sample_to_bytes(sample_of(rows, profile))), profile)


def test_no_flipped_bit_goes_unseen():
    rows = {"x": np.random.default_rng(0).normal(size=200), "c": ["a", "b"] * 100}
    profile = TableProfile.of(rows)
    sample = sample_of(rows, profile)
    content, rng = sample_to_bytes(sample), np.random.default_rng(1)
    for place in rng.choice(len(content), 200, replace=False):
        changed = bytearray(content)
        changed[place] ^= 1 << rng.integers(8)
        with suppress(InputError):  # what is read in spite of it is a bit that nothing needs
            assert sample_from_bytes(bytes(changed), profile) == sample


def test_a_file_of_another_baseline_is_an_input_error():
    profile, other = TableProfile.of({"x": [1.0]}), TableProfile.of({"y": [1.0]})
    content = sample_to_bytes(sample_of({"y": [1.0]}, other))
    with pytest.raises(InputError, match=r"has the columns \['y'\], not those of the profile"):
        sample_from_bytes(content, profile)
    text = sample_to_bytes(pa.table({"x": ["1"]}))
    with pytest.raises(InputError, match="not those of the profile"):
        sample_from_bytes(text, profile)
