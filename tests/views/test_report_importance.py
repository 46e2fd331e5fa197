"""Which parameters a metric goes with."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from mirante.views.report.importance import param_importance
from tests.views.made_runs import as_json, columns_of


def made(count=300, seed=2, noise=0.1):
    """Return runs whose loss rises with the rate, depends on the kind, and not on the other."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        rate, kind = rng.uniform(0, 1), rng.choice(["cnn", "mlp", "gbm"])
        loss = rate + {"cnn": 0.0, "mlp": 0.5, "gbm": 0.0}[str(kind)] + rng.normal(0, noise)
        params = {"rate": str(rate), "kind": str(kind), "other": str(rng.integers(5)), "one": "same"}
        yield as_json(f"{number:03}", metrics={"loss": loss}, params=params | {"id": f"run {number}"})


def test_what_was_planted_comes_first():
    columns = columns_of(made())
    found = param_importance(columns, "loss")
    assert [one.param for one in found.params] == ["rate", "kind", "other"]  # one value, or one each: no more
    rate, kind, other = found.params
    loss = columns.metrics["loss"].values
    theirs = stats.spearmanr(columns.params["rate"].numbers(), loss)
    assert rate.rho == pytest.approx(theirs.statistic)
    labels = columns.params["kind"].dense(300)
    test = stats.kruskal(*(loss[labels == level] for level in ("cnn", "mlp", "gbm")))
    assert kind.strength == pytest.approx((test.statistic - 2) / 297)
    assert math.isnan(kind.rho)
    assert kind.p_value >= test.pvalue
    assert found.explained > 0.7
    assert other.forest < 0.05 < kind.forest
    assert (found.runs, found.cautions) == (300, ())


def test_it_is_the_same_every_time():
    columns = columns_of(made())
    assert param_importance(columns, "loss") == param_importance(columns, "loss")


def test_cautions():
    few = param_importance(columns_of(made(30)), "loss")
    assert "few_runs" in few.cautions
    rng = np.random.default_rng(4)
    runs = []
    for n in range(200):
        value = rng.normal()
        params = {"a": str(value), "b": str(value + rng.normal(0, 0.01))}
        runs.append(as_json(f"{n:03}", metrics={"loss": rng.normal()}, params=params))
    nothing = param_importance(columns_of(runs), "loss")
    assert set(nothing.cautions) == {"explains_little", "correlated_params"}
    assert nothing.explained < 0.1


def test_where_there_is_nothing_to_say():
    assert param_importance(columns_of(made(7)), "loss") is None
    assert param_importance(columns_of([as_json(f"{n}", metrics={"m": n}) for n in range(20)]), "m") is None
    short = param_importance(columns_of(made(15)), "loss")
    assert math.isnan(short.explained)
    assert math.isnan(short.params[0].forest)


def test_a_metric_that_never_varies_and_parameters_that_are_missing():
    runs = [
        as_json(f"{n:02}", metrics={"m": 1.0}, params={"a": str(n), "t": "xy"[n % 2]} if n % 3 else {})
        for n in range(60)
    ]
    found = param_importance(columns_of(runs), "m")
    assert [one.strength for one in found.params] == [0.0, 0.0]
    assert [one.runs for one in found.params] == [40, 40]


def test_odd_numbers_break_nothing():
    runs = [
        as_json(f"{n:02}", metrics={"m": 1.7e308 * (-1) ** n}, params={"a": f"{(n % 7) * 1e300}"})
        for n in range(40)
    ]
    assert param_importance(columns_of(runs), "m").params[0].param == "a"


def test_many_runs_are_drawn_from():
    assert param_importance(columns_of(made(3_500)), "loss").runs == 3_500
