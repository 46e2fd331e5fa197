from __future__ import annotations

import base64
import json
import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import polars as pl
import pytest

from mirante.errors import InputError
from mirante.profiles import TableProfile
from mirante.store import AlertRow, EventRow
from mirante.views import theme
from mirante.views.figures import (
    Line,
    Mark,
    distribution_figure,
    drift_figure,
    drift_heatmap,
    empty_figure,
    figure_json,
    heatmap_draft,
    marks_of_alerts,
    metric_draft,
    metric_figure,
    plain,
    pool_step,
    reliability_draft,
)
from mirante.views.figures.common import local, thin
from mirante.views.figures.distribution import _shares
from mirante.views.figures.metrics import labels_of

HOSTILE = '</script><img src=x onerror="alert(1)">%{x} $x^2$ <a href="https://evil.example">a</a>\x00\u202e'
DAY = np.datetime64("2013-02-01", "us")


def line(values, name="predictions", **labels) -> Line:
    times = DAY + np.arange(len(values)) * np.timedelta64(1, "D")
    return Line(name, times, np.asarray(values, dtype=float), labels)


def sentence(figure) -> str:
    assert len(figure.data) == 0
    return figure.layout.annotations[0].text


# --- metrics over time


def test_a_series_is_drawn_as_it_is():
    figure = metric_figure([line([1.0, math.nan, 3.0])], title="Predictions", unit="rows")
    assert list(figure.data[0].y)[::2] == [1.0, 3.0]
    assert math.isnan(figure.data[0].y[1])  # a gap, not a line across
    assert figure.layout.yaxis.title.text == "rows"


@pytest.mark.parametrize("series", [[], [line([])], [line([math.nan, math.inf])]])
def test_nothing_to_draw_is_said(series):
    assert sentence(metric_figure(series, title="Predictions")) == "No values yet."


def test_infinite_values_are_gaps():
    figure = metric_figure([line([1.0, math.inf, 2.0])], title="x")
    assert math.isnan(figure.data[0].y[1])


def test_lines_differ_by_dash_too():
    figure = metric_figure([line([1, 2], feature=f) for f in "abc"], title="x")
    assert len({trace.line.dash for trace in figure.data}) == 3
    assert [trace.name for trace in figure.data] == ["a", "b", "c"]


def test_a_threshold_is_a_named_line():
    figure = metric_figure([line([1, 2])], title="x", thresholds={"limit <b>": 1.5, "unknown": math.nan})
    (shape,) = figure.layout.shapes
    assert (shape.y0, shape.y1) == (1.5, 1.5)
    assert figure.layout.annotations[0].text == "limit &lt;b&gt;"


def test_events_of_one_moment_share_a_mark():
    at = datetime(2013, 2, 2, tzinfo=UTC)
    marks = [Mark(at, f"alert {n}", "alert") for n in range(9)]
    figure = metric_figure([line([1, 2, 3])], title="x", events=[*marks, Mark(at, "deployed", "deploy")])
    assert len(figure.layout.shapes) == 2
    alert, event = figure.data[1:]
    assert alert.text[0].endswith("… +3")
    assert (alert.marker.symbol, event.marker.symbol) == ("triangle-down", "diamond")
    assert event.text[0] == "deployed"


def test_the_clock_of_the_axis_is_the_subjects():
    one = Line("x", np.array(["2013-02-08T05:00"], dtype="datetime64[us]"), np.array([1.0]))
    at = Mark(datetime(2013, 2, 8, 5, tzinfo=UTC), "alert", "alert")
    figure = metric_figure([one], title="x", timezone="America/New_York", events=[at])
    assert str(figure.data[0].x[0]).startswith("2013-02-08T00:00")
    assert figure.data[1].x[0].startswith("2013-02-08T00:00")


def test_daylight_saving_shifts_the_clock():
    times = np.array(["2013-03-10T06:30", "2013-03-10T07:30"], dtype="datetime64[us]")
    assert [str(time)[11:16] for time in local(times, "America/New_York")] == ["01:30", "03:30"]


