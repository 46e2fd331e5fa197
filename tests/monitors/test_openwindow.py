import itertools
import json
import math
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mirante.monitors.openwindow import OpenWindow
from mirante.monitors.windows import Window
from mirante.performance.estimated import Portion
from mirante.profiles import TableProfile

from .conftest import START, make_rows

WINDOW = Window(START, START + timedelta(days=1))
ROWS = 150
TIME = pa.timestamp("us", tz="UTC")


def make_table(*, shift=0.0, seed=0, lacking=()):
    """Rows as the inference log gives them: some latencies, features and predictions are missing."""
    features, predictions, _ = make_rows(0, ROWS, seed=seed, shift=shift)
    rng = np.random.default_rng(seed)
    features = features.drop(columns=list(lacking))
    columns = {name: pa.array(features[name], from_pandas=True) for name in features}
    latency = rng.lognormal(-6, 1, ROWS)
    latency[rng.random(ROWS) < 0.1] = np.nan
    predictions[rng.random(ROWS) < 0.05] = np.nan
    return pa.table(
        columns
        | {
            "__id": [str(number) for number in range(ROWS)],
            "__time": pa.array([START + timedelta(seconds=number) for number in range(ROWS)], TIME),
            "__latency": pa.array(latency, from_pandas=True),
            "__prediction": pa.array(predictions, from_pandas=True),
        }
    )


TABLE = make_table(seed=3, shift=20.0)


def filled(baseline, *tables):
    window = OpenWindow.empty(WINDOW, baseline)
    for table in tables:
        window.add(table, baseline)
    return window


def kept(window, baseline):
    """The same window, as the store gives it back."""
    row = window.to_row("model/churn@champion", "1", closed=False, verdict=None)
    return OpenWindow.from_row(row, baseline)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cuts=st.lists(st.integers(0, ROWS), max_size=6),
    order=st.randoms(use_true_random=False),
    restarts=st.sets(st.integers(0, 6)),
)
def test_it_adds_up_in_any_portions_and_order_and_over_restarts(baseline, cuts, order, restarts):
    whole = filled(baseline, TABLE)
    places = list(range(ROWS))
    order.shuffle(places)
    bounds = [0, *sorted(cuts), ROWS]
    window = OpenWindow.empty(WINDOW, baseline)
    for number, (first, last) in enumerate(itertools.pairwise(bounds)):
        window.add(TABLE.take(pa.array(places[first:last], pa.int64())), baseline)
        if number in restarts:
            window = kept(window, baseline)
    assert window.rows == whole.rows == ROWS
    assert window.profile == whole.profile
    assert window.latency == whole.latency
    assert window.outliers == whole.outliers > 0
    assert window.top_outliers == whole.top_outliers


def test_it_counts_what_the_rows_hold(baseline):
    window = filled(baseline, TABLE)
    age, plan = TABLE["age"].to_pandas(), TABLE["plan"].to_pandas()
    assert window.profile.columns["age"].missing == age.isna().sum() > 0
    assert window.profile.columns["age"].mean == pytest.approx(age.mean())
    found = window.profile.columns["plan"]
    assert dict(zip(found.levels, found.counts, strict=True)) == plan.value_counts().to_dict()
    assert window.profile.columns["prediction"].missing == TABLE["__prediction"].null_count > 0
    assert window.outliers == baseline.outliers.flag(TABLE.select(["age", "plan"]).to_pandas()).sum()


def test_latency_quantiles_are_right_to_six_percent(baseline):
    window = filled(baseline, TABLE)
    known = TABLE["__latency"].drop_null().to_numpy()
    found = window.latencies()
    assert found["mean"] == pytest.approx(known.mean())
    for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
        assert found[name] == pytest.approx(np.quantile(known, share, method="inverted_cdf"), rel=0.06)


def test_without_latencies_there_is_nothing_to_say(baseline):
    assert OpenWindow.empty(WINDOW, baseline).latencies() == {}
    none = TABLE.set_column(TABLE.column_names.index("__latency"), "__latency", pa.nulls(ROWS, pa.float64()))
    assert filled(baseline, none).latencies() == {}


def test_columns_that_the_baseline_does_not_know_are_passed_over(baseline):
    more = TABLE.append_column("extra", pa.array(range(ROWS)))
    assert filled(baseline, more).profile == filled(baseline, TABLE).profile


