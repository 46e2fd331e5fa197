"""What rows say as sums: the same for one host and for several, refused where it is another estimator's."""

import json

import numpy as np
import pytest

from mirante.errors import InputError
from mirante.performance.estimated import PerformanceEstimator, Portion
from tests.performance.test_estimated import prices, rows_of

FIELDS = ("value", "lower", "upper", "threshold")


def binary(rng, rows=6_000):
    labels, scores = rows_of(rng, rows)
    return labels, scores, None


def calibrated(rng, rows=6_000):
    scores = rng.random(rows)
    return (rng.random(rows) < scores).astype(float), scores, None


def several(rng, rows=6_000):
    scores = rng.dirichlet(np.full(4, 0.6), rows)
    draws = rng.random((rows, 1))
    return np.argmax(np.cumsum(scores, axis=1) > draws, axis=1), scores, None


def classes(rng, rows=6_000):
    kind, said = rng.choice(["a", "b"], rows), rng.choice(["no", "yes"], rows)
    wrong = rng.random(rows) < np.where(kind == "a", 0.1, 0.4)
    labels = np.where(wrong, np.where(said == "no", "yes", "no"), said)
    return labels, said, {"kind": kind}


def split(predictions, features, *ends):
    for begin, end in zip((0, *ends), (*ends, len(predictions)), strict=True):
        table = None if features is None else {name: column[begin:end] for name, column in features.items()}
        yield predictions[begin:end], table


@pytest.mark.parametrize("draw", [binary, calibrated, several, classes, prices])
def test_rows_of_several_hosts_are_estimated_as_those_of_one(draw):
    rng = np.random.default_rng(8)
    task = "class" if draw is classes else None
    labels, said, features = draw(rng, 6_000)
    estimator = PerformanceEstimator.fit(labels, said, features, task=task)
    _, said, features = draw(rng, 3_001)
    said = said.astype(object) if draw is classes else said
    if draw is not classes:
        said[7] = np.nan
    whole = estimator.gather(said, features)
    hosts = [estimator.gather(*part) for part in split(said, features, 1_000, 1_000, 2_500)]
    merged = sum(hosts[1:], hosts[0])
    assert (merged.rows, merged.predicted) == (whole.rows, whole.predicted)
    assert merged.rows == 3_001
    assert merged.predicted == 3_001 - (draw is not classes)
    sent = Portion.from_json(json.loads(json.dumps(merged.to_json())))
    assert np.array_equal(sent.sums, merged.sums)
    one, more = estimator.estimate_sums(whole), estimator.estimate_sums(sent)
    asked = estimator.estimate(said, features)
    assert one.keys() == more.keys() == asked.keys() == set(estimator.measures)
    for name in asked:
        for field in FIELDS:
            assert getattr(more[name], field) == pytest.approx(getattr(one[name], field), rel=1e-11), name
            near = {"abs": 2e-5} if name == "roc_auc" else {"rel": 1e-9}
            if name == "roc_auc" and draw is several:
                near = {"abs": 2e-3} if field in ("lower", "upper") else near
            assert getattr(more[name], field) == pytest.approx(getattr(asked[name], field), **near), name
        assert more[name].beyond == asked[name].beyond


@pytest.mark.parametrize("draw", [binary, several, prices])
def test_a_part_of_the_rows_may_stand_for_all_and_is_worth_no_more(draw):
    rng = np.random.default_rng(9)
    estimator = PerformanceEstimator.fit(*draw(rng, 6_000))
    _, said, features = draw(rng, 4_000)
    (first, second) = (estimator.gather(*part) for part in split(said, features, 2_000))
    assert first.standing_for(2_000) is first
    many = first.standing_for(8_000)
    assert (many.rows, many.predicted, many.worth) == (8_000, 8_000, 2_000)
    assert many.standing_for(500).worth == 2_000
    told, some = estimator.estimate_sums(many), estimator.estimate_sums(first)
    for name, one in some.items():
        for field in FIELDS:
            # no row is in a pair with itself, which is one of as many pairs as there are rows
            near = {"abs": 1e-3} if name == "roc_auc" else {"rel": 1e-9}
            assert getattr(told[name], field) == pytest.approx(getattr(one, field), **near), (name, field)
    # beside rows that were all looked at, the more of these there are the more it is worth
    mixed = many + second
    assert mixed.worth == pytest.approx(10_000**2 / (4**2 * 2_000 + 2_000))
    assert first.standing_for(2_001).worth == pytest.approx(2_000)
    for name, one in estimator.estimate_sums(mixed).items():
        both, part = estimator.estimate_sums(first + second)[name], some[name]
        assert both.upper - both.lower < one.upper - one.lower, name
        assert one.upper - one.lower < 1.1 * (part.upper - part.lower), name


def test_of_no_rows_nothing_is_told():
    rng = np.random.default_rng(9)
    labels, scores, _ = binary(rng)
    estimator = PerformanceEstimator.fit(labels, scores)
    nothing = estimator.gather(scores[:0])
    assert nothing.standing_for(5) is nothing
    assert all(np.isnan(one.value) for one in estimator.estimate_sums(nothing).values())


def test_sums_of_another_estimator_are_refused():
    rng = np.random.default_rng(10)
    labels, scores, _ = binary(rng)
    one = PerformanceEstimator.fit(labels, scores)
    other = PerformanceEstimator.fit(*several(rng)[:2])
    losses = PerformanceEstimator.fit(*prices(rng, 500))
    portion = one.gather(scores)
    for stranger in (other, losses):
        with pytest.raises(InputError, match="gather them with this estimator"):
            stranger.estimate_sums(portion)
    with pytest.raises(InputError, match="gather them with this estimator"):
        one.estimate_sums(Portion(1, 1, np.zeros(3)))
    with pytest.raises(InputError, match="gather both with one estimator"):
        _ = portion + losses.gather([1.0], {"age": [1.0], "kind": ["a"], "noise": [0.0]})
    with pytest.raises(InputError, match=r"level is 0\.6"):
        one.estimate_sums(portion, level=0.6)


GOOD = Portion(3, 2, np.array([0.0, 1.0, 0.5])).to_json()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"rows": "3"}, "whole numbers"),
        ({"predicted": 4}, "no more with a prediction than rows"),
        ({"size": 1 << 40}, "at most"),
        ({"size": 2}, "for each place"),
        ({"places": "AAAA"}, "no sums over rows"),
        ({"places": "!"}, "no sums over rows"),
        ({"places": None}, "no sums over rows"),
        ({"places": "AgAAAAEAAAA="}, "for each place"),
        ({"sums": "AAAAAAAA8H8AAAAAAADwfw=="}, "for each place"),
        ({"rows": 1 << 1100}, "whole numbers"),
        ({"rows": 0, "predicted": 0}, "sums over 0 rows are larger than 0"),
        (Portion(9, 9, np.array([0.0, -1e300, 0.0])).to_json(), "larger than 9e\\+250"),
    ],
)
def test_what_is_no_portion_is_refused(wrong, message):
    with pytest.raises(InputError, match=message):
        Portion.from_json({**GOOD, **wrong})


def test_what_was_read_adds_up_to_what_is_read_again():
    most = Portion.from_json(Portion((1 << 61) - 1, 0, np.full(2, ((1 << 61) - 1) * 1e250)).to_json())
    both = most + most
    assert np.isfinite(both.sums).all()
    assert Portion.from_json(both.to_json()).rows == 2 * most.rows
