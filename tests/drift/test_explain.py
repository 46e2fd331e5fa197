"""Why a window differs from its baseline: planted shifts are found, equal ones and chance are not."""

import json

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import mirante
from mirante.drift.explain import Explanation, explain
from mirante.errors import InputError
from mirante.profiles import TableProfile

NAN = float("nan")


def table(rng, n, *, differ=0.0):
    """Return independent columns; with `differ`, `x` has another place and spread in each shop."""
    shop = rng.choice(8, n, p=[0.3, 0.2, 0.1, 0.1, 0.1, 0.1, 0.06, 0.04])
    place, spread = differ * (shop - 4), np.exp(differ * (shop - 4) / 4)
    return {
        "shop": np.array([f"s{i}" for i in shop]),
        "x": place + spread * rng.normal(size=n),
        "hour": rng.integers(0, 24, n).astype(float),
        "zeros": np.where(rng.random(n) < 0.6, 0.0, rng.exponential(size=n)),
        "kind": rng.choice(["a", "b", "c"], n, p=[0.7, 0.2, 0.1]),
    }


def pair(seed, n=1500, m=4000, **settings):
    rng = np.random.default_rng(seed)
    return table(rng, m, **settings), table(rng, n, **settings), rng


def planted(change, where, seed=1, **settings):
    before, after, rng = pair(seed, **settings)
    after["x"] = np.where(where(after), change(after["x"], rng), after["x"])
    return before, after


# --- columns


def test_the_column_that_moved_comes_first_and_the_others_contribute_nothing():
    found = explain(*planted(lambda x, _: x + 1.0, lambda t: t["x"] < 9))
    first = found.columns[0]
    assert (first.column, first.share, first.moved) == ("x", 1.0, True)
    assert 0.1 < first.contribution == first.divergence - first.chance < 0.3
    assert {one.column: one.contribution for one in found.columns[1:]} == dict.fromkeys(
        ("shop", "hour", "zeros", "kind"), 0.0
    )
    assert first.before == pytest.approx(0.1, abs=0.01)
    assert first.after > 0.3
    assert first.sentence.startswith("x makes 100 % of the shift (divergence 0.1")
    assert "of the rows, median " in first.sentence


def test_many_bins_do_not_make_a_column_important():
    rng = np.random.default_rng(2)
    ids = [f"v{i}" for i in range(400)]
    before = {"x": rng.normal(size=5000), "many": rng.choice(ids, 5000)}
    after = {"x": rng.normal(size=500) + 0.5, "many": rng.choice(ids, 500)}
    first, second = explain(before, after).columns
    assert (first.column, second.contribution) == ("x", 0.0)
    assert second.divergence > first.divergence  # before chance is taken off
    assert abs(second.divergence - second.chance) < 0.02


def test_a_move_to_missing_values_is_a_contribution():
    found = explain(*planted(lambda x, _: NAN, lambda t: t["hour"] >= 12))
    assert (found.columns[0].column, found.columns[0].where) == ("x", "x missing")
    assert found.columns[0].after == pytest.approx(0.5, abs=0.05)


def test_a_new_level_and_a_rare_one_are_named():
    before = {"c": ["a"] * 900 + ["b"] * 95 + ["r"] * 5}
    new = explain(before, {"c": ["a"] * 300 + ["new"] * 100}).columns[0]
    assert (new.where, new.before, new.after) == ("c = a rare or new level", 0.005, 0.25)
    rare = explain(before, {"c": ["a"] * 300 + ["r"] * 100}).columns[0]
    assert (rare.where, rare.before, rare.after) == ("c = r", 0.005, 0.25)


def test_importance_weighs_the_columns():
    before, after, _ = pair(3)
    after["x"], after["zeros"] = after["x"] + 0.6, after["zeros"] * 1.5
    plain = explain(before, after)
    assert [one.column for one in plain.columns[:2]] == ["x", "zeros"]
    weighed = explain(before, after, importance={"x": 0.01, "zeros": 1.0, "shop": 3})
    assert [one.column for one in weighed.columns[:2]] == ["zeros", "x"]
    assert sum(one.share for one in weighed.columns) == pytest.approx(1.0)
    assert [one.contribution for one in weighed.columns[:2]] == [
        one.contribution for one in plain.columns[1::-1]
    ]
    left_out = explain(before, after, importance={"zeros": 1.0})
    assert [one.share for one in left_out.columns[:2]] == [1.0, 0.0]
    assert "its importance is 0" in left_out.columns[1].sentence


