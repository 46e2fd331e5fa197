"""Two versions on the same rows: agreement, performance, slices, and what is told of them."""

import json
import math

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import ks_2samp

from mirante.errors import InputError
from mirante.monitors.comparison import Side, compare_answers
from mirante.monitors.comparison.answers import task_of
from mirante.monitors.comparison.telling import page, tell
from mirante.performance.realised import classification, regression

ONE, OTHER = Side("m@champion", "1"), Side("m@challenger", "2")
NASTY = '<script>alert(1)</script>\x00\n"'


def answers(rows=2_000, better=1.0, seed=1):
    rng = np.random.default_rng(seed)
    truth = (rng.random(rows) < 0.4).astype(float)
    sure = lambda strength: 1 / (1 + np.exp(-(strength * (truth - 0.5) + rng.normal(0, 1, rows))))  # noqa: E731 - short
    return truth, sure(1.0), sure(1.0 + better)


def test_measures_are_those_of_each_version_alone():
    truth, one, other = answers()
    found = compare_answers(ONE, OTHER, (one, other), labels=truth)
    assert (found.task, found.rows, found.labelled) == ("probability", 2_000, 2_000)
    for measure in found.measures:
        for said, value in ((one, measure.found.first), (other, measure.found.second)):
            assert value == pytest.approx(classification(truth, said)[measure.name], rel=1e-9)
    assert {measure.name: measure.verdict for measure in found.measures} == dict.fromkeys(
        ["roc_auc", "accuracy", "brier", "log_loss"], "better"
    )


def test_a_regression_and_rows_with_gaps():
    rng = np.random.default_rng(2)
    truth = rng.normal(0, 10, 500)
    one, other = truth + rng.normal(0, 1, 500), truth + rng.normal(0, 3, 500)
    one[:5], other[5:9], truth[9:20] = np.nan, np.inf, np.nan
    found = compare_answers(ONE, OTHER, (one.tolist(), other.tolist()), labels=truth.tolist())
    assert (found.task, found.rows, found.labelled) == ("regression", 491, 480)
    mae, _ = found.measures
    assert mae.found.first == pytest.approx(regression(truth[20:], one[20:])["mae"])
    assert mae.verdict == "worse"
    assert math.isnan(found.agreement.equal)


def test_the_shift_of_numbers_is_the_ks_distance_of_what_both_say():
    rng = np.random.default_rng(5)
    one, other = rng.random(300), rng.beta(2, 2, 300)
    found = compare_answers(ONE, OTHER, (one.tolist(), other.tolist()))
    assert found.agreement.shift == pytest.approx(ks_2samp(one, other).statistic)


def test_classes_agree_by_name_whatever_they_are_written_as():
    found = compare_answers(
        ONE, OTHER, ([1, 0, "late", None], [1.0, True, "late", 1]), labels=["1", 0, "late", 1], task="class"
    )
    assert (found.rows, found.agreement.equal) == (3, pytest.approx(2 / 3))
    assert found.agreement.shift == pytest.approx(1 / 3)
    (accuracy,) = found.measures
    assert (accuracy.found.first, accuracy.found.second) == (1.0, pytest.approx(2 / 3))


def test_the_slice_in_which_they_differ_is_found_and_no_other():
    rng = np.random.default_rng(3)
    rows = 3_000
    features = pa.table(
        {
            "carrier": [("AA", "EV", NASTY)[n] for n in rng.integers(0, 3, rows)],
            "delay": np.where(rng.random(rows) < 0.02, np.nan, rng.normal(0, 1, rows)),
            "noise": rng.random(rows),
            "when": pa.array([None] * rows, pa.timestamp("us")),
            "constant": ["x"] * rows,
        }
    )
    one = rng.random(rows)
    apart = (np.array([one == NASTY for one in features["carrier"].to_pylist()])) & (
        features["delay"].to_numpy() > 0.85
    )
    other = np.clip(one + np.where(apart, 0.4, rng.normal(0, 0.02, rows)), 0, 1)
    found = compare_answers(ONE, OTHER, (one, other), features=features)
    assert {(gap.column, gap.where.split(" ")[0]) for gap in found.slices} == {
        ("carrier", "="),
        ("delay", ">"),
    }
    assert all(gap.p_value < 1e-6 and gap.gap > gap.rest for gap in found.slices)
    assert NASTY[:20] not in page(found)
    assert "\x00" not in found.to_text()


def test_models_that_say_the_same_have_no_slices_and_no_difference():
    truth, one, _ = answers()
    features = pa.table({"x": np.arange(2_000.0), "y": ["a", "b"] * 1_000})
    found = compare_answers(ONE, OTHER, (one, one), labels=truth, features=features)
    assert (found.slices, found.agreement.gap, found.agreement.shift) == ((), 0.0, 0.0)
    assert {measure.verdict for measure in found.measures} == {"even"}
    assert "No difference is shown" in found.to_text()


def test_noise_alone_seldom_makes_a_slice():
    hits = 0
    for seed in range(60):
        rng = np.random.default_rng([5, seed])
        features = pa.table({f"x{n}": rng.random(400) for n in range(8)})
        hits += bool(
            compare_answers(ONE, OTHER, (rng.random(400), rng.random(400)), features=features).slices
        )
    assert hits <= 4


@pytest.mark.parametrize(
    ("said", "task"),
    [([0.1, 0.9], "probability"), ([0.1, 9.0], "regression"), (["a"], "class"), ([1, 0], "class"),
     (list(range(50)), "regression"), ([True, False], "class")],
)  # fmt: skip
def test_the_task_is_seen_in_the_values(said, task):
    assert task_of(said, [None]) == task


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: compare_answers(ONE, OTHER, ([1.0], [1.0, 2.0])), "1 and 2 answers"),
        (lambda: compare_answers(ONE, OTHER, ([None], [1.0])), "no row has an answer of both"),
        (lambda: compare_answers(ONE, OTHER, (["[1, 2]"], [1.0]), task="regression"), "--prediction"),
        (
            lambda: compare_answers(ONE, OTHER, ([0.1] * 3, [0.2] * 3), labels=[0, 1, 7], task="probability"),
            "label 7 is neither 0 nor 1",
        ),
    ],
)
def test_what_cannot_be_compared_is_said(call, told):
    with pytest.raises(InputError, match=told):
        call()


def test_one_row_and_no_labels_are_told_as_such():
    found = compare_answers(ONE, OTHER, ([0.2], [0.3]), labels=[None])
    assert "No row has a label" in found.to_text()
    one = compare_answers(ONE, OTHER, ([0.2], [0.3]), labels=[1])
    assert "too few rows" in one.to_text()
    json.dumps(one.to_dict(), allow_nan=False)


def test_what_is_told_in_both_languages_and_forms(tmp_path):
    truth, one, other = answers()
    failed = Side(f"m@{NASTY}", "2", 3, NASTY)
    found = compare_answers(ONE, failed, (one, other), labels=truth, source=NASTY)
    text = found.to_text()
    assert "Version 2 is better by ROC AUC, Accuracy, Brier score, Log loss." in text
    assert "refused 3 rows" in text
    assert "A versão 2 é melhor" in found.to_text(locale="pt_BR")
    html = found.to_html(tmp_path / "deep" / "compare.html").read_text()
    assert "<script" not in html
    assert '<td class="better">better</td>' in html
    assert tell(found).notes[-1] in html
    with pytest.raises(InputError, match="is a folder"):
        found.to_html(tmp_path)
