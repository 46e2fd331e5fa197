"""Several experiments beside each other."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from scipy import stats

from mirante.errors import InputError
from mirante.tracking.runs.search import ExperimentRef
from mirante.views.report import report_of
from mirante.views.report.compare import compare_reports
from tests.views.made_runs import NOW, as_json, columns_of


def report(number, values, name="loss", **more):
    runs = [
        as_json(f"{number}-{n:03}", started=NOW, metrics={name: value} | more)
        for n, value in enumerate(values)
    ]
    return report_of(
        ExperimentRef(str(number), f"exp {number}"), columns_of(runs), now=NOW, mlflow="http://ml"
    )


def test_metrics_that_two_have_in_common():
    rng = np.random.default_rng(1)
    first, second = rng.normal(1, 1, 30), rng.normal(3, 1, 30)
    both = compare_reports([report(1, first, only=1.0), report(2, second)])
    (one,) = both.metrics
    assert (one.name, one.direction, one.counts, one.best) == ("loss", "lower", (30, 30), 0)
    assert one.bests == (first.min(), second.min())
    assert one.medians == pytest.approx((np.median(first), np.median(second)))
    assert one.p_value == pytest.approx(stats.kruskal(first, second).pvalue)


def test_one_that_lacks_a_metric_and_too_few_values():
    three = compare_reports([report(1, [1.0, 2.0]), report(2, [0.5] * 5), report(3, [9.0], name="acc")])
    (one,) = three.metrics
    assert (one.counts, one.best) == ((2, 5, 0), 1)
    assert math.isnan(one.p_value)
    assert compare_reports([report(1, [1.0] * 5), report(2, [1.0] * 5)]).metrics[0].p_value == 1.0


def test_what_cannot_be_compared_is_said():
    with pytest.raises(InputError, match="needs two or more"):
        compare_reports([report(1, [1.0])])
    with pytest.raises(InputError, match="'exp 1' is there twice"):
        compare_reports([report(1, [1.0]), report(1, [1.0])])


def test_every_form():
    both = compare_reports([report(1, [0.25] * 3), report(2, [0.75] * 4)])
    text = both.to_markdown()
    assert "| exp 2 | 4 | 0.0% | – |" in text
    assert "| loss | lower | **0.25** (0.25) | 0.75 (0.75) |" in text
    data = json.loads(both.to_json())
    assert [one["total_runs"] for one in data["experiments"]] == [3, 4]
    assert "runs" not in data["experiments"][0]
    assert data["metrics"][0]["bests"] == [0.25, 0.75]
    assert both.to_frame()["is_best"].tolist() == [True, False]
    assert both.to_csv().startswith('"metric","direction","experiment_id"')
    assert list(compare_reports([report(1, []), report(2, [])]).to_frame().columns)
