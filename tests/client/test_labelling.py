import math
from datetime import UTC, datetime

import pytest

from mirante import InputError, Reading, Store, StoreError, label
from mirante.client.labelling import models_at
from mirante.errors import MiranteWarning
from mirante.web.asgi import create_app
from mirante.web.config import WebConfig
from tests.web.served import served

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def store(tmp_path):
    with Store(f"sqlite:///{tmp_path}/mirante.db") as opened:
        yield opened


@pytest.fixture(params=["store", "service"])
def place(request, tmp_path, store):
    if request.param == "store":
        yield f"sqlite:///{tmp_path}/mirante.db"
    else:
        with served(create_app(store, config=WebConfig())) as address:
            yield address


def test_one_label_and_many_arrive_and_the_last_one_counts(store, place):
    assert label("a", 1, model="churn", at=place) == 1
    assert label(["a", "b", "c"], [0.5, 0.0, 1.0], model="churn", at=place) == 3
    assert label("t", "yes", model="other", at=place, arrived=NOW) == 1
    assert store.labels.get("churn", ["a", "b", "c"]).values.tolist() == [0.5, 0.0, 1.0]
    assert store.labels.get("other", ["t"]).values.tolist() == ["yes"]


def test_arrays_and_columns_are_taken(store, place):
    import numpy as np
    import pandas as pd

    assert label(pd.Series(["a", "b"]), np.array([1, 0]), model="churn", at=place) == 2
    assert store.labels.get("churn", ["a", "b"]).values.tolist() == [1.0, 0.0]
    assert label([], [], model="churn", at=place) == 0


def test_the_only_model_need_not_be_named(store, place):
    with pytest.raises(InputError, match="has readings of: none yet"):
        label("a", 1, at=place)
    store.readings.write([Reading("predictions", 1, NOW, {"model": "churn", "alias": "champion"})])
    store.readings.write([Reading("system_cpu_percent", 1, NOW, {"host": "a"})])
    assert label("a", 1, at=place) == 1
    assert store.labels.count("churn") == 1
    store.readings.write([Reading("predictions", 1, NOW, {"model": "price", "alias": "champion"})])
    with pytest.raises(InputError, match="readings of: 'churn', 'price'"):
        label("a", 1, at=place)


def test_a_model_that_the_config_names_has_no_say_in_which_one_is_meant(store, tmp_path):
    config = tmp_path / "mirante.yaml"
    config.write_text("store: sqlite:///mirante.db\nmodels: [{model: churn}, {model: price}]\n")
    with pytest.raises(InputError, match="has readings of: none yet"):
        label("a", 1, at=config)
    store.readings.write([Reading("predictions", 1, NOW, {"model": "churn", "alias": "champion"})])
    assert label("a", 1, at=config) == 1
    assert store.labels.count("churn") == 1
    assert label("a", 1, model="price", at=config) == 1  # and warns of nothing
    assert models_at(config) == ["churn", "price"]


@pytest.mark.parametrize("name", ["", " ", 7])
def test_the_name_of_a_model_is_text(store, place, name):
    with pytest.raises(InputError, match="as the model; give the name that its predictions have"):
        label("a", 1, model=name, at=place)
    assert store.labels.count("") == 0


def test_many_labels_go_in_several_requests(store, place):
    ids = [f"order-{number}" for number in range(45_000)]
    assert label(ids, [1.0] * len(ids), model="churn", at=place) == len(ids)
    assert store.labels.count("churn") == len(ids)


def test_what_does_not_fit_is_refused(store, place):
    with pytest.raises(InputError, match="2 ids and 1 values"):
        label(["a", "b"], [1.0], model="churn", at=place)
    assert store.labels.count("churn") == 0


