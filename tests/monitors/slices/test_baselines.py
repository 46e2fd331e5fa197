"""What is normal in each slice: exact counts, bytes that come back, and what is refused."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from mirante.drift.monitor import DriftMonitor
from mirante.errors import InputError
from mirante.monitors.slices.baselines import SliceBaselines, chosen
from mirante.profiles import TableProfile

DAY = timedelta(days=1)
FIRST = datetime(2026, 1, 1)


def rows(days=10, per_day=100):
    rng = np.random.default_rng(4)
    count = days * per_day
    return pd.DataFrame(
        {
            "age": rng.normal(40, 10, count),
            "plan": rng.choice(["basic", "plus", "rare", "<b>"], count, p=[0.6, 0.2, 0.05, 0.15]),
            "prediction": rng.random(count),
        }
    )


def fit(table, *texts, days=10):
    per_day = len(table) // days
    windows = [(FIRST + day * DAY, np.arange(day * per_day, (day + 1) * per_day)) for day in range(days)]
    return SliceBaselines.fit(texts, table, TableProfile.of(table), windows)


def test_profiles_and_own_windows_are_those_of_the_slice_s_rows():
    table = rows()
    found = fit(table, "plan", "age >= 45")
    assert [one.slice.label for one in found.slices] == ["plan=basic", "plan=plus", "plan=<b>", "age >= 45"]
    old = next(one for one in found.slices if one.slice.label == "age >= 45")
    assert old.profile == TableProfile.of(table[table["age"] >= 45], like=found.like)
    assert len(old.own) == 10
    third = table.iloc[200:300]
    assert old.own[2] == TableProfile.of(third[third["age"] >= 45], like=found.like)
    assert old.starts[2] == FIRST + 2 * DAY
    monitor = old.monitor(DriftMonitor(TableProfile.of(table), window="1d", floor=0.05), 0.1)
    assert (monitor.share, monitor.floor_of("age"), monitor.window) == (0.1, 0.05, "1d")
    assert len(monitor.own_windows) == 10


def test_bytes_come_back_and_say_what_is_wrong_with_them():
    found = fit(rows(), "plan", "`age` > 40 and plan in ('plus', 'rare')")
    data = found.to_bytes()
    again = SliceBaselines.from_bytes(data)
    assert again.entries == found.entries
    assert again.like.layout.same(found.like.layout)
    for one, other in zip(found.slices, again.slices, strict=True):
        assert (one.slice, one.profile, one.own, one.starts) == (
            other.slice, other.profile, other.own, other.starts,
        )  # fmt: skip
    for broken in (b"", b"MRSL", data[:-10], data[: len(data) // 2], b"x" * 100):
        with pytest.raises(InputError, match="write the baseline again"):
            SliceBaselines.from_bytes(broken)
    with pytest.raises(InputError, match="update it"):
        SliceBaselines.from_bytes(data[:4] + b"\x09" + data[5:])


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["plna"], "did you mean 'plan'"),
        (["age >= 65 and"], "cannot be read"),
        (["age >= 400"], "the slice 'age >= 400' has fewer than 100 rows"),
        (["age"], "more than 100 different numbers"),
    ],
)
def test_entries_that_make_no_slice_are_refused(texts, said):
    with pytest.raises(InputError) as refused:
        fit(rows(), *texts)
    assert said in str(refused.value)


def test_too_many_slices_are_refused():
    rng = np.random.default_rng(1)
    table = pd.DataFrame({f"c{k}": rng.integers(0, 90, 18_000) for k in range(5)})
    with pytest.raises(InputError, match=r"there are 450 slices, 90 of them by 'c0', and at most 400"):
        SliceBaselines.fit([f"c{k}" for k in range(5)], table, TableProfile.of(table))


def test_of_many_own_windows_some_are_kept_and_then_nothing_is_pooled():
    assert chosen([]) == []
    picked = chosen(range(720))
    assert (len(picked), picked[0], picked[-1]) == (112, 0, 719)
    found = fit(rows(days=200, per_day=20), "plan", days=200)
    assert not any(one.pooled for one in found.slices)
    assert max(len(one.own) for one in found.slices) == 112