@pytest.mark.parametrize("lacking", ["age", "plan"])
def test_a_lacking_column_is_missing_in_every_row(baseline, lacking):
    window = filled(baseline, make_table(lacking=[lacking]))
    assert window.profile.columns[lacking].missing == window.rows == ROWS


def test_outliers_are_found_in_the_columns_that_are_there(baseline):
    lacking = make_table(lacking=["plan"])
    strange = lacking.set_column(0, "age", pa.array([1e9] * ROWS))
    assert filled(baseline, lacking).outliers < ROWS / 5
    assert filled(baseline, strange).outliers == ROWS


def strange_table(count=ROWS, **values):
    """Ordinary rows; the columns in `values` have the given value in row 7."""
    table = make_table(seed=5)
    for name, value in values.items():
        cells = table[name].to_pylist()
        cells[7] = value
        place = table.column_names.index(name)
        table = table.set_column(place, name, pa.array(cells))
    return table.slice(0, count)


def test_the_strangest_rows_are_kept_with_the_columns_that_made_them_so(baseline):
    window = filled(baseline, strange_table(age=1e6, plan="gratis"))
    first = window.top_outliers[0]
    assert (first["id"], first["time"]) == ("7", "2026-01-01T00:00:07+00:00")
    assert {(each["column"], each["value"]) for each in first["columns"]} == {
        ("age", 1e6),
        ("plan", "gratis"),
    }
    scores = [note["score"] for note in window.top_outliers]
    assert scores == sorted(scores)
    assert len(scores) == min(window.outliers, 10)
    features = TABLE.select(["age", "plan"])
    shifted = filled(baseline, TABLE)
    assert shifted.outliers > 10
    assert [note["score"] for note in shifted.top_outliers] == np.sort(baseline.outliers.score(features))[
        :10
    ].tolist()


def test_of_equally_strange_rows_the_earliest_are_kept(baseline):
    same = {"age": pa.array([1e9] * ROWS), "plan": pa.array(["gratis"] * ROWS)}
    table = TABLE.select([name for name in TABLE.column_names if name not in same])
    for name, values in same.items():
        table = table.append_column(name, values)
    backwards = list(reversed(range(ROWS)))
    for portions in ([backwards], [[place] for place in backwards], [backwards[:70], backwards[70:]]):
        window = filled(baseline, *(table.take(pa.array(places)) for places in portions))
        assert [note["id"] for note in window.top_outliers] == [str(number) for number in range(10)]


def test_values_stay_as_they_were_recorded_and_long_texts_are_cut(baseline):
    kept_values = [
        {each["column"]: each["value"] for each in filled(baseline, table).top_outliers[0]["columns"]}
        for table in (strange_table(age=math.inf, plan="sha256:1f"), strange_table(age=1e9, plan="x" * 5_000))
    ]
    assert kept_values[0] == {"age": "inf", "plan": "sha256:1f"}
    assert kept_values[1]["plan"] == "x" * 199 + "…"


def test_a_lacking_column_is_no_reason_with_a_value(baseline):
    table = strange_table(age=1e9).drop_columns(["plan"])
    found = filled(baseline, table).top_outliers
    assert {each["value"] for note in found for each in note["columns"] if each["column"] == "plan"} <= {None}
    assert found[0]["columns"][0]["column"] == "age"


def test_a_window_kept_before_there_were_notes_goes_on(baseline):
    row = filled(baseline, TABLE).to_row("model/churn@champion", "1", closed=False, verdict=None)
    older = {name: value for name, value in row.verdicts.items() if name != "top_outliers"}
    window = OpenWindow.from_row(replace(row, verdicts=older), baseline)
    assert window.top_outliers == []
    window.add(strange_table(age=1e9, plan="gratis"), baseline)
    assert window.top_outliers[0]["id"] == "7"


def test_touched_says_whether_there_is_something_to_save(baseline):
    window = OpenWindow.empty(WINDOW, baseline)
    assert not window.touched
    window.add(TABLE, baseline)
    assert window.touched
    assert not kept(window, baseline).touched


