"""Performance before labels: bands hold the truth, normal windows keep to thresholds, odd rows do no harm."""

import warnings

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from mirante.errors import InputError
from mirante.performance.estimated import PerformanceEstimator
from mirante.performance.estimated.confidence import Confidence
from mirante.performance.estimated.encoding import Encoder
from mirante.performance.estimated.figures import HIGHER_IS_BETTER, Figure, Normal, judge
from mirante.performance.estimated.inputs import Form, class_codes, guess_task, names_of
from mirante.performance.estimated.losses import losses_of
from mirante.performance.estimated.saving import dump, load
from mirante.performance.realised import classification, regression
from mirante.stats.expected import measure_binary
from mirante.stats.spread import Spread


def rows_of(rng, rows, hard=0.0, day=0.0):
    """Scores whose logits are told twice too large, and their labels; `hard` draws them to the middle."""
    truth = rng.normal(0.0 + day, 2.0 * (1.0 - hard), rows)
    score = 1 / (1 + np.exp(-2 * truth))
    return (rng.random(rows) < 1 / (1 + np.exp(-truth))).astype(float), score


def prices(rng, rows, far=0.0):
    """A regression whose error grows with one column and depends on a level of another."""
    age = rng.uniform(0.0 + far, 1.0 + far, rows)
    kind = rng.choice(["a", "b", "c"], rows)
    said = 10.0 + 5.0 * age
    label = said + rng.normal(0, 0.5 + age + np.where(kind == "b", 2.0, 0.0), rows)
    return label, said, pd.DataFrame({"age": age, "kind": kind, "noise": rng.normal(size=rows)})


def windows_of(rows, size):
    return [np.arange(begin, begin + size) for begin in range(0, rows, size)]


@pytest.fixture(scope="module")
def binary():
    rng = np.random.default_rng(5)
    labels, scores = rows_of(rng, 20_000)
    return PerformanceEstimator.fit(labels, scores, windows=windows_of(20_000, 1_000))


@pytest.fixture(scope="module")
def numbers():
    labels, said, table = prices(np.random.default_rng(6), 12_000)
    return PerformanceEstimator.fit(labels, said, table, windows=windows_of(12_000, 600))


def truth_of(labels, scores):
    said = (scores >= 0.5).astype(float)
    return {name: one.value for name, one in measure_binary(labels, scores, said).items()}


def test_estimates_follow_harder_rows_and_bands_hold_the_truth(binary):
    rng = np.random.default_rng(7)
    inside = dict.fromkeys(binary.measures, 0)
    for turn in range(200):
        labels, scores = rows_of(rng, 500, hard=0.4 * (turn % 2))
        found, truth = binary.estimate(scores), truth_of(labels, scores)
        for name, one in found.items():
            inside[name] += one.lower <= truth[name] <= one.upper
    # 95 % of 200 is 190 ± 3; the curves are off by a little for all of them
    assert all(178 <= count <= 200 for count in inside.values()), inside
    easy, hard = (binary.estimate(rows_of(rng, 50_000, hard=far)[1]) for far in (0.0, 0.4))
    assert hard["accuracy"].value < easy["accuracy"].value - 0.05
    assert hard["accuracy"].beyond
    assert hard["log_loss"].beyond


def perfect(rng, rows):
    labels = rng.random(rows) < 0.4
    scores = np.where(labels, 0.6 + 0.4 * rng.beta(8, 2, rows), 0.4 * rng.beta(2, 8, rows))
    return labels, scores, None


def nearly_perfect(rng, rows):
    labels = rng.random(rows) < 0.4
    return labels, np.where(labels, rng.beta(20, 2, rows), rng.beta(2, 20, rows)), None


def rare(rng, rows):
    """About one row of 400 is called 1."""
    scores = rng.beta(0.15, 6, rows)
    return rng.random(rows) < scores, scores, None


def one_rare_class(rng, rows):
    """Three classes; the third is hardly ever the likeliest."""
    third = rng.beta(0.15, 6, rows)
    first = rng.random(rows) * (1 - third)
    scores = np.stack([first, 1 - third - first, third], axis=1)
    return (scores.cumsum(axis=1) > rng.random((rows, 1))).argmax(axis=1), scores, None


