"""Labels: found by id, in the order that was asked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mirante.errors import StoreError
from mirante.readings import Reading
from mirante.store import BaselineRow, Store

_NOW = datetime(2013, 2, 9, tzinfo=UTC)
_NUMBERS = count()


def test_labels_come_back_in_the_order_of_the_ids(store: Store) -> None:
    assert store.labels.write("m", ["a", "b", "c"], [0.0, 1.0, 2.5], _NOW) == 3
    found = store.labels.get("m", ["c", "absent", "a", "c"])
    np.testing.assert_array_equal(found.values, [2.5, np.nan, 0.0, 2.5])
    assert found.values.dtype == np.float64
    assert found.found.tolist() == [True, False, True, True]
    assert store.labels.count("m") == 3


def test_a_label_of_nan_is_there(store: Store) -> None:
    store.labels.write("m", ["a"], [float("nan")], _NOW)
    found = store.labels.get("m", ["a", "b"])
    assert np.isnan(found.values).all()
    assert found.found.tolist() == [True, False]


def test_text_labels(store: Store) -> None:
    store.labels.write("m", ["a", "b"], ["late", 1.0], _NOW)
    found = store.labels.get("m", ["b", "x", "a"])
    assert found.values.dtype == object
    assert found.values[0] == 1.0
    assert np.isnan(found.values[1])
    assert found.values[2] == "late"


def test_a_later_label_replaces_the_earlier(store: Store) -> None:
    store.labels.write("m", ["a", "a"], [1.0, 2.0], _NOW)
    assert store.labels.get("m", ["a"]).values[0] == 2.0
    store.labels.write("m", ["a"], ["text"], _NOW)
    assert store.labels.get("m", ["a"]).values[0] == "text"
    store.labels.write("m", ["a"], [3.0], _NOW)
    assert store.labels.get("m", ["a"]).values.tolist() == [3.0]
    assert store.labels.count("m") == 1


def test_models_do_not_share_ids(store: Store) -> None:
    store.labels.write("m", ["a"], [1.0], _NOW)
    store.labels.write("n", ["a"], [2.0], _NOW)
    assert (store.labels.get("m", ["a"]).values[0], store.labels.get("n", ["a"]).values[0]) == (1.0, 2.0)
    assert not store.labels.get("absent", ["a"]).found.any()
    assert store.labels.count("absent") == 0


def test_nothing_is_fine(store: Store) -> None:
    assert store.labels.write("m", [], [], _NOW) == 0
    assert store.labels.get("m", []).values.shape == (0,)


@pytest.mark.parametrize(
    "values", [np.array([1, 0, 1]), np.array([True, False, True]), np.array([1.0, 0.0, 1.0])]
)
def test_arrays_are_taken(store: Store, values: np.ndarray) -> None:
    store.labels.write("m", np.array(["a", "b", "c"]), values, _NOW)  # type: ignore[arg-type]  # beyond what is promised
    assert store.labels.get("m", ["a", "b", "c"]).values.tolist() == [1.0, 0.0, 1.0]


def test_a_label_for_each_id(store: Store) -> None:
    with pytest.raises(StoreError, match="got 2 ids and 1 labels; give one label for each id"):
        store.labels.write("m", ["a", "b"], [1.0], _NOW)


def test_labels_are_of_a_model(store: Store) -> None:
    for blank in ("", "  "):
        with pytest.raises(StoreError, match="for a model without a name; give the name"):
            store.labels.write(blank, ["a"], [1.0], _NOW)
        assert store.labels.count(blank) == 0


def test_more_ids_than_a_query_takes(store: Store) -> None:
    ids = [f"id-{number}" for number in range(12_000)]
    store.labels.write("m", ids, [float(number) for number in range(12_000)], _NOW)
    found = store.labels.get("m", ids[::-1])
    assert found.values.tolist() == list(range(12_000))[::-1]


def test_a_model_that_is_rolled_back_is_not_remembered(store: Store) -> None:
    def fail() -> None:
        with store.transaction() as connection:
            store.labels.write("m", ["a"], [1.0], _NOW, connection=connection)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert store.labels.write("m", ["a"], [2.0], _NOW) == 1
    assert store.labels.get("m", ["a"]).values.tolist() == [2.0]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    written=st.dictionaries(
        st.text(max_size=20), st.floats(allow_nan=False) | st.text(max_size=20), max_size=20
    )
)
def test_any_id_and_label_come_back(store: Store, written: dict[str, float | str]) -> None:
    model = f"m{next(_NUMBERS)}"  # one store for all examples
    store.labels.write(model, list(written), list(written.values()), _NOW)
    found = store.labels.get(model, list(written))
    assert found.values.tolist() == list(written.values())
    assert found.found.all()


def test_a_label_that_is_new_or_changed_comes_up_once(store: Store) -> None:
    assert (store.labels.last("m"), store.labels.after("m", 0)) == (None, ([], 0))
    store.labels.write("m", ["b", "a"], [1.0, "x"], _NOW)
    ids, last = store.labels.after("m", 0)
    assert (sorted(ids), last) == (["a", "b"], store.labels.last("m"))
    store.labels.write("m", ["a", "b", "c"], ["x", 2.0, 3.0], _NOW)
    store.labels.write("other", ["z"], [1.0], _NOW)
    ids, after = store.labels.after("m", last)
    assert sorted(ids) == ["b", "c"], "the one that says the same is no news"
    assert store.labels.after("m", after) == ([], after)
    first, middle = store.labels.after("m", 0, limit=1)
    assert len(first) == 1
    assert len(store.labels.after("m", middle)[0]) == 2


def test_labels_are_unmatched_until_a_window_has_their_predictions(store: Store) -> None:
    store.labels.write("m", ["a", "b", "c"], [1.0, 0.0, 1.0], _NOW)
    later = _NOW + timedelta(days=1)
    assert store.labels.unmatched("m", later) == 3
    assert store.labels.unmatched("m", _NOW) == 0
    assert store.labels.get("m", ["a", "x", "b"]).unmatched.tolist() == [True, False, True]
    store.labels.match("m", ["a", "b", "nobody"])
    store.labels.match("m", [])
    assert store.labels.unmatched("m", later) == 1
    store.labels.write("m", ["a"], [0.0], later)
    assert store.labels.get("m", ["a", "c"]).unmatched.tolist() == [False, True], "a change leaves it matched"


def test_each_label_has_its_time_or_all_have_one(store: Store) -> None:
    store.labels.write("m", ["a", "b"], [1.0, 0.0], [_NOW, _NOW + timedelta(days=2)])
    assert store.labels.unmatched("m", _NOW + timedelta(days=1)) == 1
    with pytest.raises(StoreError, match="2 ids and 1 times"):
        store.labels.write("m", ["a", "b"], [1.0, 0.0], [_NOW])


def test_a_model_is_known_by_its_readings_or_its_baseline(store: Store) -> None:
    found = store.labels.doubt("churn")
    assert found is not None
    assert (found.nearest, "no other yet" in found.sentence) == ((), True)
    store.baselines.put(BaselineRow("model/price@champion", "1", _NOW, 1, b"", "test"))
    store.readings.write([Reading("predictions", 1, _NOW, {"model": "churn", "alias": "champion"})])
    assert store.labels.doubt("churn") is store.labels.doubt("price") is None
    found = store.labels.doubt("<script>\n")
    assert found is not None
    assert set(found.nearest) == {"churn", "price"}
    assert "\n" not in found.sentence
