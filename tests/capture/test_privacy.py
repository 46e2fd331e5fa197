import pickle
import warnings
from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from mirante.capture.privacy import Privacy
from mirante.capture.recorder import Recorder
from mirante.errors import ConfigError, MiranteWarning
from mirante.inference_log.canonical import canonical
from mirante.inference_log.reader import InferenceLog

KEY = "correct horse battery staple"
SECRETS = ["Ada Lovelace", "ada@example.org", "123456789"]
ROW = {"name": SECRETS[0], "mail": SECRETS[1], "customer": int(SECRETS[2]), "age": 36}


@pytest.fixture
def privacy():
    return Privacy(drop=["name", "mail"], hash=["customer"], key=KEY)


def scan(root):
    return InferenceLog(root).scan("m")


def contains(folder, needles):
    """Return which texts are in any file below a folder, also inside Parquet and Arrow."""
    found = set()
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            found |= {needle for needle in needles if needle.encode() in content}
    said = str([table.to_pylist() for table in [scan(folder)]])
    return found | {needle for needle in needles if needle in said}


@pytest.mark.parametrize(
    ("inputs", "prediction"),
    [
        (ROW, 0.5),
        (pd.DataFrame([ROW, ROW]), [0.5, 0.5]),
        (pl.DataFrame([ROW, ROW]), [0.5, 0.5]),
        (pa.Table.from_pylist([ROW]), [0.5]),
        ([ROW, ROW | {"more": 1}], [0.5, 0.5]),
        ({name: np.array([value, value], dtype=object) for name, value in ROW.items()}, [0.5, 0.5]),
        (list(ROW.values()), 0.5),
    ],
)
def test_plain_values_reach_no_file_in_whatever_form_they_come(tmp_path, privacy, inputs, prediction):
    with Recorder("m", tmp_path, columns=list(ROW), privacy=privacy) as recorder:
        recorder.log(inputs, prediction)
        assert recorder.flush(10)
        assert contains(tmp_path, SECRETS) == set()
    assert contains(tmp_path, SECRETS) == set()
    table = scan(tmp_path)
    assert {"name", "mail"}.isdisjoint(table.column_names)
    assert set(table["customer"].to_pylist()) == {privacy.digest(123456789)}
    assert set(table["age"].to_pylist()) == {36}
    assert recorder.dropped == 0


def test_without_privacy_the_search_of_this_test_finds_them(tmp_path):
    with Recorder("m", tmp_path) as recorder:
        recorder.log(ROW, 0.5)
        assert recorder.flush(10)
    assert {SECRETS[0], SECRETS[1]} <= contains(tmp_path, SECRETS)


def test_rows_with_other_columns_and_names_that_repeat_are_treated_too(tmp_path, privacy):
    frame = pd.DataFrame([[SECRETS[0], SECRETS[0], 7]], columns=["name", "name", "age"])
    with Recorder("m", tmp_path, privacy=privacy) as recorder:
        recorder.log({"age": 1}, 0)
        recorder.log(ROW, 0)
        recorder.log({"age": 2, "customer": SECRETS[2]}, 0)
        recorder.log(frame, [0])
        assert recorder.flush(10)
    assert contains(tmp_path, SECRETS) == set()
    table = scan(tmp_path)
    assert [name for name in table.column_names if not name.startswith("__")] == ["age", "customer"]
    assert sorted(table["customer"].to_pylist(), key=str) == [privacy.digest(SECRETS[2])] * 2 + [None, None]


def test_a_batch_of_which_nothing_is_left_still_counts(tmp_path):
    with Recorder("m", tmp_path, privacy=Privacy(drop=["name"])) as recorder:
        recorder.log(pd.DataFrame({"name": ["a", "b"]}), [1, 0])
        recorder.log({"name": "c"}, 1)
        assert recorder.flush(10)
    table = scan(tmp_path)
    assert table.num_rows == 3
    assert "name" not in table.column_names


def test_what_cannot_be_written_is_told_without_its_value(tmp_path, privacy, monkeypatch):
    def fail(*_):
        raise ValueError(f"cannot convert {SECRETS[0]}")

    monkeypatch.setattr("mirante.capture.writer.numbers_of", fail)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        with Recorder("m", tmp_path, privacy=privacy) as recorder:
            recorder.log(ROW, 0)
            assert not recorder.flush(10)
            recorder.log(ROW, [SECRETS[0], SECRETS[1], 3], latency=[1])
    assert recorder.dropped == 2
    assert any("ValueError" in str(each.message) for each in said)
    told = str([str(each.message) for each in said])
    assert [secret for secret in SECRETS if secret in told] == []
    assert contains(tmp_path, SECRETS) == set()


def test_a_column_that_never_comes_is_said_to_be_misspelt(tmp_path):
    privacy = Privacy(drop=["naem", "name"])
    with Recorder("m", tmp_path, privacy=privacy) as recorder:
        recorder.log({"name": "a"}, 0)
        with pytest.warns(MiranteWarning, match="has had the column 'naem' yet"):
            assert recorder.flush(10)
    assert privacy.unseen == {"naem"}


def test_one_value_has_one_hash_however_it_comes(privacy):
    at = datetime(2026, 1, 2, 3, tzinfo=UTC)
    groups = [
        [7, 7.0, "7", np.int32(7), np.float32(7), Decimal(7), np.array(7)],
        [at, pd.Timestamp(at), at.astimezone(), at.isoformat(timespec="microseconds")],
        [datetime(2026, 1, 2), np.datetime64("2026-01-02T00:00:00.000000000")],
        [date(2026, 1, 2), "2026-01-02"],
        [0.1, np.float64(0.1), "0.1"],
        [2**70, str(2**70)],
    ]
    for group in groups:
        assert len({privacy.digest(value) for value in group}) == 1, group
    assert privacy.digests([None, float("nan"), pd.NaT, [1, 2], [1, 2]])[:3] == [None, None, None]
    assert canonical([1, 2]) == "[1, 2]"
    assert len({privacy.digest(group[0]) for group in groups}) == len(groups)
    assert privacy.digest(7) != Privacy(hash=["a"], key=KEY[::-1]).digest(7)
    assert privacy.digests([1, True, 1.0]) == [privacy.digest(1)] * 3


def test_the_key_is_shown_nowhere(privacy, tmp_path):
    assert KEY not in repr(privacy) + str(privacy)
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n")
    assert Privacy(hash=["a"], key_file=file).digest(1) == privacy.digest(1)
    assert Privacy(hash=["a"], key="env:K", environ={"K": KEY}).digest(1) == privacy.digest(1)
    recorder = Recorder("m", tmp_path, privacy=privacy)
    assert KEY not in repr(recorder._settings)
    recorder.close()
    assert pickle.loads(pickle.dumps(privacy)).digest(1) == privacy.digest(1)


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"hash": ["a"]}, "there is no key"),
        ({"hash": ["a"], "key": "short"}, "shorter than 16"),
        ({"hash": ["a"], "key": "env:NOT_SET", "environ": {}}, "not set"),
        ({"hash": ["a"], "drop": ["a"], "key": KEY}, "in both"),
        ({"drop": ["__id"]}, "no columns of a model's input"),
        ({"drop": "name"}, "lists of column names"),
    ],
)
def test_what_is_wrong_is_said(given, match):
    with pytest.raises(ConfigError, match=match) as caught:
        Privacy(**given)
    assert KEY not in str(caught.value)
    with pytest.raises(ConfigError, match="there is no key"):
        Privacy().digest(1)