def near_zero(rng, rows):
    """Labels so near 0 that a few of them make the mean percentage error."""
    size = rng.normal(3, 1, rows)
    return size + rng.normal(size=rows) * np.exp(0.3 * (size - 3)), size, {"size": size}


def usual(rng, rows):
    return *rows_of(rng, rows), None


@pytest.mark.parametrize("draw", [usual, perfect, nearly_perfect, rare, one_rare_class, near_zero])
def test_normal_windows_keep_to_the_thresholds(draw):
    alarms = truths = 0
    for base in range(4):
        rng = np.random.default_rng(50 + base)
        estimator = PerformanceEstimator.fit(*draw(rng, 5_000), windows=windows_of(5_000, 500))
        for _ in range(75):
            labels, said, table = draw(rng, 500)
            found = estimator.estimate(said, table, level=0.05)
            alarms += any(one.beyond for one in found.values())
            if draw in (usual, rare):
                truth = truth_of(labels, said)
                truths += any(
                    truth[name] < one.threshold if name in HIGHER_IS_BETTER else truth[name] > one.threshold
                    for name, one in found.items()
                )
    assert alarms <= 26  # 5 % of 300 is 15 ± 3.8
    assert truths <= 26


def test_measures_of_few_rows_are_left_out():
    rng = np.random.default_rng(60)
    labels, scores, _ = rare(rng, 5_000)
    assert 0 < np.count_nonzero(scores >= 0.5) < 20
    assert set(PerformanceEstimator.fit(labels, scores).measures) == {
        *("accuracy", "roc_auc", "f1", "recall", "brier", "log_loss")
    }
    few = np.concatenate([np.zeros(185), np.ones(15)])
    scores = np.where(rng.random(200) < 0.3, 0.9, 0.1)
    assert set(PerformanceEstimator.fit(few, scores).measures) == {
        *("accuracy", "f1", "precision", "brier", "log_loss")
    }


def test_hard_rows_are_found_as_before():
    hits = 0
    for base in range(4):
        rng = np.random.default_rng(50 + base)
        scores = rng.beta(2, 2, 5_000)
        estimator = PerformanceEstimator.fit(rng.random(5_000) < scores, scores)
        hard = (rng.beta(2, 2, 200) * 0.5 + 0.25 for _ in range(25))
        hits += sum(any(one.beyond for one in estimator.estimate(scores).values()) for scores in hard)
    assert hits >= 98


def test_days_that_differ_widen_bands_and_thresholds():
    rng = np.random.default_rng(9)

    def days(spread):
        parts = [rows_of(rng, 400, hard=float(rng.uniform(0, spread))) for _ in range(30)]
        labels, scores = (np.concatenate(side) for side in zip(*parts, strict=True))
        return PerformanceEstimator.fit(labels, scores, windows=windows_of(12_000, 400))

    scores = rows_of(rng, 400)[1]
    same, other = days(0.0).estimate(scores)["accuracy"], days(0.8).estimate(scores)["accuracy"]
    assert other.threshold < same.threshold - 0.02


def test_scores_that_are_calibrated_stay_as_they_are_where_curves_do_harm():
    rng = np.random.default_rng(10)
    scores = rng.choice([0.1, 0.9], 5_000) + rng.uniform(-0.09, 0.09, 5_000)
    labels = (rng.random(5_000) < scores).astype(int)
    form = Form("probability", ("0", "1"))
    read, said, _ = form.read(scores, None)
    from mirante.performance.estimated.inputs import Inputs

    rows = Inputs(read, said, np.empty((5_000, 0)))
    model, unseen = Confidence.fit(labels, rows, np.arange(5_000) % 5)
    assert np.abs(unseen[:, 1] - scores).mean() < 0.05
    # labels that no curve helps to tell: the worse of the two is not used
    sure = Inputs(np.eye(2)[labels], labels, np.empty((5_000, 0)))
    assert (
        Confidence.fit(labels, sure, np.arange(5_000) % 5)[0].believe(sure).tolist()
        == np.eye(2)[labels].tolist()
    )
    assert model.classes == 2


