import dataclasses
import math

import numpy as np
import pandas as pd
import pytest

from mirante.errors import InputError
from mirante.monitors.baseline import ModelBaseline
from mirante.monitors.differences import difference_of
from mirante.monitors.windows import WindowClock


def made(seed=0, rows=3_000, *, shift=0.0, change=None, window="1d", labels=False, **options):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"age": rng.normal(40 + shift, 9, rows), "plan": rng.choice(["basic", "pro"], rows)})
    said = rng.random(rows)
    frame = frame if change is None else change(frame)
    truth = (rng.random(rows) < said).astype(float) if labels else None
    return ModelBaseline.fit(frame, said, clock=WindowClock(window), labels=truth, **options)


def test_a_baseline_is_the_same_as_itself():
    one = made(labels=True)
    found = difference_of(one, one)
    assert not found.differs
    assert found.moved == ()
    assert all(column.low == 0.0 and column.distance < 1e-9 for column in found.columns)
    assert [column.change for column in found.columns] == ["", "", ""]


def test_samples_of_the_same_data_are_seldom_different():
    differing = sum(difference_of(made(seed, 600), made(seed + 1_000, 900)).differs for seed in range(100))
    assert differing <= 3  # one in a hundred is allowed


def test_moved_columns_come_first_and_say_how():
    found = difference_of(made(), made(1, shift=4.0))
    assert found.differs
    assert found.moved == ("age",)
    assert found.columns[0].column == "age"
    assert found.columns[0].change.startswith("median 39")
    assert 0.03 < found.columns[0].low <= found.columns[0].distance <= found.columns[0].high
    back = difference_of(made(1, shift=4.0), made())
    assert [one.column for one in back.columns] == [one.column for one in found.columns]
    assert back.columns[0].distance == pytest.approx(found.columns[0].distance)


def test_many_rows_do_not_make_a_small_shift_a_difference():
    pair = made(0, 60_000), made(1, 60_000, shift=0.5)  # 0.056 sigma: a distance of 0.022
    assert not difference_of(*pair).differs
    assert difference_of(*pair, floor=0.0).moved == ("age",)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda frame: frame.assign(plan=np.where(np.arange(len(frame)) % 9, frame["plan"], "gold")), "plan"),
        (lambda frame: frame.assign(age=frame["age"].where(np.arange(len(frame)) % 20 > 0)), "age"),
        (lambda frame: frame.assign(plan=frame["plan"].where(np.arange(len(frame)) % 20 > 0)), "plan"),
        (lambda frame: frame.assign(age=np.nan), "age"),
    ],
)
def test_levels_and_missing_values_count(change, what):
    found = difference_of(made(), made(change=change))
    assert found.moved == (what,)
    assert found.differs


def test_columns_kinds_task_and_what_they_are_for():
    other = made(
        change=lambda frame: frame.rename(columns={"plan": "tariff"}).assign(age=frame["age"].astype(str)),
        window="1h",
        alarm_budget="1 per 90d",
        task="regression",
    )
    found = difference_of(made(), other)
    assert (found.only_first, found.only_second) == (("plan",), ("tariff",))
    assert dict(found.kinds) == {"age": ("numeric", "categorical")}
    assert found.task == ("probability", "regression")
    assert dict(found.made_for) == {"window": ("1d", "1h"), "alarm_budget": ("1 per 30d", "1 per 90d")}
    assert found.differs
    assert found.moved == ()


def test_performance_is_shown_and_not_judged():
    with_labels = made(labels=True)
    bare = dataclasses.replace(with_labels, performance={"accuracy": 0.5, "mae": 1.0})
    found = difference_of(with_labels, bare)
    assert found.performance["accuracy"] == (with_labels.performance["accuracy"], 0.5)
    assert math.isnan(found.performance["mae"][0])
    assert math.isnan(found.performance["log_loss"][1])
    assert not found.differs


@pytest.mark.parametrize(
    "options", [{"alpha": 0.0}, {"alpha": 0.5}, {"alpha": math.nan}, {"floor": -1.0}, {"floor": math.nan}]
)
def test_what_cannot_be_judged_by_is_said(options):
    one = made(rows=50)
    with pytest.raises(InputError, match="give a"):
        difference_of(one, one, **options)
