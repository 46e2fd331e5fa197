"""A file is read only if it holds what a detector needs."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn.ensemble import IsolationForest
from skops.io import dumps

from mirante.errors import InputError
from mirante.outliers.detector import OutlierDetector
from mirante.outliers.saving import FORMAT, dump, load


class Foreign:
    """A type that no detector needs."""


def test_a_state_comes_back() -> None:
    found = load(dump({"scores": np.arange(3.0), "text": "ção\x00", "none": None}))
    assert found["scores"].tolist() == [0.0, 1.0, 2.0]
    assert (found["text"], found["none"], found["format"]) == ("ção\x00", None, FORMAT)


@pytest.mark.parametrize(
    "data",
    [b"", b"not a file", pickle.dumps({"format": 2}), dump({"x": 1})[:-30]],
    ids=[
        "empty",
        "text",
        "pickle",
        "cut",
    ],  # the last has a time in it: two processes would name it differently
)
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(InputError, match=f"these {len(data)} bytes are no saved outlier detector"):
        load(data)


def test_foreign_types_are_not_read() -> None:
    with pytest.raises(InputError, match=r"Foreign'\], which no outlier detector needs; it was not read"):
        load(dumps({"format": FORMAT, "x": Foreign()}))


def test_other_content_is_refused() -> None:
    with pytest.raises(InputError, match="holds no outlier detector"):
        load(dumps([1, 2]))


def test_a_newer_format_is_refused() -> None:
    with pytest.raises(
        InputError, match=f"has format {FORMAT + 1}, this Mirante reads up to {FORMAT}; upgrade"
    ):
        load(dumps({"format": FORMAT + 1}))


def test_the_first_format_is_brought_to_the_newest() -> None:
    rows = np.random.default_rng(0).normal(size=(300, 1))
    forest = IsolationForest(contamination=0.05, random_state=3).fit(rows)
    first = {
        "format": 1,
        "forest": forest,
        "columns": ["x"],
        "levels": {},
        "named": True,
        "baseline_scores": np.sort(forest.score_samples(rows)),
        "threshold": None,
        "log": False,
        "subject": "model/m@champion",
    }
    detector = OutlierDetector.from_bytes(dumps(first))
    assert (detector.method, detector.contamination, detector.random_state) == ("isolation_forest", 0.05, 3)
    assert (detector.log, detector.subject, detector.offset) == (False, "model/m@champion", forest.offset_)
    assert np.array_equal(detector.score({"x": rows[:, 0]}), forest.score_samples(rows))
    assert detector.calibrate(0.1) == first["baseline_scores"][29]