def test_several_classes_by_any_name():
    rng = np.random.default_rng(11)
    chances = rng.dirichlet([0.4] * 3, 9_000)
    labels = np.array(["x", "y", "z"])[(chances.cumsum(axis=1) > rng.random((9_000, 1))).argmax(axis=1)]
    scores = chances**1.5 / np.sum(chances**1.5, axis=1, keepdims=True)
    half = PerformanceEstimator.fit(labels[:6_000], scores[:6_000])
    assert half.classes == ("x", "y", "z")
    found = half.estimate(scores[6_000:])
    truth = np.mean(labels[6_000:] == np.array(["x", "y", "z"])[scores[6_000:].argmax(axis=1)])
    assert found["accuracy"].lower < truth < found["accuracy"].upper
    assert set(found) == {"accuracy", "f1", "precision", "recall", "roc_auc", "log_loss"}
    turned = PerformanceEstimator.fit(labels[:6_000], scores[:6_000, ::-1], classes=["z", "y", "x"])
    assert turned.estimate(scores[6_000:, ::-1])["accuracy"].value == pytest.approx(found["accuracy"].value)
    with pytest.raises(InputError, match="add up to 1"):
        half.estimate(scores * 2)
    with pytest.raises(InputError, match="2 classes of 3"):
        half.estimate(scores[:, :2])


def test_the_class_that_was_said_may_be_given(binary):
    scores = np.array([0.2, 0.4, 0.9, 0.6])
    plain, turned = binary.estimate(scores), binary.estimate(scores, predicted=[1, 1, 0, 0])
    assert plain["accuracy"].value == pytest.approx(1 - turned["accuracy"].value)
    assert binary.estimate(scores, predicted=[1, None, 0, 0])["brier"].value != plain["brier"].value
    with pytest.raises(InputError, match="predicted class 7 is none of 0, 1"):
        binary.estimate(scores, predicted=[1, 7, 0, 0])


def test_losses_are_told_from_features_and_bands_hold_the_truth(numbers):
    rng = np.random.default_rng(12)
    inside = dict.fromkeys(numbers.measures, 0)
    for turn in range(100):
        labels, said, table = prices(rng, 400)
        if turn % 2:  # only rows of the level with the larger errors
            keep = (table["kind"] == "b").to_numpy()
            labels, said, table = labels[keep], said[keep], table[keep]
        found = numbers.estimate(said, table)
        truth = {**regression(labels, said), "mape": float(np.mean(np.abs((labels - said) / labels)))}
        for name, one in found.items():
            inside[name] += one.lower <= truth[name] <= one.upper
    assert inside.keys() == {"mae", "rmse", "mape"}
    assert all(85 <= count <= 100 for count in inside.values()), inside
    easy, hard = prices(rng, 3_000), prices(rng, 9_000)
    worse = (hard[2]["kind"] == "b").to_numpy()
    found = numbers.estimate(hard[1][worse], hard[2][worse])["mae"]
    assert found.beyond
    assert found.value > 1.4 * numbers.estimate(easy[1], easy[2])["mae"].value