def test_long_series_are_thinned_and_keep_their_peaks():
    values = np.random.default_rng(1).normal(size=100_000)
    values[54_321] = 99.0
    figure = metric_figure([line(values)], title="x", points=1_000)
    assert len(figure.data[0].y) <= 1_002
    assert max(figure.data[0].y) == 99.0


def test_thinning_keeps_holes():
    values = np.ones(10_000)
    values[4_000:6_000] = math.nan
    assert np.isnan(values[thin(values, 100)]).any()


def test_names_are_as_short_as_they_can_be():
    percents = [line([1], name=f"system_{part}_percent", host="a") for part in ("cpu", "memory")]
    assert labels_of(percents) == ["cpu", "memory"]
    versions = [line([1], model="m", version=v) for v in "12"]
    assert labels_of(versions) == ["version 1", "version 2"]
    assert labels_of(versions, "pt_BR") == ["versão 1", "versão 2"]
    assert labels_of([line([1], name="missing_ratio", feature="age")]) == ["age"]
    assert labels_of([line([1], name="a_b"), line([1], name="a_b")]) == ["a_b", "a_b"]


def test_only_alerts_that_fired_are_marked():
    at = datetime(2013, 2, 8, tzinfo=UTC)
    rows = [
        AlertRow("a", "r", {}, "model/m@c", "critical", "firing", at, fired_at=at, summary="gone"),
        AlertRow("b", "r", {}, "model/m@c", "critical", "pending", at),
    ]
    assert [(mark.text, mark.kind) for mark in marks_of_alerts(rows)] == [("critical: gone", "alert")]


def test_an_alert_is_marked_at_its_reading_where_that_is_known():
    found, read = datetime(2013, 2, 9, 5, tzinfo=UTC), datetime(2013, 2, 8, 5, tzinfo=UTC)
    row = AlertRow("a", "r", {}, "model/m@c", "critical", "resolved", found, fired_at=found)
    event = EventRow("model/m@c", read, "alert_fired", "", {"alert": "a"})
    assert [mark.time for mark in marks_of_alerts([row], [event])] == [read]
    assert [mark.time for mark in marks_of_alerts([row])] == [found]


def test_many_marks_do_not_hide_the_data():
    marks = [Mark(datetime(2013, 2, 1, tzinfo=UTC) + timedelta(hours=n), "a", "alert") for n in range(40)]
    figure = metric_figure([line([1, 2, 3])], title="x", events=marks)
    assert {shape.opacity for shape in figure.layout.shapes} == {0.18}
    assert len(drift_heatmap([line([0.1], feature="a")], title="x", events=marks).layout.shapes) == 0


def test_a_count_that_stays_zero_stands_on_the_ground():
    assert metric_figure([line([0, 0])], title="x", zero=True).layout.yaxis.range == (0, 1)


# --- hostile text


def test_no_markup_survives():
    text = plain(HOSTILE)
    assert "<" not in text
    assert "\x00" not in text
    assert "\u202e" not in text


def test_json_cannot_end_its_script():
    figures = [
        metric_figure([line([1, 2], feature=HOSTILE)], title=HOSTILE, unit=HOSTILE),
        empty_figure(HOSTILE, HOSTILE),
        drift_figure([HOSTILE, "b"], ["b"], HOSTILE),
        drift_heatmap([line([0.4], feature=HOSTILE)], [line([1.0], feature=HOSTILE)], title=HOSTILE),
    ]
    for figure in figures:
        text = figure_json(figure)
        assert "<" not in text
        assert "&" not in text
        assert "<a href" not in str(json.loads(text))
        assert "%{x} $x" not in str([trace.hovertemplate for trace in figure.data])


# --- the heat map


