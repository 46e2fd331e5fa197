from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pandas as pd

from mirante.client.frames import alerts_frame, readings_frame, subjects_frame, windows_frame
from mirante.store import Series, WindowRow


def _series(name: str, hours: list[int], **labels: str) -> Series:
    times = np.array([f"2013-02-08T{hour:02}" for hour in hours], dtype="datetime64[us]")
    return Series(name, labels, "s", times, np.array(hours, float), tuple("" for _ in hours))


def test_a_series_in_pieces_is_put_together():
    pieces = [
        _series("b", [0, 1], a="1"),
        _series("a", [5]),
        _series("b", [2], a="1"),
        _series("b", [0], a="0"),
    ]
    found = readings_frame(pieces)
    assert found["name"].tolist() == ["a", "b", "b", "b", "b"]
    assert found["value"].tolist() == [5, 0, 0, 1, 2]
    assert found["a"].isna().tolist() == [True, False, False, False, False]


def test_labels_that_are_called_as_a_column():
    found = readings_frame([_series("b", [0], time="x", value="y", note="z")])
    assert found.columns.tolist() == [
        "time",
        "name",
        "value",
        "label_note",
        "label_time",
        "label_value",
        "note",
    ]
    assert found["label_time"].tolist() == ["x"]


def test_nothing_gives_the_columns():
    assert readings_frame([]).columns.tolist() == ["time", "name", "value", "note"]
    assert str(readings_frame([])["time"].dtype) == "datetime64[us, UTC]"
    for frame in (subjects_frame([]), windows_frame([]), alerts_frame([])):
        assert len(frame) == 0
        assert {str(kind) for kind in frame.dtypes if "datetime" in str(kind)} == {"datetime64[us, UTC]"}


def test_many_readings_are_cheap():
    import time

    hours = np.arange(20_000).astype("datetime64[h]").astype("datetime64[us]")
    notes, values = tuple([""] * 20_000), np.zeros(20_000)
    many = [Series("drift_effect", {"feature": str(n)}, "s", hours, values, notes) for n in range(50)]
    began = time.process_time()
    found = readings_frame(many)
    assert time.process_time() - began < 5
    assert len(found) == 1_000_000
    assert isinstance(found["feature"].dtype, pd.CategoricalDtype)


def test_windows_have_the_intervals_of_their_measures_under_the_names_of_the_readings():
    day = datetime(2026, 1, 1, tzinfo=UTC)
    verdicts = {
        "performance": {"accuracy": 0.8, "labels": 100.0},
        "realised": {"intervals": {"accuracy": [0.71, 0.87]}, "final": True},
    }
    found = windows_frame([WindowRow("model/m@a", "1", day, day, verdicts=verdicts)])
    names = ["performance_accuracy", "performance_accuracy_lower", "performance_accuracy_upper"]
    assert found[names].to_numpy().tolist() == [[0.8, 0.71, 0.87]]