def test_odd_features_crash_nothing(numbers):
    said = np.array([12.0, np.inf, np.nan, 13.0])
    table = pa.table(
        {"age": ["old", None, "0.5", "inf"], "kind": ["new", None, "b", ""], "more": [1, 2, 3, 4]}
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = numbers.estimate(said, table)
        assert np.isfinite(found["mae"].value)
        one = numbers.estimate([12.0], {"age": [0.5]})["mae"]
        assert one.lower < one.value < one.upper
        none = numbers.estimate([], {"age": []})["mae"]
        assert np.isnan([none.value, none.lower, none.threshold]).all()
        assert not none.beyond
    with pytest.raises(InputError, match="has 1 values and the table has 2 rows"):
        numbers.estimate([1.0, 2.0], {"age": [0.5]})
    with pytest.raises(InputError, match="made from features"):
        numbers.estimate([1.0])


@pytest.mark.parametrize("rows", [1, 2, 30])
def test_small_windows_have_bands_as_wide_as_they_are(binary, rows):
    found = binary.estimate(np.linspace(0.3, 0.7, rows))
    wide = found["accuracy"].upper - found["accuracy"].lower
    assert wide > (0.9 if rows == 1 else 0.3)
    assert 0.0 <= found["accuracy"].threshold < binary.normal["accuracy"].value
    assert np.isnan(found["roc_auc"].value) == (rows == 1)
    nothing = binary.estimate([np.nan] * rows)
    assert all(np.isnan(one.value) and not one.beyond for one in nothing.values())


def test_classes_without_probabilities_are_told_by_their_errors():
    rng = np.random.default_rng(13)
    table = pd.DataFrame({"x": rng.random(8_000), "inf": np.where(rng.random(8_000) < 0.1, np.inf, 1.0)})
    labels = rng.choice(["a", "b"], 8_000)
    wrong = rng.random(8_000) < table["x"] / 2
    said = np.where(wrong, np.where(labels == "a", "b", "a"), labels)
    estimator = PerformanceEstimator.fit(labels, said, table, task="class")
    bad = table["x"] > 0.8
    found = estimator.estimate(said[bad], table[bad])["accuracy"]
    assert found.value == pytest.approx(np.mean(labels[bad] == said[bad]), abs=0.04)
    assert found.beyond
    assert not estimator.estimate(said, table)["accuracy"].beyond


def test_a_model_that_never_errs_has_no_error():
    said = np.arange(200.0) + 1
    estimator = PerformanceEstimator.fit(said, said, {"x": said}, task="regression")
    found = estimator.estimate(said, {"x": said})
    assert {name: one.value for name, one in found.items()} == {"mae": 0.0, "rmse": 0.0, "mape": 0.0}
    assert (
        PerformanceEstimator.from_bytes(estimator.to_bytes()).estimate([5.0], {"x": [1]})["mae"].value == 0.0
    )


def test_no_share_of_a_label_of_zero():
    labels, said, table = prices(np.random.default_rng(14), 300)
    labels[7] = 0.0
    assert PerformanceEstimator.fit(labels, said, table).measures == ("mae", "rmse")
    assert "mape" not in losses_of(np.array([1e-320, 1.0]), np.array([1.0, 1.0]))[0]
    with pytest.raises(InputError, match="too large"):
        losses_of(np.array([1.7e308, 1.7e308]), np.array([-1.7e308, -1.7e308]))


@pytest.mark.parametrize("kind", ["binary", "numbers"])
def test_files_keep_all(kind, request):
    estimator = request.getfixturevalue(kind)
    again = PerformanceEstimator.from_bytes(estimator.to_bytes())
    _, said, table = prices(np.random.default_rng(15), 50)
    asked = (said / 20, None) if kind == "binary" else (said, table)
    assert again.estimate(*asked) == estimator.estimate(*asked)
    assert (again.task, again.classes, repr(again)) == (estimator.task, estimator.classes, repr(estimator))


def test_foreign_and_broken_files_are_refused(binary):
    from sklearn.linear_model import LinearRegression

    whole = binary.to_bytes()
    for content in (b"", b"no", whole[: len(whole) // 2]):
        with pytest.raises(InputError, match="no saved performance estimator"):
            PerformanceEstimator.from_bytes(content)
    for state in ({"task": "probability"}, {"learnt": True, "model": {"parts": 1}}, {"format": "one"}):
        with pytest.raises(InputError, match="damaged"):
            PerformanceEstimator.from_bytes(dump(state))
    with pytest.raises(InputError, match="upgrade"):
        load(dump({"format": 9}))
    assert load(dump({"model": LinearRegression()}))["model"] is not None


@pytest.mark.parametrize("fault", ["content", "compression", "encrypted"])
def test_bits_that_fell_are_a_damaged_file(binary, fault):
    damaged = bytearray(binary.to_bytes())
    if fault == "content":  # zlib.error
        name, extra = (int.from_bytes(damaged[at : at + 2], "little") for at in (26, 28))
        damaged[30 + name + extra] = 0xFF
    else:  # NotImplementedError, RuntimeError
        at = damaged.index(b"PK\x01\x02") + (10 if fault == "compression" else 8)
        while at >= 10:  # each entry of the directory
            damaged[at] = 99 if fault == "compression" else 1
            at = damaged.find(b"PK\x01\x02", at) + (10 if fault == "compression" else 8)
    with pytest.raises(InputError, match="no saved performance estimator"):
        PerformanceEstimator.from_bytes(bytes(damaged))


def test_what_cannot_be_learnt_is_said():
    good = np.arange(200) % 2
    fit = PerformanceEstimator.fit
    for labels, scores, said in (
        (good[:50], np.full(50, 0.5), "got 50 rows with a label and a prediction"),
        (np.zeros(200), np.full(200, 0.5), "got 0 rows with the label 1"),
        (good, np.full(200, 1.5), "numbers|features"),
        (good + 1, np.full(200, 0.5), "label 2 is none of 0, 1"),
        (good, np.full(199, 0.5), "label for 200 rows and 199"),
        (good, np.full((200, 2, 2), 0.5), "give"),
    ):
        with pytest.raises(InputError, match=said):
            fit(labels, scores)
    with pytest.raises(InputError, match="task='class'"):
        guess_task(["a"])
    with pytest.raises(InputError, match="level"):
        fit(good, np.linspace(0, 1, 200)).estimate([0.5], level=0.0)
    with pytest.raises(InputError, match="not in"):
        fit(good, np.linspace(0, 1, 200)).estimate([1.5])
    with pytest.raises(InputError, match="no numbers"):
        fit(good, ["x"] * 200, task="probability")


def test_labels_in_any_dress():
    scores = np.linspace(0, 1, 400)
    labels = np.arange(400) % 3 == 0
    plain = PerformanceEstimator.fit(labels, scores).estimate(scores)
    for dress in (
        labels.astype(int),
        labels.astype(float),
        labels.astype(int).astype(str),
        pd.Series(labels.astype(int), dtype="Int64"),
        pd.Series(labels, dtype="boolean"),
        labels.astype(object),
    ):
        assert PerformanceEstimator.fit(dress, scores).estimate(scores) == plain
    some = pd.Series(labels, dtype="boolean").where(np.arange(400) > 50)
    assert PerformanceEstimator.fit(some, scores).normal["accuracy"].rows == 349


def test_names_and_codes():
    assert names_of(np.array([], float)).tolist() == []
    assert names_of([pd.NaT, np.datetime64("NaT"), "nan"]).tolist() == [None, None, "nan"]
    assert class_codes([True, 0, "0", 2.0, None], ["0", "1"]).tolist() == [1, 0, 0, -2, -1]
    with pytest.raises(InputError, match="shape"):
        names_of([[1, 2]])


def test_levels_are_ranked_by_their_loss_and_rare_ones_are_missing():
    kinds = ["bad"] * 30 + ["good"] * 30 + ["rare"] * 5
    loss = np.array([5.0] * 30 + [1.0] * 30 + [9.0] * 5)
    encoder = Encoder.of({"kind": kinds}, np.arange(65), loss)
    assert encoder.levels["kind"] == ("good", "bad")
    assert encoder.encode({"other": [1, 2]}).shape[1] == 1


def test_a_few_own_windows_are_no_spread():
    whole = Figure(0.9, 0.0, 0.09)
    few = Normal.of(whole, 600, [100] * 6, [Figure(0.5, 0, 0)] * 6, [Figure(0.9, 1e-4, 0)] * 6)
    assert few.windows.between == 0.0
    many = Normal.of(whole, 800, [100] * 8, [Figure(0.5, 0, 0)] * 8, [Figure(0.9, 1e-4, 0)] * 8)
    assert many.windows.between > 0.1
    assert Normal.from_state(many.state()) == many


def test_limits_stay_in_the_range_of_the_measure():
    normal = Normal(0.99, 0.5, 1_000, Spread.none(), Spread.none())
    found = judge("accuracy", Figure(0.99, 0.5, 0.0), 1, normal, 0.01)
    assert (found.lower, found.upper, found.threshold) == (0.0, 1.0, 0.0)
    worse = judge("mae", Figure(3.0, 0.5, 0.0), 1_000, normal, 0.01)
    assert worse.beyond
    assert worse.upper > 3.0


def test_realised_and_expected_agree_where_both_measure():
    labels, scores = rows_of(np.random.default_rng(16), 500)
    mine, theirs = truth_of(labels, scores), classification(labels, scores)
    for name in ("accuracy", "roc_auc", "brier", "log_loss"):
        assert mine[name] == pytest.approx(theirs[name], abs=1e-12)