def test_drift_is_marked_beside_its_colour():
    note = Line(
        "drift_detected", line([0, 1]).times, np.array([0.0, 1.0]), {"feature": "a"}, ("", "median 2 -> 31")
    )
    figure = drift_heatmap(
        [line([0.01, 0.5], feature="a"), line([0.02, 0.03], feature="b")], [note], title="Drift"
    )
    cells, marks = figure.data
    assert cells.y == ("b", "a")  # what drifted stands on top
    assert marks.y == ("a",)
    assert marks.x == (cells.x[1],)
    assert marks.text == ("a: median 2 -&gt; 31",)
    assert marks.marker.symbol == "diamond"
    said = figure.layout.title.subtitle.text
    assert "Colour: size of the shift. Diamond: judged as drift." in said
    assert cells.colorbar.title.text == "size of the shift"
    assert cells.colorbar.title.font.size == cells.colorbar.tickfont.size == 12


def test_a_page_may_explain_the_heat_map_itself():
    bare = heatmap_draft([line([0.5], feature="a")], title="Drift", explained=True)
    assert "subtitle" not in bare.layout["title"]
    assert bare.data[0]["showscale"] is False


def test_a_share_is_in_per_cent_on_axis_and_hover():
    draft = metric_draft([line([0.1, 0.2])], title="x", unit="share")
    assert draft.layout["yaxis"]["tickformat"] == "~%"
    assert draft.data[0]["hovertemplate"] == "%{y:.2~%}"
    assert metric_draft([line([0.1])], title="x").data[0]["hovertemplate"] == "%{y:.4~g}"


@pytest.mark.parametrize("series", [[], [line([], feature="a")], [line([math.nan], feature="a")]])
def test_a_heat_map_of_nothing_says_so(series):
    assert sentence(drift_heatmap(series, title="Drift")) == "No drift readings yet."


def test_many_windows_are_pooled_to_the_worst():
    values = np.zeros(1_000)
    values[777] = 0.9
    figure = drift_heatmap([line(values, feature="a")], [line(values > 0.5, feature="a")], title="Drift")
    assert len(figure.data[0].x) <= 400
    assert np.max(figure.data[0].z) == 0.9
    assert len(figure.data[1].x) == 1


def test_many_features_are_cut_and_it_is_said():
    effects = [line([0.01 * n], feature=f"f{n}") for n in range(50)]
    figure = drift_heatmap(effects, title="Drift", features=10)
    assert figure.data[0].y[-1] == "f49"
    assert len(figure.data[0].y) == 10
    assert "10 strongest of 50" in figure.layout.title.subtitle.text


def test_a_hole_in_time_stays_empty():
    times = DAY + np.array([0, 1, 2, 9, 10]) * np.timedelta64(1, "D")
    one = Line("drift_effect", times, np.full(5, 0.1), {"feature": "a"})
    z = np.asarray(drift_heatmap([one], title="Drift").data[0].z)[0]
    assert np.isnan(z).tolist() == [False, False, False, True, True, False, False]


def test_long_names_that_became_equal_stay_two_rows():
    effects = [line([0.1], feature="x" * 50 + middle + "y" * 50) for middle in "ab"]
    assert len(set(drift_heatmap(effects, title="Drift").data[0].y)) == 2


# --- distributions


def profiles(before, after):
    base = TableProfile.of({"c": before})
    return base.columns["c"], TableProfile.of({"c": after}, like=base).columns["c"]


def test_shares_of_a_numeric_profile_are_those_of_the_rows():
    rng = np.random.default_rng(2)
    before, after = rng.normal(size=20_000), rng.normal(0.5, 1.2, size=3_000)
    base, window = profiles(before, after)
    grid = np.linspace(-2.5, 3.0, 12)
    for side, raw in ((base, before), (window, after)):
        exact = np.histogram(np.clip(raw, grid[0], grid[-1]), grid)[0] / raw.size
        assert np.abs(_shares(side, grid) - exact).max() < 0.004
        assert _shares(side, grid).sum() == pytest.approx(1.0)


def test_atoms_keep_their_share():
    base, window = profiles([0.0] * 60 + list(range(1, 41)), [0.0] * 10 + list(range(1, 11)))
    figure = distribution_figure(base, window, title="c")
    bars = figure.data[0]
    assert bars.y[int(np.argmin(np.abs(bars.x)))] >= 0.6
    assert sum(bars.y) == pytest.approx(1.0)


