"""One table against another: what is drift, what is only said, from files and from any frame."""

import json
import math

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import mirante
from mirante.errors import InputError
from mirante.monitors.check import CheckResult, TableFinding, check
from mirante.monitors.check.logged import metrics_of, subject_of_check
from mirante.readings import READINGS


def quiet(rows, seed):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "age": rng.normal(40, 9, rows),
            "visits": rng.poisson(2, rows),
            "city": rng.choice(["Rio", "Recife", "Natal"], rows, p=[0.5, 0.3, 0.2]),
            "member": rng.random(rows) < 0.3,
            "score": np.where(rng.random(rows) < 0.1, np.nan, rng.random(rows)),
        }
    )


@pytest.fixture(scope="module")
def reference():
    return quiet(5000, 1)


def findings(result):
    return {one.column: (one.what, one.detail) for one in result.findings}


def test_the_same_rows_and_other_rows_of_the_same_kind_are_quiet(reference):
    for other in (reference, quiet(900, 2)):
        result = check(reference, other)
        assert not result.drifted
        assert (result.drifted_columns, result.drift_share, result.findings) == ((), 0.0, ())
        assert [one.column for one in result.columns] == list(reference.columns)
    assert (result.reference.rows, result.current.rows) == (5000, 900)


def test_quiet_tables_are_called_drifted_no_more_often_than_alpha():
    base = quiet(4000, 3)
    called = sum(check(base, quiet(300, seed), alpha=0.05).drifted for seed in range(100, 220))
    assert called <= 14, "of 120 tables 6 are expected; 15 would come by chance once in 1,000 such tests"


def test_what_moved_is_named_with_its_size(reference):
    moved = quiet(900, 4).assign(age=lambda frame: frame["age"] + 9)
    moved.loc[moved.index < 200, "city"] = "Belém"
    moved.loc[moved.index < 150, "visits"] = None
    result = check(reference, moved)
    assert result.drifted_columns == ("age", "visits", "city")
    assert result.drift_share == pytest.approx(3 / 5)
    age, visits, city = result.columns[:3]
    assert age.effect == pytest.approx(0.38, abs=0.05)
    assert age.p_value < 1e-50
    assert "->" in age.verdict.direction
    assert not visits.verdict.drifted
    assert visits.verdict.missing_detected
    assert (visits.missing_reference, visits.effect) == (0.0, pytest.approx(150 / 900))
    assert math.isnan(visits.p_value), "the values' test did not speak"
    assert city.verdict.new_category_ratio == pytest.approx(200 / 900)


def test_alpha_is_how_much_chance_may_say(reference):
    moved = quiet(400, 6).assign(age=lambda frame: frame["age"] + 1.9)
    p_value = check(reference, moved).columns[0].p_value
    assert 1e-9 < p_value < 1e-3
    assert check(reference, moved, alpha=0.2).drifted_columns == ("age",)
    assert not check(reference, moved, alpha=1e-10).drifted


def test_a_column_that_is_gone_or_of_another_type_is_drift(reference):
    other = quiet(900, 5).drop(columns="member").assign(age=lambda frame: frame["age"].map("{:.1f} a".format))
    result = check(reference, other)
    assert findings(result) == {"member": ("gone", ""), "age": ("type", "number -> text")}
    assert result.drifted_columns == ("age", "member")
    assert result.drift_share == 2 / 5
    assert result.columns[0].new_type == "number -> text"
    lists = check(reference[["age", "city"]], {"age": [[1], [2]], "city": ["Rio", "Natal"]})
    assert findings(lists) == {"age": ("type", "number -> other")}
    assert lists.drifted_columns == ("age",)
    assert [one.column for one in lists.columns] == ["city"]


def test_what_is_only_said(reference):
    when = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(5000), unit="h")
    base = reference.assign(at=when, day=when.date, tags=[["a"]] * 5000)
    other = quiet(900, 8).assign(at=when[-900:], day=when[-900:].date, tags=[["b"]] * 900, extra=1.0)
    result = check(base, other)
    assert findings(result) == {
        "at": ("time", ""),
        "day": ("time", ""),
        "tags": ("other", ""),
        "extra": ("new", ""),
    }
    assert not result.drifted
    asked = check(base, other, columns=["at", "age"])
    assert asked.drifted_columns == ("at",)
    assert asked.findings == ()