@pytest.mark.parametrize("wrong", [-1, NAN, float("inf")])
def test_wrong_weights_are_refused(wrong):
    before, after, _ = pair(4, n=50, m=50)
    with pytest.raises(InputError, match="importance of 'x' is"):
        explain(before, after, importance={"x": wrong})


def test_an_unknown_name_in_importance_is_refused():
    before, after, _ = pair(4, n=50, m=50)
    with pytest.raises(InputError, match="importance names 'X', which the baseline lacks"):
        explain(before, after, importance={"X": 1.0})


# --- slices


def test_a_shift_in_one_category_is_found():
    found = explain(*planted(lambda x, _: x + 2.0, lambda t: t["shop"] == "s2", n=3000))
    (one,) = found.slices
    assert (one.column, one.aspect, one.kind, one.slice, one.level) == (
        "x",
        "values",
        "inside",
        "shop = s2",
        "s2",
    )
    assert one.inside > 0.55
    assert one.outside < 0.06
    assert one.n_inside + one.n_outside == 3000
    assert one.baseline_inside + one.baseline_outside == 4000
    assert one.n_inside == pytest.approx(300, abs=60)
    assert one.share_after == one.n_inside / 3000
    assert one.p_value < 1e-20
    assert one.sentence.startswith("x moved inside shop = s2 (KS 0.6")
    assert "and hardly outside (KS 0.0" in one.sentence
    assert found.looked > 300
    assert (
        found.sentence
        == f"1 of 5 columns moved by more than chance; 1 finding in {found.looked} slices looked at."
    )


def test_a_shift_in_a_range_is_found_with_its_ends():
    (one,) = explain(*planted(lambda x, _: x + 1.0, lambda t: (t["hour"] >= 6) & (t["hour"] <= 11))).slices
    assert (one.slice, one.low, one.high) == ("5 < hour <= 11", 5.0, 11.0)


def test_two_slices_are_found_one_after_the_other():
    found = explain(*planted(lambda x, _: x + 2.0, lambda t: np.isin(t["shop"], ["s2", "s4"]), n=3000))
    assert sorted(one.slice for one in found.slices) == ["shop = s2", "shop = s4"]
    assert found.slices[1].without == (found.slices[0].slice,)
    assert f"{found.slices[0].slice} left out" in found.slices[1].sentence


def test_values_that_went_missing_in_one_slice_are_found():
    (one,) = explain(*planted(lambda x, _: NAN, lambda t: t["shop"] == "s1")).slices
    assert (one.column, one.aspect, one.slice, one.inside, one.outside) == (
        "x",
        "missing",
        "shop = s1",
        1.0,
        0.0,
    )
    assert one.direction == "0 % -> 100 %"
    assert one.sentence.startswith("the share of missing x moved inside shop = s1 (100 points,")


def test_a_slice_of_missing_values_is_a_slice():
    before, after, rng = pair(5)
    for side in (before, after):
        side["hour"] = np.where(rng.random(side["hour"].size) < 0.3, NAN, side["hour"])
    after["x"] = after["x"] + 1.5 * np.isnan(after["hour"])
    (one,) = explain(before, after).slices
    assert (one.slice, one.by, one.level, one.low, one.high) == ("hour missing", "hour", None, None, None)


def test_categories_that_moved_in_one_slice_are_found():
    before, after, _ = pair(6, n=3000)
    after["kind"] = np.where((after["hour"] >= 18) & (after["kind"] == "a"), "c", after["kind"])
    (one,) = explain(before, after).slices
    assert (one.column, one.measure, one.slice) == ("kind", "total variation", "hour > 17")
    assert one.direction.startswith("c: ")


def test_a_correlated_slice_is_not_named_beside_the_right_one():
    before, after, _ = pair(7, n=4000)
    for side in (before, after):
        side["town"] = np.where(np.isin(side["shop"], ["s2", "s3"]), "T", "U")
    after["x"] = after["x"] + 2.0 * (after["shop"] == "s2")
    assert [one.slice for one in explain(before, after).slices] == ["shop = s2"]


