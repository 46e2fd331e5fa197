"""The rows of drift_metrics against scipy on the rows themselves."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon

from mirante.profiles import TableProfile
from mirante.store import WindowRow
from mirante.views.tables.drift import baseline_rows, consecutive_rows
from mirante.views.tables.walk import batch_of
from tests.views.tables.conftest import HOUR, START, Watched, window_row

# the values between two edges, a thousandth of 4,000 rows, are counted together: see docs/statistics.md
CLOSE = 3e-3


def by_feature(rows: list[dict[str, object]]) -> dict[str, dict[str, object]]:
    return {row["feature"]: row for row in batch_of("drift_metrics", rows).to_pylist()}


def profile_of(watched: Watched, start) -> TableProfile:
    return TableProfile.of(watched.frames[start], like=watched.baseline)


def test_against_the_baseline_it_says_what_was_judged(watched: Watched):
    for start, verdict in watched.verdicts.items():
        window = watched.store.windows.get("model/churn@champion", start)
        assert window is not None
        found = by_feature(baseline_rows(window, profile_of(watched, start), watched.baseline))
        assert (found[":table"]["drifted"], found[":table"]["drift_share"]) == (
            verdict.drifted,
            verdict.drift_share,
        )
        frame, base = watched.frames[start], watched.base
        for name, said in verdict.columns.items():
            row = found[name]
            assert {row["type"], row["kind"]} == {"baseline", said.kind}
            assert (row["drifted"], row["sentence"], row["effect"]) == (
                said.drifted,
                said.sentence,
                said.effect,
            )
            assert (row["p_value"], row["n_compared"], row["psi"]) == (
                said.p_value,
                said.n_baseline,
                said.scores["psi"],
            )
            assert row["missing_ratio_delta"] == pytest.approx(
                frame[name].isna().mean() - base[name].isna().mean()
            )
        exact = stats.ks_2samp(base["age"].dropna(), frame["age"].dropna()).statistic
        assert found["age"]["ks"] == pytest.approx(exact, abs=CLOSE)
        assert found["age"]["mean_delta"] == pytest.approx(frame["age"].mean() - base["age"].mean(), abs=1e-9)
        assert found["age"]["std_delta"] == pytest.approx(frame["age"].std(ddof=0) - base["age"].std(ddof=0))
        assert found["visits"]["p50_delta"] == frame["visits"].median() - base["visits"].median()
    assert found["age"]["drifted"]
    assert not found["plan"]["drifted"]


def test_against_the_window_before_it_says_what_scipy_says(watched: Watched):
    starts = list(watched.frames)
    for earlier, start in itertools.pairwise(starts):
        now, then = watched.frames[start], watched.frames[earlier]
        profile, compared = profile_of(watched, start), profile_of(watched, earlier)
        found = by_feature(
            consecutive_rows(window_row(start, profile), profile, window_row(earlier, compared), compared)
        )
        assert list(found) == list(now.columns)
        for name in ("age", "visits", "prediction"):
            left, right = then[name].dropna(), now[name].dropna()
            close = 1e-12 if name == "visits" else CLOSE
            assert found[name]["ks"] == pytest.approx(stats.ks_2samp(left, right).statistic, abs=close)
            assert found[name]["effect"] == found[name]["ks"]
            far = stats.wasserstein_distance(left, right) / watched.base[name].std(ddof=0)
            assert found[name]["wasserstein"] == pytest.approx(far, abs=2e-3, rel=0.02)
            assert (found[name]["n_window"], found[name]["n_compared"]) == (len(right), len(left))
            assert found[name]["n_delta"] == len(right) - len(left)
            assert found[name]["mean_delta"] == pytest.approx(right.mean() - left.mean(), abs=1e-9)
            assert found[name]["missing_ratio_delta"] == pytest.approx(
                now[name].isna().mean() - then[name].isna().mean()
            )
            assert (found[name]["drifted"], found[name]["p_value"]) == (None, None)
        levels = watched.baseline.columns["plan"].levels
        left, right = (frame["plan"].value_counts().reindex(levels, fill_value=0) for frame in (then, now))
        exact = stats.chi2_contingency(np.array([left, right]), correction=False).statistic
        assert found["plan"]["chi2"] == pytest.approx(exact)
        gap = np.abs(right / right.sum() - left / left.sum())
        assert found["plan"]["total_variation"] == pytest.approx(gap.sum() / 2)
        assert found["plan"]["l_infinity"] == pytest.approx(gap.max())
        assert found["plan"]["jensenshannon"] == pytest.approx(jensenshannon(left, right, base=2))
        assert (found["plan"]["ks"], found["age"]["chi2"]) == (None, None)


def test_binned_scores_are_over_the_deciles_of_the_window_before():
    base = TableProfile.of({"x": np.arange(1_000.0)})
    then, now = np.arange(0.0, 1_000.0, 2), np.arange(100.0, 1_000.0, 3)
    one, two = TableProfile.of({"x": then}, like=base), TableProfile.of({"x": now}, like=base)
    found = by_feature(consecutive_rows(window_row(START + HOUR, two), two, window_row(START, one), one))["x"]
    walls = np.r_[
        -np.inf, then[0], np.quantile(then, np.arange(1, 10) / 10, method="inverted_cdf"), then[-1], np.inf
    ]
    left, right = (
        np.array([((v > a) & (v <= b)).mean() for a, b in itertools.pairwise(walls)]) for v in (then, now)
    )
    assert found["total_variation"] == pytest.approx(np.abs(left - right).sum() / 2, abs=2e-3)
    assert found["jensenshannon"] == pytest.approx(jensenshannon(left, right, base=2), abs=2e-2)


def test_equal_windows_are_at_no_distance(watched: Watched):
    profile = profile_of(watched, START)
    rows = consecutive_rows(window_row(START + HOUR, profile), profile, window_row(START, profile), profile)
    for row in rows:
        scores = {
            name: row[name] for name in ("psi", "jensenshannon", "hellinger", "total_variation", "effect")
        }
        assert scores == pytest.approx(dict.fromkeys(scores, 0.0), abs=1e-7)


def test_empty_constant_and_infinite_columns(watched: Watched):
    base = TableProfile.of({"x": [1.0, 1.0], "y": [1.0, 2.0], "c": ["a", "b"]})
    full = TableProfile.of({"x": [1.0], "y": [np.inf], "c": ["z"]}, like=base)
    empty = TableProfile.empty(base)
    pairs = [(full, empty), (empty, full), (empty, empty), (full, full)]
    for now, then in pairs:
        rows = consecutive_rows(window_row(START + HOUR, now), now, window_row(START, then), then)
        found = by_feature(rows)
        known = now is full and then is full
        assert (found["x"]["ks"] is not None) == known
        assert (found["c"]["chi2"] is not None) == known
        assert (found["c"]["psi"] is not None) == known
        assert found["x"]["n_delta"] == now.columns["x"].n - then.columns["x"].n
    only_text = TableProfile.of({"c": ["a", "b"]})
    rows = consecutive_rows(
        window_row(START + HOUR, only_text), only_text, window_row(START, only_text), only_text
    )
    assert by_feature(rows)["c"]["chi2"] == 0.0


def test_of_another_baseline_only_the_mean_is_known(watched: Watched):
    window = watched.store.windows.get("model/churn@champion", START)
    assert window is not None
    other = TableProfile.of(watched.base.assign(age=watched.base["age"] + 1))
    profile = profile_of(watched, START)
    found = by_feature(baseline_rows(window, profile, other))["age"]
    mean = watched.frames[START]["age"].mean() - watched.base["age"].mean()
    assert found["mean_delta"] == pytest.approx(mean, abs=1e-9), "against the baseline that it was judged by"
    assert (found["std_delta"], found["missing_ratio_delta"]) == (None, None)
    assert by_feature(baseline_rows(window, None, watched.baseline))["age"]["mean_delta"] is None


def test_a_window_that_was_not_judged_has_no_rows(watched: Watched):
    window = WindowRow("model/m@a", "1", START, START + HOUR, 3, closed=True)
    assert baseline_rows(window, None, watched.baseline) == []
    told = replace(window, verdicts={"columns": {"gone": {"drifted": True}}, "drifted": True})
    found = by_feature(baseline_rows(told, profile_of(watched, START), watched.baseline))
    assert (found["gone"]["drifted"], found["gone"]["kind"], found["gone"]["psi"]) == (True, None, None)
