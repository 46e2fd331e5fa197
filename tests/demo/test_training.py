import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from mirante.demo.flights import FEATURES, Flights, load_flights
from mirante.demo.training import SETTINGS, _fit_one, probabilities

LOGISTIC, BOOSTING = SETTINGS[1], SETTINGS[2]


@pytest.fixture(scope="module")
def parts():
    """A sixth of the flights of January: what is fitted on, and the last week."""
    flights = load_flights()
    days = (("2013-01-01", "2013-01-24"), ("2013-01-25", "2013-01-31"))
    return tuple(sample(flights.between(*span), slice(None, None, 6)) for span in days)


def sample(flights, places):
    columns = (flights.features, flights.times, flights.labels, flights.ids)
    return Flights(*(column.iloc[places].copy() for column in columns))


def joined(one, other):
    return Flights(
        pd.concat([one.features, other.features]),
        pd.concat([one.times, other.times]),
        pd.concat([one.labels, other.labels]),
        pd.concat([one.ids, other.ids]),
    )


@pytest.mark.parametrize("settings", [LOGISTIC, BOOSTING], ids=["logistic", "boosting"])
def test_it_learns_what_there_is_to_learn(parts, settings):
    pipeline, found = _fit_one(settings, *parts)
    held_out = parts[1]
    known = held_out.labels.notna().to_numpy()
    truth, said = held_out.labels[known], probabilities(pipeline, held_out.features)[known]
    assert found == pytest.approx(
        {
            "accuracy": metrics.accuracy_score(truth, said >= 0.5),
            "log_loss": metrics.log_loss(truth, said),
            "roc_auc": metrics.roc_auc_score(truth, said),
            "brier": metrics.brier_score_loss(truth, said),
        },
        abs=1e-12,
    )
    share = truth.mean()
    guess = -(share * np.log(share) + (1 - share) * np.log(1 - share))
    assert found["log_loss"] < 0.75 * guess
    assert found["roc_auc"] > 0.8


@pytest.mark.parametrize("settings", [LOGISTIC, BOOSTING], ids=["logistic", "boosting"])
def test_flights_without_a_label_are_not_fitted_on(parts, settings):
    fit, held_out = parts
    known = fit.labels.notna().to_numpy()
    assert 0 < (~known).sum() < 200
    unlabelled = sample(fit, np.flatnonzero(known)[:500])
    unlabelled.features["dep_delay"] = 5_000.0
    unlabelled.labels[:] = np.nan
    with_more, _ = _fit_one(settings, joined(fit, unlabelled), held_out)
    without, _ = _fit_one(settings, sample(fit, known), held_out)
    assert np.array_equal(
        probabilities(with_more, held_out.features), probabilities(without, held_out.features)
    )


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: "-".join(map(str, settings.values())))
def test_cancelled_flights_and_new_carriers_have_a_probability(parts, settings):
    fit, held_out = (sample(part, slice(None, None, 4)) for part in parts)
    pipeline, _ = _fit_one(settings, fit, held_out)
    odd = held_out.features.head(3).copy()
    odd["dep_delay"] = np.nan
    odd["carrier"] = "ZZ"
    odd["dest"] = ["ATL", "never seen", "LAX"]
    said = probabilities(pipeline, odd)
    assert said.shape == (3,)
    assert ((said > 0) & (said < 1)).all()
    assert list(pipeline.feature_names_in_) == list(FEATURES)


def test_departing_late_means_arriving_late(parts):
    pipeline, _ = _fit_one(BOOSTING, *parts)
    row = parts[1].features.head(1)
    early, late = (probabilities(pipeline, row.assign(dep_delay=minutes))[0] for minutes in (-5.0, 90.0))
    assert early < 0.3 < 0.9 < late


def test_there_is_something_to_compare():
    assert len({tuple(sorted(settings.items())) for settings in SETTINGS}) == len(SETTINGS) >= 3
    assert len({settings["estimator"] for settings in SETTINGS}) >= 2


def test_fitting_twice_gives_the_same_model(parts):
    one, other = (_fit_one(BOOSTING, *parts)[0] for _ in range(2))
    assert np.array_equal(probabilities(one, parts[1].features), probabilities(other, parts[1].features))
