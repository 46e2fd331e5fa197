"""Recorders of models that answer with the probability of each class, in whatever form."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from mirante.capture.recorder import Recorder
from mirante.errors import MiranteWarning
from mirante.inference_log.probabilities import is_probability
from mirante.inference_log.reader import InferenceLog

ROW = {"age": 31.0, "plan": "basic"}
BATCH = {"age": [31.0, 32.0], "plan": ["basic", "pro"]}
SAID = [[0.25, 0.5, 0.25], [0.125, 0.125, 0.75]]
NAMES = ["low", "mid", "high"]


def recorded(root, *calls):
    with Recorder("churn", root) as recorder:
        ids = [recorder.log(*call) for call in calls]
    assert recorder.dropped == 0, recorder.reason
    rows = InferenceLog(root).scan("churn")
    return ids, rows


def probabilities(rows):
    names = [name for name in rows.column_names if is_probability(name)]
    return {name.rpartition("_")[2]: rows[name].to_pylist() for name in names}


@pytest.mark.parametrize(
    ("said", "named"),
    [
        (SAID[0], False),
        (tuple(SAID[0]), False),
        (np.array(SAID[0]), False),
        (np.array(SAID[0], dtype=np.float32), False),
        (np.array(SAID[:1]), False),
        ([SAID[0]], False),
        (pd.DataFrame(SAID[:1]), False),
        (dict(zip(NAMES, SAID[0], strict=True)), True),
        (pd.DataFrame(SAID[:1], columns=NAMES), True),
        (pl.DataFrame(SAID[:1], schema=NAMES, orient="row"), True),
        (pa.table([[one] for one in SAID[0]], names=NAMES), True),
    ],
)
def test_of_one_row(tmp_path, said, named):
    (ids,), rows = recorded(tmp_path, (ROW, said))
    assert rows["__prediction"].to_pylist() == ["mid" if named else "1"]
    assert probabilities(rows) == {
        name: [value] for name, value in zip(NAMES if named else "012", SAID[0], strict=True)
    }
    assert rows["age"].to_pylist() == [31.0]
    assert rows["__id"].to_pylist() == ([ids] if isinstance(ids, str) else ids)


@pytest.mark.parametrize(
    ("said", "named"),
    [
        (np.array(SAID), False),
        (np.array(SAID, dtype=np.float32), False),
        (SAID, False),
        (pd.Series(SAID), False),
        (pa.array(SAID), False),
        (pa.FixedSizeListArray.from_arrays(pa.array(np.ravel(SAID)), 3), False),
        (pd.DataFrame(SAID), False),
        (pd.DataFrame(SAID, columns=NAMES), True),
        (pl.DataFrame(SAID, schema=NAMES, orient="row"), True),
        (pa.table(list(map(list, zip(*SAID, strict=True))), names=NAMES), True),
        (pa.record_batch(list(map(pa.array, zip(*SAID, strict=True))), names=NAMES), True),
        ([dict(zip(NAMES, row, strict=True)) for row in SAID], True),
        (dict(zip(NAMES, map(list, zip(*SAID, strict=True)), strict=True)), True),
    ],
)
def test_of_a_batch(tmp_path, said, named):
    (ids,), rows = recorded(tmp_path, (BATCH, said))
    assert rows["__prediction"].to_pylist() == (["mid", "high"] if named else ["1", "2"])
    names = NAMES if named else ["0", "1", "2"]
    assert probabilities(rows) == dict(zip(names, map(list, zip(*SAID, strict=True)), strict=True))
    assert len(ids) == 2


def test_the_callers_array_may_change_afterwards(tmp_path):
    said, list_ = np.array(SAID), list(SAID[0])
    with Recorder("churn", tmp_path) as recorder:
        recorder.log(BATCH, said)
        recorder.log(ROW, list_)
        said[:] = 0.0
        list_[:] = [0.0, 0.0, 0.0]
    rows = InferenceLog(tmp_path).scan("churn")
    assert sorted(rows["__prediction"].to_pylist()) == ["1", "1", "2"]


def test_what_is_no_set_of_probabilities_is_text_beside_those_that_are(tmp_path):
    odd = np.array([[0.9, 0.9, 0.9], SAID[1]])
    _, rows = recorded(tmp_path, (BATCH, odd), (ROW, [float("nan"), 0.5, 0.5]), (ROW, 0.5), (ROW, [3.5, 2.0]))
    said = rows["__prediction"].to_pylist()
    assert set(said) == {"[0.9, 0.9, 0.9]", "2", "[NaN, 0.5, 0.5]", "0.5", "[3.5, 2.0]"}
    assert sorted(probabilities(rows)["2"], key=lambda one: one is None)[:2] == [0.75, None]


def test_several_values_that_are_no_numbers_are_text_as_before(tmp_path):
    frame = pd.DataFrame({"class": ["a", "b"], "score": [0.4, 0.6]})
    _, rows = recorded(tmp_path, (BATCH, frame), (ROW, {"class": "a", "score": 0.5}))
    assert not probabilities(rows)
    texts = {'["a", 0.4]', '["b", 0.6]', '{"class": "a", "score": 0.5}'}
    assert set(rows["__prediction"].to_pylist()) == texts


def test_a_feature_cannot_pass_for_a_probability(tmp_path):
    _, rows = recorded(tmp_path, ({"__probability_of_low": 1.0, "age": 2.0}, SAID[0]))
    assert rows["___probability_of_low"].to_pylist() == [1.0]
    assert probabilities(rows) == {"0": [0.25], "1": [0.5], "2": [0.25]}


def test_lists_among_the_features_are_one_row_still(tmp_path):
    _, rows = recorded(tmp_path, ({"tags": ["x", "y"], "age": 1.0}, SAID[0]))
    assert rows.num_rows == 1
    assert rows["__prediction"].to_pylist() == ["1"]


@pytest.mark.parametrize("said", [np.array([[1, 0], [1, 1]]), pd.DataFrame({"a": [1, 1], "b": [0, 1]})])
def test_several_labels_of_a_row_are_no_probabilities(tmp_path, said):
    _, rows = recorded(tmp_path, (BATCH, said), (ROW, [1, 0]))
    assert sorted(rows["__prediction"].to_pylist()) == ["[1, 0]", "[1, 0]", "[1, 1]"]
    assert not probabilities(rows)


def record_many(root, said, batch):
    with Recorder("m", root) as recorder:
        if batch:
            recorder.log({"age": [1.0] * batch}, said[:batch])
            recorder.flush()
        for one in said[batch:]:
            recorder.log({"age": 1.0}, one)
            if one is said[130]:
                recorder.flush()
    return recorder


@pytest.mark.parametrize("batch", [0, 30, 120])
def test_the_columns_of_a_log_are_bounded(tmp_path, batch):
    said = [{f"a{place}": 0.75, f"b{place}": 0.25} for place in range(200)]
    with pytest.warns(MiranteWarning, match="more than 100 classes"):
        recorder = record_many(tmp_path, said, batch)
    rows = InferenceLog(tmp_path).scan("m")
    assert recorder.dropped == 0
    assert recorder.as_text == {"__prediction": 150}
    assert len(probabilities(rows)) == 100
    kept = rows["__prediction"].to_pylist()
    assert sum(one.startswith("{") for one in kept) == 150
    assert {"a0", "a49", '{"a50": 0.75, "b50": 0.25}', '{"a199": 0.75, "b199": 0.25}'} <= set(kept)
    assert len(list(tmp_path.rglob("*.parquet"))) <= 3