@pytest.mark.parametrize(
    ("ids", "values", "said"),
    [
        (["a", "b", "c"], "yes", r"'yes' \(str\) as values for many ids; give a list with one for each"),
        (["a", "b", "c"], b"yes", r"\(bytes\) as values for many ids"),
        (["a"], 1.0, r"1.0 \(float\) as values for many ids"),
        (["a", "b"], {"a": 1, "b": 0}, r"\(dict\) as values for many ids"),
        (["a", "b"], None, r"None \(NoneType\) as values for many ids"),
        (17, 1, r"17 \(int\) as ids; give text such as 'order-17', or a list"),
        (None, 1, r"None \(NoneType\) as ids"),
        (b"ab", [1, 0], r"\(bytes\) as ids"),
        ({"a", "b"}, [1, 0], r"\(set\) as ids"),
        (["a", None], [1, 0], r"None \(NoneType\) as an id; give what `Recorder.log`"),
        (["a", " "], [1, 0], r"got ' ' as an id, which is blank"),
        ("", 1, r"got '' as an id, which is blank"),
        (["a", math.nan], [1, 0], r"nan \(float\) as an id"),
        ("a", None, r"None \(NoneType\) as the value of 'a'; give a finite number or text"),
        ("a", [1, 2], r"\(list\) as the value of 'a'"),
        pytest.param("a", 10**400, r"0+ \(int\) as the value of 'a'", id="too large"),
        pytest.param("a", 10**5000, r"cannot be shown \(int\) as the value of 'a'", id="far too large"),
        ("a", math.nan, r"nan \(float\) as the value of 'a'"),
        ("a", b"1.5", r"\(bytes\) as the value of 'a'"),
        (["a", "b"], [1.0, -math.inf], r"-inf \(float\) as the value of 'b'"),
    ],
)
def test_what_is_no_label_is_refused_and_nothing_is_written(store, tmp_path, ids, values, said):
    with pytest.raises(InputError, match=said):
        label(ids, values, model="churn", at=f"sqlite:///{tmp_path}/mirante.db")
    assert store.labels.count("churn") == 0


def test_whole_numbers_among_many_ids_are_taken_as_text(store, place):
    assert label([17, 18], ["yes", True], model="churn", at=place) == 2
    assert store.labels.get("churn", ["17", "18"]).values.tolist() == ["yes", 1.0]


def test_a_service_refuses_what_json_cannot_say(store):
    with served(create_app(store, config=WebConfig())) as address, pytest.raises((InputError, StoreError)):
        label("a", math.nan, model="churn", at=address)


def test_a_table_or_a_file_is_taken_and_may_be_sent_again(store, place, tmp_path):
    import pandas as pd

    rows = pd.DataFrame(
        {"order": [f"o{n:04d}" for n in range(25_000)], "paid": [n % 2 for n in range(25_000)]}
    )
    rows["at"] = "2026-01-02T03:04:05Z"
    file = tmp_path / "labels.parquet"
    rows.to_parquet(file)
    for table in (rows, file):
        assert label(table, "paid", id_column="order", time="at", model="churn", at=place) == 25_000
    assert store.labels.count("churn") == 25_000
    assert store.labels.last("churn") == 25_000, "what was known already is no news"
    assert store.labels.get("churn", ["o0001", "o0002"]).values.tolist() == [1.0, 0.0]
    with pytest.raises(InputError, match="the name of their column"):
        label(rows, rows["paid"], model="churn", at=place)


def test_times_are_one_or_one_for_each(store, place):
    assert label(["a", "b"], [1, 0], time=[NOW, NOW], model="churn", at=place) == 2
    assert label(["a", "b"], [1, 0], time=NOW, model="churn", at=place) == 2
    for wrong, said in (
        ([NOW], "2 ids and 1 times"),
        ("yesterday", "as times"),
        (NOW.replace(tzinfo=None), "with a time zone"),
        ([NOW, 3], "with a time zone"),
    ):
        with pytest.raises(InputError, match=said):
            label(["a", "b"], [1, 0], time=wrong, model="churn", at=place)
    with pytest.raises(InputError, match="both time and arrived"):
        label("a", 1, time=NOW, arrived=NOW, model="churn", at=place)


def test_a_model_that_is_not_known_is_told_where_there_are_others(store, place):
    for model in ("churn", "price"):
        store.readings.write([Reading("predictions", 1, NOW, {"model": model, "alias": "champion"})])
    with pytest.warns(MiranteWarning, match="knows no model 'chrun', nearest to it are 'churn', 'price'"):
        assert label("a", 1, model="chrun", at=place) == 1
    assert store.labels.count("chrun") == 1
    assert label("a", 1, model="price", at=place) == 1