def test_few_whole_numbers_get_a_bar_each():
    base, window = profiles([1.0, 2.0, 2.0, 5.0] * 10, [5.0] * 7)
    figure = distribution_figure(base, window, title="c")
    assert np.allclose(figure.data[0].x, [1, 2, 3, 4, 5])
    assert np.allclose(figure.data[0].y, [0.25, 0.5, 0, 0, 0.25])
    assert np.allclose(figure.data[1].y[1:-1], [0, 0, 0, 0, 1])


def test_values_beyond_the_baseline_are_seen():
    base, window = profiles(np.linspace(0, 1, 1_000), np.full(50, 7.0))
    figure = distribution_figure(base, window, title="c")
    assert max(figure.data[0].x) > 6.5
    assert sum(figure.data[1].y) == pytest.approx(1.0)


def test_a_constant_column_is_drawn():
    base, window = profiles([3.0] * 100, [3.0] * 10)
    figure = distribution_figure(base, window, title="c")
    assert sum(figure.data[0].y) == pytest.approx(1.0)


def test_levels_are_compared_as_shares():
    base, window = profiles(["UA"] * 3 + ["B6"], ["UA", "B6", "B6", "B6"])
    figure = distribution_figure(base, window, title="c")
    assert figure.layout.xaxis.ticktext == ("UA", "B6")
    assert figure.data[0].y == (0.75, 0.25)
    assert figure.data[1].y == (0.25, 0.75)


def test_many_levels_are_cut_to_the_frequent_and_the_rest():
    before = [f"l{n:03}" for n in range(100) for _ in range(n + 1)]
    base, window = profiles(before, before)
    figure = distribution_figure(base, window, title="c")
    assert len(figure.data[0].y) == 21
    assert figure.layout.xaxis.ticktext[-1] == "all others"
    assert sum(figure.data[0].y) == pytest.approx(1.0)


def test_counts_and_missing_stand_below_the_title():
    base, window = profiles([1.0, 2.0, 3.0, 4.0], [1.0, math.nan])
    text = distribution_figure(base, window, title="c").layout.title.subtitle.text
    assert text == "baseline: 4 rows, 0 % missing · window: 2 rows, 50 % missing"


def test_an_empty_side_is_named():
    base, window = profiles([1.0, 2.0], [math.nan])
    assert "the window has no values" in sentence(distribution_figure(base, window, title="c"))
    assert "the baseline has no values" in sentence(distribution_figure(None, window, title="c"))


@pytest.mark.parametrize(
    "wrap",
    [list, np.array, pd.Series, pl.Series, lambda v: np.array(v, dtype=object)],
    ids=["list", "array", "pandas", "polars", "objects"],
)
def test_raw_numbers_of_any_kind(wrap):
    figure = drift_figure(wrap([1.0, 2.0, 3.0, 4.0]), wrap([3.0, 4.0, math.nan]), "c")
    assert sum(figure.data[0].y) == pytest.approx(1.0)
    assert "current: 3 rows, 33.3 % missing" in figure.layout.title.subtitle.text


def test_raw_text_with_missing():
    figure = drift_figure(["a", "b", None], np.array(["b", float("nan")], dtype=object), "c")
    assert figure.layout.xaxis.ticktext == ("b", "a")
    assert figure.data[1].y == (1.0, 0.0)


def test_raw_data_leaves_no_rows_in_the_figure():
    values = np.random.default_rng(3).normal(size=200_000)
    assert len(figure_json(drift_figure(values, values, "c"))) < 10_000


@pytest.mark.parametrize("bad", [[], [math.nan, math.inf], [None, None]])
def test_raw_data_without_values(bad):
    assert "the current data has no values" in sentence(
        drift_figure([1.0, 2.0], np.array(bad, dtype=float), "c")
    )


def test_two_dimensions_are_refused_with_advice():
    with pytest.raises(InputError, match="add_drift_chart"):
        drift_figure(np.zeros((3, 2)), np.zeros((3, 2)), "c")