def test_texts_that_name_their_rows_are_left_out(reference):
    base = reference.assign(key=[f"user-{number}" for number in range(5000)])
    other = quiet(900, 8).assign(key=[f"user-{number}" for number in range(5000, 5900)])
    result = check(base, other)
    assert (findings(result), result.drifted) == ({"key": ("key", "")}, False)
    # where each text came once, new ones are what is to be expected: looked at all the same, nothing moved
    for asked in (check(base, other, columns=["key"]), check(base[["key"]], other[["key"]])):
        assert [one.column for one in asked.columns] == ["key"]
        assert not asked.drifted
    half = base.assign(key=[f"user-{number % 2500}" for number in range(5000)])
    assert check(half, other, columns=["key"]).drifted_columns == ("key",)
    counted = base.assign(key=np.arange(5000)), other.assign(key=np.arange(5000, 5900))
    assert not check(*counted).drifted
    assert check(*counted, columns=["key"]).drifted
    few = {"town": [f"t{number}" for number in range(60)], "x": [1.0] * 60}
    assert check(few, {"town": ["t1"] * 60, "x": [1.0] * 60}).drifted_columns == ("town",)


@pytest.mark.parametrize(
    "values",
    [
        np.arange(500.0) + 0.5 * (np.arange(500) == 250),  # one is no whole number, so the mean is off
        np.r_[np.arange(498.0), 499, 499],  # one comes twice
        np.r_[0.0, np.full(498, 249.5), 499],  # the mean is right
        np.r_[np.arange(499.0), np.nan, 499],
        np.r_[np.arange(99.0)],
    ],
)
def test_numbers_that_do_not_count_the_rows_are_compared(values):
    table = {"x": values, "other": np.zeros(len(values))}
    assert check(table, table).findings == ()


def test_categories_and_whole_numbers_are_no_new_types(reference):
    base = reference.astype({"city": "category"})
    other = quiet(900, 8).astype({"visits": "float64"}).assign(score=None)
    result = check(base, other)
    assert result.findings == ()
    assert result.drifted_columns == ("score",), "it has no value any more"


def test_a_file_says_the_same_as_its_frame_whatever_the_format(reference, tmp_path):
    moved = quiet(900, 4).assign(age=lambda frame: frame["age"] + 9)
    expected = check(reference, moved).to_dict()
    reference.to_csv(tmp_path / "january.csv", index=False)
    for number in range(2):
        (tmp_path / "current").mkdir(exist_ok=True)
        moved[number * 450 : (number + 1) * 450].to_parquet(tmp_path / "current" / f"{number}.parquet")
    got = check(tmp_path / "january.csv", str(tmp_path / "current")).to_dict()
    assert (got.pop("reference")["name"], got.pop("current")["name"]) == ("january.csv", "current")
    for mine, theirs in zip(got.pop("columns"), expected["columns"], strict=True):
        assert mine.pop("scores") == pytest.approx(theirs["scores"])
        assert mine == {name: value for name, value in theirs.items() if name != "scores"}
    assert got == {name: expected[name] for name in got}


@pytest.mark.parametrize("kind", [pl.from_pandas, pa.Table.from_pandas, dict])
def test_every_kind_of_frame(kind, reference):
    moved = quiet(900, 4).assign(age=lambda frame: frame["age"] + 9)
    assert check(kind(reference), kind(moved)).drifted_columns == ("age",)
    assert check(reference, kind(moved), columns=["city"]).drifted_columns == ()


def test_text_among_the_numbers_of_a_csv_file(tmp_path):
    base, few, all_ = (tmp_path / name for name in ("base.csv", "few.csv", "all.csv"))
    values = [str(number) for number in range(400)]
    base.write_text("x\n" + "\n".join(values) + "\n")
    few.write_text("x\n" + "\n".join([*values, "n/k"]) + "\n")
    all_.write_text("x\n" + "about 3\n" * 400)
    said = check(base, few)
    assert (findings(said), said.drifted) == ({"x": ("unreadable", "0 % -> 0.25 %")}, False)
    changed = check(base, all_)
    assert findings(changed) == {"x": ("type", "number -> text")}
    assert changed.drifted