def test_an_empty_window_goes_through_the_store(baseline):
    again = kept(OpenWindow.empty(WINDOW, baseline), baseline)
    assert (again.window, again.rows, again.outliers) == (WINDOW, 0, 0)
    again.add(TABLE, baseline)
    assert again.profile == filled(baseline, TABLE).profile


def test_a_row_without_a_profile_starts_empty(baseline):
    row = OpenWindow.empty(WINDOW, baseline).to_row("model/churn@champion", "1", closed=False, verdict=None)
    bare = type(row)(**{name: getattr(row, name) for name in row.__slots__} | {"profile": b""})
    assert OpenWindow.from_row(bare, baseline).rows == 0


def test_a_closed_window_carries_its_verdicts_as_plain_json(baseline):
    window = filled(baseline, TABLE)
    verdict = baseline.drift.update(window.profile)
    row = window.to_row("model/churn@champion", "7", closed=True, verdict=verdict, timezone="Asia/Kolkata")
    assert (row.subject, row.version, row.start, row.end) == ("model/churn@champion", "7", START, WINDOW.end)
    assert (row.rows, row.closed) == (ROWS, True)
    assert TableProfile.from_bytes(row.profile) == window.profile
    said = json.loads(json.dumps(row.verdicts, allow_nan=False))
    assert said == row.verdicts
    assert said["drifted"] is True
    assert set(said["columns"]) == {"age", "plan", "prediction"}
    assert said["columns"]["age"]["drifted"] is True
    assert said["columns"]["age"]["sentence"] == verdict.columns["age"].sentence
    assert said["latency"] == pytest.approx(window.latencies())
    assert said["outliers"] == window.outliers
    assert said["top_outliers"] == window.top_outliers
    assert len(said["top_outliers"]) == 10
    assert said["performance"] is None
    assert said["timezone"] == "Asia/Kolkata"


def test_an_empty_closed_window_is_plain_json_too(baseline):
    window = OpenWindow.empty(WINDOW, baseline)
    row = window.to_row("s", "1", closed=True, verdict=baseline.drift.update(window.profile))
    said = json.loads(json.dumps(row.verdicts, allow_nan=False))
    assert (said["latency"], said["outliers"], said["top_outliers"]) == ({}, 0, [])


def test_rows_of_a_share_stand_for_all_predictions(baseline):
    table = make_table()
    stands = pa.array([None, *[10] * (ROWS - 1)], pa.int64())
    window = OpenWindow.empty(WINDOW, baseline)
    window.add(table, baseline)
    assert (window.rows, window.predictions) == (ROWS, ROWS)
    assert "passed" not in window.to_row("m", "1", closed=False, verdict=None).verdicts
    window.add(table.append_column("__rows", stands), baseline)
    assert (window.rows, window.predictions) == (2 * ROWS, ROWS + 1 + 10 * (ROWS - 1))
    again = OpenWindow.from_row(window.to_row("m", "1", closed=False, verdict=None), baseline)
    assert again.predictions == window.predictions


def test_a_window_whose_sums_cannot_be_read_goes_on_without_them(baseline):
    window = filled(baseline, TABLE)
    window.gather(Portion(1, 1, np.array([1e308])))  # as they were kept before they had bounds
    assert kept(window, baseline).estimated is None
    assert kept(window, baseline).rows == ROWS


def test_of_a_window_from_before_slices_came_from_agents_none_of_their_rows_were_in_slices(baseline):
    window = filled(baseline, TABLE)
    window.join(filled(baseline, TABLE), "web-1")
    assert kept(window, baseline).unsliced == 0
    row = window.to_row("m", "1", closed=False, verdict=None)
    older = {name: value for name, value in row.verdicts.items() if name != "unsliced"}
    assert OpenWindow.from_row(replace(row, verdicts=older), baseline).unsliced == ROWS


def test_a_window_whose_rows_or_latencies_are_counted_at_other_edges_does_not_fit(baseline):
    window = filled(baseline, TABLE)
    assert window.fits(baseline)
    layout = replace(window.latency.layout, shift=window.latency.layout.shift * (1 + 2**-50))
    other = replace(window.latency, layout=layout)
    assert not OpenWindow(WINDOW, window.profile, other).fits(baseline)
    assert not OpenWindow(WINDOW, window.profile.only(["age"]), window.latency).fits(baseline)
