"""Keys: any text in, what MLflow takes out, and back."""

from __future__ import annotations

import posixpath
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirante.readings import READINGS, Reading
from mirante.tracking.names import MAX_KEY, decode_key, encode_key, reading_key

AT = datetime(2013, 2, 8, tzinfo=UTC)
TAKEN = re.compile(r"[A-Za-z0-9_\-. /]{1,250}")


def _mlflow_takes(key: str) -> bool:
    return bool(TAKEN.fullmatch(key)) and posixpath.normpath(key) == key and not key.startswith(("/", ".."))


@given(st.text(max_size=60))
def test_any_text_becomes_a_key_that_mlflow_takes_and_comes_back(text: str) -> None:
    key = encode_key(text)
    assert _mlflow_takes(key) or len(key) == MAX_KEY
    if len(key) < MAX_KEY:
        assert decode_key(key) == text


@given(st.text(alphabet="_x0a2s5f./ ", max_size=40))
def test_text_that_looks_encoded_already_comes_back(text: str) -> None:
    key = encode_key(text)
    assert _mlflow_takes(key)
    assert decode_key(key) == text


@pytest.mark.parametrize(
    "text", ["drift.ks_statistic", "system/cpu_percent", "drift_ks/dep_delay", "a b-c.d/e", "max_x"]
)
def test_usual_names_stay_as_they_are(text: str) -> None:
    assert encode_key(text) == text


@pytest.mark.parametrize(
    "text", ["", ".", "..", "/", "//", "a//b", "/a", "a/", "a/./b", "../../etc", "a:b", "preço", "lat€\n\x00"]
)
def test_what_mlflow_refuses_is_encoded(text: str) -> None:
    assert _mlflow_takes(encode_key(text))
    assert decode_key(encode_key(text)) == text


def test_long_texts_stay_different() -> None:
    keys = {encode_key("f" * 1000 + end) for end in "abc"} | {encode_key("/" * 500), encode_key("é" * 100)}
    assert len(keys) == 5
    assert all(_mlflow_takes(key) and len(key) <= MAX_KEY for key in keys)


def test_mlflow_itself_takes_every_key() -> None:
    from mlflow.utils.validation import _validate_metric_name

    for text in [
        "price (R$)",
        "a//b",
        "..",
        "",
        "x" * 999,
        "Alerta Crítico",
        "'; drop table metrics --",
        "<script>",
    ]:
        _validate_metric_name(encode_key(text))


@pytest.mark.parametrize(
    ("reading", "key"),
    [
        (
            Reading("drift_ks", 1, AT, {"model": "m", "alias": "a", "version": "3", "feature": "age"}),
            "drift_ks/age",
        ),
        (Reading("drift_share", 1, AT, {"model": "m", "alias": "a", "version": "3"}), "drift_share"),
        (Reading("system_cpu_percent", 1, AT, {"host": "h"}), "system/cpu_percent"),
        (
            Reading("drift_ks", 1, AT, {"model": "m", "feature": "price (R$)"}),
            "drift_ks/price _x28_R_x24__x29_",
        ),
        (Reading("mine", 1, AT, {"model": "m", "feature": "x"}), "mine/x"),
        (Reading("mine", 1, AT, {"model": "m", "host": "h"}), "mine/host/h"),
        (Reading("monitor_task_seconds", 1, AT, {"task": "a/b"}), "monitor_task_seconds/a_x2f_b"),
    ],
)
def test_reading_key(reading: Reading, key: str) -> None:
    assert reading_key(reading) == key


_LABELS = st.dictionaries(
    st.sampled_from(["feature", "slice", "task"]), st.text(alphabet="ab/.=_x", max_size=4), max_size=3
)


@given(
    st.lists(st.tuples(st.sampled_from(["drift_ks", "drift_share", "mine"]), _LABELS), min_size=2, max_size=8)
)
def test_two_series_never_share_a_key(series: list[tuple[str, dict[str, str]]]) -> None:
    # an empty label is the same as none, in Prometheus and here
    readings = [
        Reading(name, 0, AT, {"model": "m"} | {k: v for k, v in labels.items() if v})
        for name, labels in series
    ]
    assert len({reading_key(r) for r in readings}) == len({r.key for r in readings})


def test_every_name_of_the_table_is_a_key() -> None:
    keys = {
        reading_key(Reading(name, 0, AT, {"host": "h"} | dict.fromkeys(kind.labels, "v")))
        for name, kind in READINGS.items()
    }
    assert len(keys) == len(READINGS)
    assert all(_mlflow_takes(key) for key in keys)