def test_what_a_csv_file_looks_like_is_no_type(tmp_path):
    path = tmp_path / "codes.csv"
    path.write_text("code\n" + "1\n2\n" * 200)
    for one, other in (({"code": ["1", "2"] * 200}, path), (path, {"code": ["1", "2"] * 200})):
        result = check(one, other)
        assert (result.findings, result.drifted) == ((), False)


def test_what_cannot_be_judged_is_neither_drift_nor_steady():
    result = check({"x": [1.0, 2.0], "nothing": [None, None]}, {"x": [50.0], "nothing": [None]})
    assert not result.drifted
    assert [one.judged for one in result.columns] == [False, False]
    assert "too few values" in result.to_dict()["summary"]
    one = check({"x": [1.0]}, {"x": [1.0]})
    assert not one.drifted
    infinite = check({"x": [np.inf, -np.inf, 1.0] * 500}, {"x": [np.inf, -np.inf, 1.0] * 100})
    assert not infinite.drifted
    constant = check({"x": [7] * 500}, {"x": [8] * 100})
    assert constant.drifted_columns == ("x",)


def test_as_plain_values(reference):
    other = quiet(900, 5).assign(age=None, extra=1)
    result = check(reference, other)
    told = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert told["drifted"] is True
    assert told["reference"] == {"name": "reference", "rows": 5000}
    assert told["findings"] == [{"column": "extra", "finding": "new", "detail": "", "drift": False}]
    age = told["columns"][0]
    assert (age["column"], age["effect"], age["p_value"]) == ("age", None, None)
    assert age["change"] == "missing 0 % -> 100 %"
    assert {"kind", "drifted", "sentence", "scores", "n_current", "smallest_effect"} <= set(age)


def test_metrics_have_the_names_of_the_readings(reference):
    other = quiet(900, 4).assign(age=lambda frame: frame["age"] + 9, score=None).drop(columns="member")
    result = check(reference, other)
    metrics = metrics_of(result)
    assert metrics["drift_share"] == pytest.approx(3 / 5)
    assert metrics["drift_detected/age"] == metrics["drift_detected/member"] == 1.0
    assert (metrics["drift_detected/city"], metrics["missing_detected/score"]) == (0.0, 1.0)
    texts = check(reference, other.assign(visits="none"), columns=["visits"])
    assert metrics_of(texts)["drift_detected/visits"] == 1.0, "of another type"
    assert metrics["drift_ks/age"] == result.columns[0].verdict.scores["ks"]
    assert "drift_ks/score" not in metrics, "unknown"
    assert {name.partition("/")[0] for name in metrics} <= set(READINGS)
    assert all(map(math.isfinite, metrics.values()))
    assert subject_of_check(result) == "table/reference"


@pytest.mark.parametrize(
    ("reference", "current", "options", "said"),
    [
        ({"x": [1]}, {"y": [1]}, {}, "current has none of the columns of reference: it has 'y', and"),
        ({"x": [1]}, {"x": []}, {}, "current has no rows"),
        ({"x": []}, {"x": [1]}, {}, "reference has no rows"),
        ({}, {"x": [1]}, {}, "the reference table has no columns"),
        ({"x": [1]}, {"x": [1]}, {"columns": ["z"]}, "reference has no column 'z'; it has 'x'"),
        ({"x": [[1]]}, {"x": [[1]]}, {}, "nothing in reference can be compared with current"),
        ({"x": [1]}, {"x": [1]}, {"alpha": 0}, "alpha is 0; give a chance above 0 and at most 0.2"),
        ({"x": [1]}, {"x": [1]}, {"alpha": math.nan}, "alpha is nan"),
        ({"x": [1]}, {"x": [1]}, {"alpha": 0.5}, "alpha is 0.5"),
        ({"x": [1]}, 7, {}, "got int; give a table"),
        ("nothere.csv", {"x": [1]}, {}, "nothere.csv is not there"),
        ({f"c{n}": [1] for n in range(30)}, {"x": [1]}, {}, r"'c11' and 18 more"),
    ],
)
def test_what_cannot_be_compared_is_one_sentence(reference, current, options, said):
    with pytest.raises(InputError, match=said):
        check(reference, current, **options)


def test_the_facade_has_it():
    assert mirante.check is check
    assert isinstance(mirante.check({"x": [1]}, {"x": [1]}), CheckResult)
    assert TableFinding("x", "gone").is_drift
    assert not TableFinding("x", "new").is_drift
