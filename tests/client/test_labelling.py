import math
from datetime import UTC, datetime

import pytest

from mirante import InputError, Reading, Store, StoreError, label
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


def test_many_labels_go_in_several_requests(store, place):
    ids = [f"order-{number}" for number in range(45_000)]
    assert label(ids, [1.0] * len(ids), model="churn", at=place) == len(ids)
    assert store.labels.count("churn") == len(ids)


def test_what_does_not_fit_is_refused(store, place):
    with pytest.raises(InputError, match="2 ids and 1 values"):
        label(["a", "b"], [1.0], model="churn", at=place)
    assert store.labels.count("churn") == 0


def test_a_service_refuses_what_json_cannot_say(store):
    with served(create_app(store, config=WebConfig())) as address, pytest.raises((InputError, StoreError)):
        label("a", math.nan, model="churn", at=address)
