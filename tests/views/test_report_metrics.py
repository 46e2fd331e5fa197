"""One metric over all runs."""

from __future__ import annotations

import math
from datetime import timedelta

import numpy as np
import pytest
from scipy import stats

from mirante.views.report.metrics import metric_summaries
from tests.views.made_runs import NOW, as_json, columns_of


def summaries(values, name="loss", directions=None, started=True):
    runs = [
        as_json(
            f"r{place:03}",
            started=NOW + timedelta(hours=place) if started else None,
            metrics={name: value},
        )
        for place, value in enumerate(values)
    ]
    return metric_summaries(columns_of(runs), directions or {}, lambda run: f"/runs/{run}")[name]


def test_the_figures_are_numpys():
    values = np.random.default_rng(1).normal(3, 2, 40)
    found = summaries(values)
    assert (found.mean, found.median, found.std) == pytest.approx(
        (values.mean(), np.median(values), values.std(ddof=1))
    )
    assert list(found.quantiles.values()) == pytest.approx(np.quantile(values, (0.05, 0.25, 0.75, 0.95)))
    assert (found.best, found.worst) == (values.min(), values.max())
    assert found.best_run == f"r{values.argmin():03}"
    assert found.best_link == f"/runs/{found.best_run}"


def test_where_the_direction_comes_from():
    assert (summaries([1.0, 2.0]).direction_from, summaries([1.0, 2.0]).best) == ("name", 1.0)
    unknown = summaries([1.0, 2.0], name="foo")
    assert (unknown.direction, unknown.direction_from) == ("higher", "unknown")
    stated = summaries([1.0, 2.0], name="foo", directions={"foo": "lower"})
    assert (stated.direction, stated.direction_from, stated.best) == ("lower", "stated", 1.0)


def test_a_metric_without_a_finite_value_and_one_with_a_single_one():
    nothing = summaries([math.nan, math.inf])
    assert (nothing.count, nothing.not_finite, nothing.best_run, nothing.trend) == (0, 2, "", None)
    single = summaries([5.0])
    assert (single.mean, single.best_run) == (5.0, "r000")
    assert math.isnan(single.std)


def test_huge_values_have_a_spread():
    found = summaries([1e308, -1e308, 1e308])
    assert found.mean == pytest.approx(1e308 / 3)
    assert found.std == pytest.approx(1e308 * np.std([1, -1, 1], ddof=1))


def test_a_trend_is_told_by_the_metrics_direction():
    falling = [1 / (1 + place) for place in range(20)]
    assert summaries(falling).trend.verdict == "better"
    assert summaries(falling, name="auc").trend.verdict == "worse"
    assert summaries(falling).trend.first > summaries(falling).trend.last
    assert summaries(falling, started=False).trend is None
    assert summaries(falling[:7]).trend is None
    assert summaries([3.0] * 20).trend is None


def test_trends_are_corrected_for_the_number_of_metrics():
    rng = np.random.default_rng(3)
    table = rng.normal(0, 1, (60, 200))
    runs = [
        as_json(
            f"{row:03}", started=NOW + timedelta(hours=row), metrics={f"m{n}": v for n, v in enumerate(line)}
        )
        for row, line in enumerate(table)
    ]
    found = metric_summaries(columns_of(runs), {})
    raw = [stats.spearmanr(np.arange(60), table[:, n]).pvalue for n in range(200)]
    assert sum(p <= 0.05 for p in raw) >= 3
    assert sum(one.trend.verdict != "none" for one in found.values()) == 0
    corrected = stats.false_discovery_control(raw)
    assert found["m7"].trend.p_value == pytest.approx(corrected[7])


def test_those_that_most_runs_have_come_first():
    runs = [
        as_json(f"{n}", metrics={"a": 1.0} if n else {"a": 1.0, "b": 2.0, "0": math.nan}) for n in range(3)
    ]
    assert list(metric_summaries(columns_of(runs), {})) == ["a", "b", "0"]
