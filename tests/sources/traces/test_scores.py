import json
import math
from fractions import Fraction

import numpy as np
import pytest

from mirante.sources.traces.scores import Scores, from_percentiles


def test_what_is_no_number_and_no_text_has_failed():
    values = {"NaN": 1, "Infinity": 1, "null": 2, "[1]": 1, '{"a": 1}': 1, "no json": 1, f"1{'0' * 400}": 1}
    scores = Scores.of({**values, "2": 1})
    assert (scores.count, scores.failed, scores.mean) == (9, 8, 2.0)


def test_booleans_and_yes_and_no_have_a_mean_and_other_texts_have_none():
    assert Scores.of({"true": 1, "false": 3}).mean == 0.25
    assert Scores.of({'" Yes"': 1, '"NO"': 1, '"maybe"': 2}).mean == 0.5
    assert math.isnan(Scores.of({'"good"': 4}).mean)
    assert math.isnan(Scores.of({}).mean)


def test_many_numbers_are_kept_as_percentiles_and_many_texts_as_the_most_frequent():
    drawn = np.random.default_rng(1).normal(0, 1, 5000)
    scores = Scores.of({json.dumps(float(one)): 1 for one in drawn})
    assert (scores.numbers, scores.many) == ({}, 5000)
    assert scores.mean == pytest.approx(drawn.mean())
    back = scores.column(numeric=True)
    assert back.size == 5000
    assert np.quantile(back, [0.1, 0.5, 0.9]) == pytest.approx(np.quantile(drawn, [0.1, 0.5, 0.9]), abs=0.01)
    texts = Scores.of({json.dumps(f"t{one}"): one + 1 for one in range(300)})
    assert len(texts.levels) == 100
    assert max(texts.levels.values()) == 300


def test_numbers_and_texts_of_one_name_are_two_columns():
    scores = Scores.of({"1": 2, "2.5": 1, '"a"': 1, "true": 1})
    assert scores.column(numeric=True).tolist() == [1.0, 1.0, 2.5]
    assert scores.column(numeric=False).tolist() == ["a", "true"]
    assert scores.is_numeric
    assert not Scores.of({'"a"': 1}).is_numeric


def test_very_large_numbers_have_a_mean_and_percentiles():
    assert Scores.of({"1e308": 2}).mean == 1e308
    assert Scores.of({"1.7e308": 3, "-1.7e308": 3}).mean == 0.0
    exact = (7 * Fraction(1.7976931348623157e308) - Fraction(5e307)) / 8
    assert Scores.of({"1.7976931348623157e308": 7, "-5e307": 1}).mean == pytest.approx(float(exact))
    json.dumps(Scores.of({"1e308": 2}).to_json(), allow_nan=False)
    many = Scores.of({f"{one}e305": 1 for one in range(-1000, 1001)})
    assert many.percentiles[::50] == pytest.approx((-1e308, 0.0, 1e308))
    assert np.isfinite(many.column(numeric=True)).all()


def test_a_long_text_is_cut():
    (level,) = Scores.of({json.dumps("x" * 5000): 1}).levels
    assert len(level) == 201


@pytest.mark.parametrize(
    "values", [{}, {"1": 3, '"a"': 2, "NaN": 1}, {str(one / 3): 1 for one in range(500)}]
)
def test_it_is_kept_as_json(values):
    scores = Scores.of(values)
    back = Scores.from_json(json.loads(json.dumps(scores.to_json(), allow_nan=False)))
    assert back.to_json() == scores.to_json()
    assert back.column(numeric=True).tolist() == scores.column(numeric=True).tolist()


def test_percentiles_of_one_value_and_of_none():
    assert from_percentiles((2.0,) * 101, 1).tolist() == [2.0]
    assert from_percentiles((), 5).size == 0
