import math
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest

from mirante.monitors.openwindow import OpenWindow
from mirante.monitors.quality import window_readings
from mirante.monitors.windows import Window
from mirante.readings import READINGS, SLICE

from .conftest import START, make_rows

WINDOW = Window(START, START + timedelta(days=1))
LABELS = {"model": "churn", "alias": "champion", "version": "1"}
ROWS = 200


def judged(baseline, *, rows=ROWS, shift=0.0, latency=0.002, change=None):
    """A window, its verdict, and what it has to say."""
    window = OpenWindow.empty(WINDOW, baseline)
    if rows:
        features, predictions, times = make_rows(0, rows, shift=shift)
        if change is not None:
            change(features)
        table = pa.table({name: pa.array(features[name], from_pandas=True) for name in features})
        table = table.append_column("__id", pa.array([str(number) for number in range(rows)]))
        table = table.append_column("__time", pa.array(times.to_list(), pa.timestamp("us", tz="UTC")))
        table = table.append_column("__prediction", pa.array(predictions))
        table = table.append_column("__latency", pa.array([latency] * rows, pa.float64()))
        window.add(table, baseline)
    verdict = baseline.drift.update(window.profile)
    return window, verdict, window_readings(window, verdict, LABELS)


def by_name(readings):
    return {(reading.name, reading.labels.get("feature")): reading for reading in readings}


@pytest.mark.parametrize("options", [{}, {"shift": 15.0}, {"rows": 1}, {"rows": 0}, {"latency": None}])
def test_every_reading_is_in_the_table_with_its_labels_and_said_once(baseline, options):
    readings = judged(baseline, **options)[2]
    for reading in readings:
        more = set(reading.labels) - set(LABELS)
        assert more == set(READINGS[reading.name].labels) - {SLICE}, reading.name
        assert LABELS.items() <= reading.labels.items()
        assert reading.time == START
    assert len({reading.key for reading in readings}) == len(readings)


def test_a_window_without_rows_says_only_that(baseline):
    readings = judged(baseline, rows=0)[2]
    assert [(reading.name, reading.value, dict(reading.labels)) for reading in readings] == [
        ("predictions", 0.0, LABELS)
    ]


def test_volume_latency_and_outliers(baseline):
    def change(features):
        features.loc[:9, "age"] = 1e6

    window, _, readings = judged(baseline, change=change)
    assert 10 <= window.outliers < 20
    found = by_name(readings)
    assert found["predictions", None].value == ROWS
    assert found["prediction_latency_seconds_mean", None].value == pytest.approx(0.002)
    for name in ("p50", "p95", "p99"):
        assert found[f"prediction_latency_seconds_{name}", None].value == pytest.approx(0.002, rel=0.06)
    assert found["outlier_ratio", None].value == window.outliers / ROWS


def test_without_latencies_none_is_said(baseline):
    names = {reading.name for reading in judged(baseline, latency=None)[2]}
    assert not {name for name in names if "latency" in name}
    assert "drift_share" in names


def test_verdict_and_readings_agree_and_a_note_is_the_sentence(baseline):
    _, verdict, readings = judged(baseline, shift=15.0)
    found = by_name(readings)
    assert found["drift_share", None].value == verdict.drift_share == pytest.approx(1 / 3)
    assert set(verdict.columns) == {"age", "plan", "prediction"}
    for name, column in verdict.columns.items():
        assert found["drift_detected", name].value == float(column.drifted) == float(name == "age")
        assert found["drift_detected", name].note == column.sentence != ""
        assert found["missing_detected", name].value == float(column.missing_detected)
        assert found["missing_detected", name].note == column.missing_sentence != ""
        assert found["drift_p_value", name].value == column.p_value
        assert found["drift_effect", name].value == column.effect
        assert found["missing_ratio", name].value == column.missing_ratio
        for score, value in column.scores.items():
            if f"drift_{score}" in READINGS:
                assert found[f"drift_{score}", name].value == value
    assert found["drift_ks", "age"].value > 0.4
    assert {reading.name for reading in readings if reading.note} == {"drift_detected", "missing_detected"}


def test_numbers_and_categories_have_the_scores_of_their_kind(baseline):
    found = by_name(judged(baseline)[2])
    for numeric in ("age", "prediction"):
        assert ("drift_ks", numeric) in found
        assert ("new_category_ratio", numeric) not in found
    assert ("drift_chi2", "plan") in found
    assert ("drift_ks", "plan") not in found


def test_missing_values_and_new_categories_are_shares_of_the_rows(baseline):
    def change(features):
        features.loc[: ROWS // 2 - 1, "age"] = np.nan
        features.loc[: ROWS // 4 - 1, "plan"] = "never seen"

    _, _, readings = judged(baseline, change=change)
    found = by_name(readings)
    assert found["missing_ratio", "age"].value >= 0.5
    assert found["missing_detected", "age"].value == 1.0
    assert found["new_category_ratio", "plan"].value == pytest.approx(0.25)


def test_what_could_not_be_tested_is_unknown_and_no_alarm(baseline):
    def change(features):
        features["age"] = np.nan

    found = by_name(judged(baseline, change=change)[2])
    assert math.isnan(found["drift_p_value", "age"].value)
    assert found["drift_detected", "age"].value == 0.0
    assert found["missing_ratio", "age"].value == 1.0


def test_the_volume_counts_predictions_that_were_not_recorded(baseline):
    window, verdict, readings = judged(baseline)
    assert by_name(readings)["predictions", None].note == ""
    window.passed = 1_800
    found = by_name(window_readings(window, verdict, LABELS))["predictions", None]
    assert (found.value, found.note) == (2_000, "200 of them were recorded")
    [note] = {each.note for each in window_readings(window, verdict, LABELS, locale="pt_BR")[:1]}
    assert note == "200 delas foram registradas"