def test_figures_speak_portuguese():
    assert sentence(metric_figure([], title="x", locale="pt_BR"))


def test_figures_use_colours_of_the_table_only():
    at = datetime(2013, 2, 2, tzinfo=UTC) + timedelta(hours=1)
    figure = metric_figure(
        [line([1, 2, 3])], title="x", events=[Mark(at, "a", "alert")], thresholds={"t": 2.0}
    )
    known = {light for light, _dark in theme.TOKENS.values()}
    text = json.loads(figure_json(figure))

    def colours(value):
        if isinstance(value, dict):
            return {found for one in value.values() for found in colours(one)}
        if isinstance(value, list):
            return {found for one in value for found in colours(one)}
        return {value} if isinstance(value, str) and value.startswith("#") else set()

    assert colours(text) <= known
    assert len(colours(text)) > 5


def test_a_draft_is_the_figure_as_plain_data():
    values = np.array([0.1, np.nan, 0.4])
    marks = [Mark(datetime(2013, 2, 8, tzinfo=UTC), "storm </script>", "alert")]
    draft = metric_draft(
        [line(values.tolist())], title="<x>", events=marks, thresholds={"most": 0.3}, unit="share"
    )
    text = draft.json()
    assert "<" not in text
    plain_data, figure = json.loads(text), draft.figure()
    assert [trace["name"] for trace in plain_data["data"]] == [trace.name for trace in figure.data]
    coded = plain_data["data"][0]["y"]
    assert np.allclose(np.frombuffer(base64.b64decode(coded["bdata"]), "<f4"), values, equal_nan=True)
    assert len(plain_data["layout"]["shapes"]) == len(figure.layout.shapes) == 2
    assert (
        plain_data["layout"]["template"]["layout"]["font"]
        == figure.layout.template.layout.font.to_plotly_json()
    )


def test_cells_are_coded_by_rows():
    effects = [line([0.1, 0.2], feature="a"), line([0.3, 0.4], feature="b")]
    cells = json.loads(heatmap_draft(effects, title="x").json())["data"][0]
    assert cells["z"]["shape"] == "2, 2"
    rows = np.frombuffer(base64.b64decode(cells["z"]["bdata"]), "<f4").reshape(2, 2)
    assert np.allclose(rows[cells["y"].index("b")], [0.3, 0.4])


@pytest.mark.parametrize(
    ("hours", "every", "step"),
    [(199, 1, None), (720, 1, 6), (365 * 24, 24, 7 * 24), (365 * 24, 1, 7 * 24), (300, 1, 3)],
)
def test_too_many_windows_share_their_cells(hours: int, every: int, step: int | None):
    times = np.datetime64("2026-01-01T05", "us") + np.arange(0, hours, every) * np.timedelta64(1, "h")
    found = pool_step(times)
    assert found == (None if step is None else timedelta(hours=step))
    values = np.linspace(0, 1, len(times))
    one = Line("drift_effect", times, values, {"feature": "a"})
    figure = drift_heatmap([one], title="x")
    assert len(figure.data[0].x) <= 201
    assert np.nanmax(figure.data[0].z) == 1.0
    assert ("A cell is" in figure.layout.title.subtitle.text) == (step is not None)


def test_reliability_has_the_diagonal_the_baseline_and_the_window() -> None:
    window = [[50, 0.2, 0.3, 0.19, 0.44], [50, 0.8, 0.7, 0.56, 0.81]]
    draft = reliability_draft(window, window, title="<b>t</b>", locale="pt_BR")
    assert [trace["name"] for trace in draft.data] == ["perfeita", "referência", "janela"]
    bars = draft.data[2]["error_y"]
    assert (bars["array"][0], bars["arrayminus"][0]) == (pytest.approx(0.14), pytest.approx(0.11))
    assert "<b>" not in draft.json()
    assert len(reliability_draft(window, title="t").data) == 2
    draft.figure()


def test_reliability_without_bins_says_so() -> None:
    assert "No values yet." in reliability_draft([], title="t").json()
