from datetime import timedelta

import pytest

from mirante.capture.recorder import Recorder
from mirante.errors import InputError
from mirante.monitors.logged import logged_rows
from mirante.monitors.predictions import Predictions
from mirante.profiles import TableProfile

from .conftest import START, make_rows

DAY = timedelta(days=1)
NUMBERS = Predictions("probability")


@pytest.fixture
def recorded(config):
    for version, day in (("1", 0), ("1", 1), ("2", 0)):
        features, predictions, times = make_rows(day, 80, shift=100.0 * (version == "2"))
        with Recorder(config.model, config.log, version=version) as recorder:
            recorder.log(features.assign(extra=1.0), predictions, 0.002, time=times)


def profile_of_day(day):
    features, predictions, _ = make_rows(day, 80)
    return TableProfile.of(features.assign(gone=1.0, prediction=predictions))


@pytest.mark.usefixtures("recorded")
def test_all_rows_of_a_time_and_a_version_under_the_names_of_the_baseline(log):
    found = logged_rows(log, "churn", "1", START, START + DAY, profile_of_day(0), NUMBERS, 500)
    features, predictions, _ = make_rows(0, 80)
    assert found.column_names == ["age", "plan", "prediction"]
    assert found["prediction"].to_pylist() == predictions.tolist()
    assert found["plan"].to_pylist() == features["plan"].tolist()


@pytest.mark.usefixtures("recorded")
def test_fewer_rows_than_there_are_is_a_lot(log):
    one, again = (
        logged_rows(log, "churn", "1", START, START + DAY, profile_of_day(0), NUMBERS, 30) for _ in range(2)
    )
    assert one.num_rows == 30
    assert one == again


@pytest.mark.usefixtures("recorded")
def test_a_log_that_lost_rows_is_no_picture(log):
    whole = profile_of_day(0) + TableProfile.of({}, like=profile_of_day(0))
    with pytest.raises(InputError, match=r"has 0 of the 80 rows from 2026-01-01T00.*keep its files"):
        logged_rows(log, "nobody", "1", START, START + DAY, whole, NUMBERS, 30)
    with pytest.raises(InputError, match="has 80 of the 160 rows"):
        logged_rows(log, "churn", "1", START, START + DAY, whole + whole, NUMBERS, 100)