def test_a_mix_is_told_apart_from_a_shift_inside():
    rng = np.random.default_rng(8)
    before, after = table(rng, 6000, differ=1.0), table(rng, 12_000, differ=1.0)
    kept = (after["shop"] != "s0") | (rng.random(12_000) < 0.2)
    after = {name: values[kept] for name, values in after.items()}
    found = explain(before, after)
    (one,) = found.slices
    assert (one.column, one.kind, one.by, one.slice) == ("x", "mix", "shop", "shop = s0")
    assert one.outside < one.inside / 3
    assert one.share_before == pytest.approx(0.3, abs=0.02)
    assert one.share_after < 0.1
    assert one.sentence.startswith("x moved with the mix of shop (shop = s0: 28 % -> ")
    assert {one.column for one in found.columns if one.moved} == {"x", "shop"}


def test_a_mix_that_does_not_matter_is_not_named():
    before, after, rng = pair(9, n=6000)
    kept = (after["shop"] != "s0") | (rng.random(6000) < 0.2)
    after = {name: values[kept] for name, values in after.items()}
    after["x"] = after["x"] + 0.7
    found = explain(before, after)
    assert {one.column for one in found.columns if one.moved} == {"x", "shop"}
    assert found.slices == ()


# --- honesty

EQUAL = {
    "added": (lambda x, rng: x + 0.7, 0.0),
    "added to shops that differ": (lambda x, rng: x + 1.0, 1.0),
    "multiplied in shops that differ": (lambda x, rng: 2.0 * x, 1.0),
    "a fifth replaced": (lambda x, rng: np.where(rng.random(x.size) < 0.2, 9.0, x), 0.0),
    "a fifth missing": (lambda x, rng: np.where(rng.random(x.size) < 0.2, NAN, x), 0.5),
}


@pytest.mark.parametrize("name", EQUAL)
def test_a_shift_that_is_the_same_everywhere_names_no_slice(name):
    change, differ = EQUAL[name]
    for seed in range(12):
        before, after = planted(change, lambda t: t["x"] < 99, seed=seed, differ=differ)
        found = explain(before, after)
        assert found.columns[0].column == "x"
        assert found.looked > 300
        assert found.slices == ()
        assert "no single slice stands out" in found.sentence


def test_nothing_is_named_when_nothing_has_changed():
    quiet = 0
    for seed in range(60):
        before, after, _ = pair(1000 + seed, n=(100, 500, 2000)[seed % 3], differ=seed % 2)
        found = explain(before, after)
        quiet += found.slices == () and all(one.contribution == 0.0 for one in found.columns)
    assert quiet >= 58  # 1 in 100 may speak


# --- input


def test_profiles_and_rows_give_what_tables_give():
    before, after = planted(lambda x, _: x + 2.0, lambda t: t["shop"] == "s2", n=2000)
    base = TableProfile.of(before)
    now = TableProfile.of(after, like=base)
    whole = explain(before, after)
    assert explain(base, now, rows=after, reference_rows=before) == whole
    assert explain(base, after, reference_rows=before) == whole
    without = explain(base, now)
    assert without.columns == whole.columns
    assert (without.slices, without.looked) == ((), 0)
    assert explain(base, after) == without
    sample = {name: values[::2] for name, values in before.items()}
    assert explain(base, now, rows=after, reference_rows=sample).slices[0].slice == "shop = s2"


def test_any_table_will_do():
    before, after = planted(lambda x, _: x + 2.0, lambda t: t["shop"] == "s2", n=2000)
    frames = [pd.DataFrame(side) for side in (before, after)]
    categories = [frame.assign(shop=frame["shop"].astype("category")) for frame in frames]
    whole = explain(before, after)
    assert explain(*frames) == explain(*categories) == whole
    assert explain(pl.DataFrame(before), pl.DataFrame(after)) == whole
    assert explain(pa.table(before), pa.table(after)) == whole


