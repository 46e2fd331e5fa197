import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirante.capture.recorder import Recorder
from mirante.capture.sampling import Sampler, chosen
from mirante.errors import InputError
from mirante.inference_log.reader import InferenceLog


def test_the_share_is_right_and_a_smaller_one_is_part_of_a_larger():
    ids = [f"row-{number}" for number in range(40_000)]
    small, large = ({name for name in ids if chosen(name, share)} for share in (0.05, 0.2))
    assert small < large
    assert abs(len(small) - 2_000) < 5 * np.sqrt(2_000)
    assert abs(len(large) - 8_000) < 5 * np.sqrt(8_000)
    assert all(chosen(name, 1.0) for name in ids)
    assert not any(chosen(name, 0.0) for name in ids)


@given(st.lists(st.integers(0, 30), max_size=12), st.floats(0.01, 0.99))
def test_rows_stand_for_all_up_to_the_last_that_was_taken(sizes, share):
    sampler, number, taken, stood = Sampler(share), 0, [], 0
    for size in sizes:
        ids = [f"id{number + place}" for place in range(size)]
        number += size
        table = sampler.take("1", pa.table({"__id": pa.array(ids, pa.string())}))
        taken += table["__id"].to_pylist()
        stood += sum(table["__rows"].to_pylist())
    every = [f"id{place}" for place in range(number)]
    assert taken == [name for name in every if chosen(name, share)]
    assert stood == (every.index(taken[-1]) + 1 if taken else 0)
    assert sampler.passed == number - len(taken)


def test_versions_do_not_stand_for_each_other():
    sampler = Sampler(1e-9)
    assert sampler.take("1", pa.table({"__id": ["a", "b"]})).num_rows == 0
    sampler.share = 0.999999999
    assert sampler.take("2", pa.table({"__id": ["c"]}))["__rows"].to_pylist() == [1]
    assert sampler.take("1", pa.table({"__id": ["d"]}))["__rows"].to_pylist() == [3]


def test_a_recorder_takes_the_same_rows_one_by_one_and_in_batches(tmp_path):
    ids = [f"id{number}" for number in range(3_000)]
    wanted = [name for name in ids if chosen(name, 0.1)]
    with Recorder("one", tmp_path, sample=0.1) as recorder:
        for name in ids:
            recorder.log({"x": 1.0}, 0, id=name)
        recorder.log({"y": 1.0}, 0, id=wanted[0])  # a row with other columns
        assert recorder.flush(10)
    assert (recorder.recorded, recorder.passed, recorder.dropped) == (len(wanted) + 1, 3_000 - len(wanted), 0)
    with Recorder("many", tmp_path, sample=0.1) as recorder:
        recorder.log(pd.DataFrame({"x": [1.0] * 3_000}), [0] * 3_000, id=ids)
        assert recorder.flush(10)
    log = InferenceLog(tmp_path)
    assert log.scan("one", columns=["__id"])["__id"].to_pylist()[:-1] == wanted
    table = log.scan("many", columns=["__id", "__rows"])
    assert table["__id"].to_pylist() == wanted
    assert 3_000 - 100 < sum(table["__rows"].to_pylist()) <= 3_000


def test_a_share_that_is_none_is_refused_and_all_rows_need_no_column(tmp_path):
    with pytest.raises(InputError, match="over 0 and up to 1"):
        Recorder("m", tmp_path, sample=0.0)
    with Recorder("m", tmp_path) as recorder:
        recorder.log({"__rows": 5}, 0)
        assert recorder.flush(10)
    assert InferenceLog(tmp_path).scan("m").column_names[0] == "__rows_"