def test_one_side_of_rows_alone_is_refused():
    before, after, _ = pair(10, n=50, m=50)
    base = TableProfile.of(before)
    now = TableProfile.of(after, like=base)
    with pytest.raises(InputError, match="reference_rows is not"):
        explain(base, now, rows=after)
    with pytest.raises(InputError, match="rows is not"):
        explain(base, now, reference_rows=before)
    with pytest.raises(InputError, match="was not counted with this baseline"):
        explain(base, TableProfile.of(after))
    with pytest.raises(InputError, match="most is 0"):
        explain(base, now, most=0)


def test_most_limits_columns_and_slices():
    before, after = planted(lambda x, _: x + 2.0, lambda t: np.isin(t["shop"], ["s2", "s4"]), n=3000)
    found = explain(before, after, most=1)
    assert (len(found.columns), len(found.slices)) == (1, 1)


ODD = {
    "no rows": {"a": [], "b": []},
    "one row": {"a": [1.0], "b": ["u"]},
    "all missing": {"a": [NAN] * 200, "b": [None] * 200},
    "constant": {"a": [1.0] * 200, "b": ["u"] * 200},
    "infinite": {"a": [np.inf, -np.inf] * 100, "b": ["u", "v"] * 100},
    "ordinary": {"a": np.arange(200.0), "b": [f"id{i}" for i in range(200)]},
    "huge": {"a": np.linspace(-1.0, 1.0, 200) * 1.7e308, "b": ["x" * 1000] * 200},
}


@pytest.mark.parametrize("after", ODD)
@pytest.mark.parametrize("before", ODD)
def test_odd_tables_are_ordinary_input(before, after):
    found = explain(ODD[before], ODD[after])
    assert len(found.columns) == 2
    json.dumps(found.to_dict(), allow_nan=False)
    assert found._repr_html_()
    assert str(found)
    for one in found.columns:
        assert 0.0 <= one.contribution <= 1.0
        assert 0.0 <= one.share <= 1.0
        assert np.isnan(one.divergence) == ("no rows" in (before, after))
    if before == after:
        assert not any(one.contribution for one in found.columns)


def test_all_values_gone_is_the_whole_shift():
    found = explain(ODD["ordinary"], ODD["all missing"])
    assert found.columns[0].contribution > 0.9


def test_a_column_that_the_window_lacks_is_all_missing_and_cuts_nothing():
    before, after, _ = pair(11, n=500)
    del after["hour"]
    found = explain(before, after)
    assert (found.columns[0].column, found.columns[0].where) == ("hour", "hour missing")
    assert found.slices == ()


def test_booleans_dates_and_no_columns():
    rng = np.random.default_rng(12)
    days = np.datetime64("2024-01-01") + rng.integers(0, 60, 2000)
    before = {"ok": rng.random(2000) < 0.5, "day": days.astype("datetime64[s]"), "x": rng.normal(size=2000)}
    after = {**before, "x": before["x"] + 2.0 * before["ok"]}
    assert [one.slice for one in explain(before, after).slices] == ["ok = true"]
    assert explain({}, {}).sentence == "None of 0 columns moved by more than chance."


# --- output


def test_the_dictionary_is_plain_and_the_page_is_escaped():
    before, after, _ = pair(13, n=2000)
    for side in (before, after):
        side["<b>x"] = side.pop("x")
        side["shop"] = np.char.add("<script>alert(1)</script>", side["shop"])
    after["<b>x"] = after["<b>x"] + 2.0 * np.char.endswith(after["shop"], "s2")
    found = explain(before, after)
    assert found.slices
    page = found._repr_html_()
    assert "<script" not in page
    assert "<b>" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "&lt;b&gt;x" in page
    plain = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert plain["slices"][0]["level"] == "<script>alert(1)</script>s2"
    assert plain["columns"][0]["column"] == "<b>x"
    assert str(found).splitlines()[0] == found.sentence
    assert found.slices[0].sentence in str(found)


def test_unknown_numbers_become_none_and_empty_tables_are_left_out():
    found = explain({"x": [1.0, 2.0]}, {"x": []})
    assert found.sentence == "Nothing can be compared: a side has no rows."
    assert found.to_dict()["columns"][0]["divergence"] is None
    assert found.columns[0].sentence == "x cannot be compared: a side has no rows."
    assert found._repr_html_().count("<table>") == 1


def test_the_facade_has_it():
    assert mirante.explain is explain
    assert isinstance(mirante.explain({"x": [1.0]}, {"x": [1.0]}), Explanation)
