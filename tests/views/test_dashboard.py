from __future__ import annotations

import html
import math
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from mirante.errors import InputError, MiranteWarning
from mirante.readings import Reading
from mirante.store import AlertRow, Store
from mirante.views.dashboard import MLflowDashboard, write_dashboard
from tests.views.browser import drawn, opened
from tests.views.filled import SUBJECT, filled_store, utc

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
STAMPS = ["2013-02-08T00:00:00Z", "2013-02-07T00:00:00Z", "2013-02-09T00:00:00Z"]


def words(path: Path) -> str:
    """What a reader without JavaScript reads."""
    text = re.sub(r"<(script|style|title)\b.*?</\1>", " ", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


# --- the reference API


def test_a_dashboard_is_one_file_with_plotly_once(tmp_path: Path):
    dashboard = MLflowDashboard(log=False)
    frame = pd.DataFrame({"timestamp": pd.to_datetime(STAMPS), "accuracy": [0.5, 0.9, 0.7]})
    dashboard.add_metric_chart(frame, "accuracy", "Accuracy")
    dashboard.add_metric_chart(frame, "accuracy", "Again")
    dashboard.add_drift_chart(np.arange(50.0), np.arange(50.0) + 9, "Age")
    path = dashboard.save_dashboard(tmp_path / "d.html")
    assert path == tmp_path / "d.html"
    text = path.read_text(encoding="utf-8")
    assert text.count("* plotly.js v") == 1
    assert len(text) < 6_000_000
    assert "Latest 0.7 (Feb 9, 2013), lowest 0.5 (Feb 8, 2013), highest 0.9 (Feb 7, 2013)" in words(path)


def test_no_charts_is_a_clear_page(tmp_path: Path):
    path = MLflowDashboard(log=False).save_dashboard(str(tmp_path / "d.html"))
    assert "This dashboard holds no charts yet" in words(path)


@pytest.mark.parametrize(
    "wrap",
    [dict, pd.DataFrame, pl.DataFrame, lambda data: pl.DataFrame(data).lazy(), pa.table],
    ids=["dict", "pandas", "polars", "lazy", "arrow"],
)
@pytest.mark.parametrize(
    "stamps",
    [
        STAMPS,
        [datetime.fromisoformat(one) for one in STAMPS],
        [datetime.fromisoformat(one).replace(tzinfo=None) for one in STAMPS],
        [int(datetime.fromisoformat(one).timestamp()) for one in STAMPS],
        [int(datetime.fromisoformat(one).timestamp()) * 1000 for one in STAMPS],
        [datetime.fromisoformat(one).timestamp() * 1e6 for one in STAMPS],
    ],
    ids=["iso", "aware", "naive", "seconds", "milliseconds", "microseconds"],
)
def test_any_table_and_any_timestamp(wrap, stamps):
    dashboard = MLflowDashboard(log=False)
    dashboard.add_metric_chart(wrap({"timestamp": stamps, "m": [2.0, 1.0, 3.0]}), "m", "M")
    assert dashboard.charts[0].caption.startswith("Latest 3 (Feb 9, 2013), lowest 1 (Feb 7, 2013)")


@pytest.mark.parametrize("values", [[], [math.nan] * 3, ["a", None, "c"]])
def test_a_metric_without_numbers_says_so(values, tmp_path: Path):
    dashboard = MLflowDashboard(log=False)
    dashboard.add_metric_chart({"timestamp": STAMPS[: len(values)], "m": values}, "m", "M")
    assert "No values yet." in dashboard.save_dashboard(tmp_path / "d.html").read_text()


def test_a_missing_column_is_named_with_those_that_are_there():
    with pytest.raises(InputError, match="no column 'timestamp'; its columns are: 'time', 'm'"):
        MLflowDashboard(log=False).add_metric_chart(pd.DataFrame({"time": STAMPS, "m": [1, 2, 3]}), "m", "M")
    with pytest.raises(InputError, match="no column 'n'"):
        MLflowDashboard(log=False).add_metric_chart({"timestamp": STAMPS, "m": [1, 2, 3]}, "n", "N")


def test_timestamps_that_are_none_are_refused():
    with pytest.raises(InputError, match="'timestamp' cannot be read"):
        MLflowDashboard(log=False).add_metric_chart({"timestamp": ["noon"], "m": [1]}, "m", "M")


def test_tables_give_a_chart_for_each_common_column():
    dashboard = MLflowDashboard(log=False)
    before = pd.DataFrame({"age": [1.0, 2.0], "city": ["a", "b"], "gone": [1, 2]})
    dashboard.add_drift_chart(before, before[["city", "age"]], "Drift")
    assert [chart.title for chart in dashboard.charts] == ["Drift: age", "Drift: city"]
    dashboard.add_drift_chart(np.zeros((5, 2)), np.ones((5, 2)), "Array")
    assert [chart.title for chart in dashboard.charts[2:]] == ["Array: 0", "Array: 1"]
    dashboard.add_drift_chart(pd.Series([1.0, 2.0], name="a"), pl.Series("b", [2.0, 3.0]), "Series")
    assert dashboard.charts[-1].title == "Series"


def test_tables_without_a_common_column_are_refused():
    with pytest.raises(InputError, match="at least one column in common"):
        MLflowDashboard(log=False).add_drift_chart(
            pd.DataFrame({"a": [1], "b": [1]}), pd.DataFrame({"c": [1], "d": [1]}), "x"
        )


def test_without_a_server_there_is_a_warning_and_the_file(tmp_path: Path, tracking_off: str):
    with pytest.warns(MiranteWarning):
        path = MLflowDashboard().save_dashboard(tmp_path / "d.html")
    assert path.exists()


@pytest.mark.server
def test_the_file_is_logged_to_the_callers_run(
    tmp_path: Path, mlflow_server: str, monkeypatch: pytest.MonkeyPatch
):
    import mlflow

    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server)
    mlflow.set_tracking_uri(mlflow_server)
    with mlflow.start_run() as run:
        MLflowDashboard().save_dashboard(tmp_path / "mine.html")
    names = [one.path for one in mlflow.MlflowClient().list_artifacts(run.info.run_id)]
    assert names == ["mine.html"]


@pytest.mark.browser
def test_hostile_titles_run_nothing(tmp_path: Path):
    dashboard = MLflowDashboard(HOSTILE, log=False)
    dashboard.add_metric_chart({"timestamp": STAMPS, HOSTILE: [1, 2, 3]}, HOSTILE, HOSTILE)
    dashboard.add_drift_chart([HOSTILE, "b"], ["b", HOSTILE], HOSTILE)
    with opened(dashboard.save_dashboard(tmp_path / "d.html")) as page:
        assert drawn(page) == 2
        assert page.locator("h1").inner_text() == HOSTILE
        assert page.locator("img").count() == 0


# --- the whole store


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dashboard")
    with filled_store(folder) as store:
        return write_dashboard(store, folder / "d.html", timezone="America/New_York", now=utc("2013-03-01"))


def test_the_page_reads_without_javascript(saved: Path):
    text = words(saved)
    for part in (
        "2 subjects are watched, 1 needs a person. Times are in America/New_York.",
        "Model nyc-flight-delay@champion",
        "51 % of dep_delay is missing in nyc-flight-delay, since Feb 8, 2013.",
        "Host gru-01",
        "missing_values",
        "firing",
        "feature_drift",
        "Feb 10, 2013",
        "dep_delay moved: KS distance",
        "6 cells are drift.",
        "2 / 28",
        "Charts need JavaScript",
        "Written by Mirante",
    ):
        assert part in text, part


def test_it_holds_what_each_kind_of_subject_needs(saved: Path):
    headings = re.findall(r"<h3>(.*?)</h3>", saved.read_text(encoding="utf-8"))
    for title in ("Predictions", "Latency", "Missing values", "Outliers", "Network", "CPU, memory and disk"):
        assert title in headings
    assert any(title.startswith("Drift:") for title in headings)
    assert any("baseline and window of Feb 9, 2013" in title for title in headings)


def test_the_subject_that_needs_a_person_comes_first(saved: Path):
    text = words(saved)
    assert text.index("nyc-flight-delay@champion") < text.index("gru-01")


def test_the_file_is_bounded(saved: Path):
    text = saved.read_text(encoding="utf-8")
    assert len(text) < 6_000_000
    assert text.count("* plotly.js v") == 1


@pytest.mark.browser
@pytest.mark.parametrize(("width", "dark"), [(1440, False), (360, False), (1280, True)])
def test_chromium_shows_every_chart_offline(saved: Path, width: int, dark: bool):
    with opened(saved, width=width, dark=dark) as page:
        charts = page.locator(".chart").count()
        assert charts >= 12
        assert drawn(page) == charts
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        ground = page.evaluate("getComputedStyle(document.querySelector('.chart')).backgroundColor")
        paper = page.evaluate("document.querySelector('.plot .main-svg').style.background")
        assert ground == paper == ("rgb(23, 28, 36)" if dark else "rgb(255, 255, 255)")


@pytest.mark.browser
def test_months_are_in_the_readers_language(tmp_path: Path):
    with filled_store(tmp_path) as store:
        path = write_dashboard(store, tmp_path / "d.html", locale="pt_BR")
    with opened(path) as page:
        drawn(page)
        ticks = page.eval_on_selector_all(".xtick text", "all => all.map((one) => one.textContent)")
    assert any("fev" in tick for tick in ticks)
    assert not any("Feb" in tick for tick in ticks)


@pytest.mark.browser
def test_the_switch_turns_charts_and_page(saved: Path):
    with opened(saved) as page:
        drawn(page)
        page.get_by_role("button", name="Light or dark").click()
        page.wait_for_selector(".chart:not([data-drawn=dark])", state="detached")
        assert (
            page.evaluate("document.querySelector('.plot .main-svg').style.background") == "rgb(23, 28, 36)"
        )


@pytest.mark.browser
def test_without_javascript_the_tables_are_shown(saved: Path):
    with opened(saved, javascript=False) as page:
        assert page.get_by_text("feature_drift").first.is_visible()


def test_an_empty_store_is_a_clear_page(tmp_path: Path):
    with Store(f"sqlite:///{tmp_path}/m.db") as store:
        path = write_dashboard(store, tmp_path / "d.html")
    assert "The store holds no readings yet" in words(path)


@pytest.mark.browser
def test_hostile_names_of_everything(tmp_path: Path):
    with Store(f"sqlite:///{tmp_path}/m.db") as store:
        labels = {"model": HOSTILE, "alias": "a", "version": HOSTILE, "feature": HOSTILE}
        at = utc("2013-02-08")
        store.readings.write(
            Reading(name, 1.0, at, labels, HOSTILE)
            for name in ("drift_effect", "drift_detected", "missing_ratio")
        )
        (row,) = store.readings.subjects()
        store.alerts.save(
            AlertRow(
                "a",
                HOSTILE,
                labels,
                row.subject,
                HOSTILE,
                "firing",
                at,
                fired_at=at,
                summary=HOSTILE,
                note=HOSTILE,
            )
        )
        path = write_dashboard(store, tmp_path / "d.html", title=HOSTILE)
    with opened(path) as page:
        assert drawn(page) == page.locator(".chart").count() == 2
        assert page.locator("img").count() == 0
    assert HOSTILE in words(path)


def test_it_speaks_portuguese(tmp_path: Path):
    with filled_store(tmp_path, firing=False) as store:
        path = write_dashboard(store, tmp_path / "d.html", locale="pt_BR", subjects=[SUBJECT])
    text = path.read_text(encoding="utf-8")
    assert '<html lang="pt-BR">' in text
    assert "fev. de 2013" in text
    assert "gru-01" not in text


def test_a_profile_that_cannot_be_read_leaves_the_rest(tmp_path: Path):
    with filled_store(tmp_path) as store:
        from mirante.store import BaselineRow

        store.baselines.put(BaselineRow(SUBJECT, "1", datetime(2013, 2, 1, tzinfo=UTC), 1, b"not a profile"))
        path = write_dashboard(store, tmp_path / "d.html")
    assert "Predictions" in words(path)
    assert "baseline and window of" not in words(path)


def test_many_past_alerts_are_told_by_rule(tmp_path: Path):
    with filled_store(tmp_path, firing=False) as store:
        old = store.alerts.list(subject=SUBJECT, states=["resolved"])[0]
        for number in range(19):
            at = old.active_at + timedelta(days=number)
            store.alerts.save(replace(old, id=f"more{number}", active_at=at, note=f"note {number}"))
        path = write_dashboard(store, tmp_path / "d.html", timezone="America/New_York")
    text = words(path)
    assert "20 Feb 8, 2013 Feb 26, 2013 note 18" in text
    assert "Each of them" in text


def test_the_sum_of_all_predictions_is_no_chart(tmp_path: Path):
    with filled_store(tmp_path) as store:
        labels = {"model": "nyc-flight-delay", "alias": "champion", "version": "1"}
        store.readings.write(
            [
                Reading("predictions_read_total", 900.0 * day, utc(f"2013-02-0{day}"), labels)
                for day in (1, 2, 3)
            ]
        )
        text = write_dashboard(store, tmp_path / "d.html", title="x").read_text(encoding="utf-8")
    assert "Predictions read total" not in text


# --- what the file may hold at most


def test_windows_are_listed_newest_first_and_bounded():
    from mirante.i18n import translator
    from mirante.store import WindowRow
    from mirante.views.dashboard.panels import windows_panel

    columns = {name: {"drifted": True, "effect": 0.1 * i} for i, name in enumerate("abcde")}
    verdicts = {"columns": columns, "outliers": 5, "latency": {"p95": 0.004}, "performance": {"mae": 2.0}}
    rows = [
        WindowRow("m", "1", utc("2013-01-01") + timedelta(hours=h), utc("2013-01-01"), 100, closed=h != 499)
        for h in range(500)
    ]
    rows[498] = replace(rows[498], verdicts=verdicts)
    panel = windows_panel(rows, translator("en"), "UTC")
    assert panel is not None
    assert [cell.text.replace("\u202f", " ") for cell in panel.table.rows[0]] == [
        "Jan 21, 2013, 6:00 PM", "100", "e, d, c +2", "5 %", "4 ms", "2",
    ]  # fmt: skip
    assert [cell.text for cell in panel.table.rows[1]][2:] == ["–"] * 4
    assert len(panel.table.rows) + len(panel.more.rows) == 400
    assert panel.more.note == "The newest 400 of 499."
    assert windows_panel(rows[499:], translator("en"), "UTC") is None


def test_many_subjects_lines_and_points_are_bounded_and_said(tmp_path: Path):
    with Store(f"sqlite:///{tmp_path}/m.db") as store:
        at = utc("2013-02-08")
        store.readings.write(
            Reading("system_cpu_percent", 1.0, at, {"host": f"web-{n:03}"}) for n in range(230)
        )
        busy = {"host": "web-000"}
        many = (Reading("system_cpu_percent", i % 97, at + timedelta(minutes=i), busy) for i in range(3_000))
        store.readings.write(many)
        store.readings.write(Reading("own", 1.0, at, {**busy, "disk": str(n)}) for n in range(30))
        path = write_dashboard(store, tmp_path / "d.html")
    text = words(path)
    assert "12 of 30 lines: those with the newest readings." in text
    assert "210 subjects have no charts here: the 20 that need a person most have." in text
    assert "30 subjects are not listed." in text
    assert "Of each line about 150 points are drawn" in text
    page = path.read_text(encoding="utf-8")
    assert page.count("<h2><a href=") == 20
    assert page.count('<li class="card') == 200
    assert len(page) < 6_000_000


@pytest.mark.browser
def test_the_toolbar_is_shown_to_who_points_at_a_chart_and_covers_no_data(saved: Path):
    with opened(saved) as page:
        drawn(page)
        page.mouse.move(0, 0)
        charts = page.locator(".chart[data-figure]")
        for number in range(charts.count()):
            bar = charts.nth(number).locator(".modebar")
            assert bar.evaluate("bar => getComputedStyle(bar).opacity") == "0"
            plot = charts.nth(number).locator(".plot").bounding_box()
            at = charts.nth(number).locator(".modebar-container").bounding_box()
            buttons = charts.nth(number).locator(".modebar-group").first.bounding_box()
            assert plot is not None
            assert at is not None
            assert buttons is not None
            assert buttons["y"] + buttons["height"] <= plot["y"] + 6, (number, at, plot, buttons)
        charts.nth(1).hover()
        bar = charts.nth(1).locator(".modebar")
        page.wait_for_function("bar => getComputedStyle(bar).opacity === '1'", arg=bar.element_handle())


@pytest.mark.browser
def test_pictures_are_saved_from_the_toolbar(saved: Path):
    with opened(saved) as page:
        drawn(page)
        chart = page.locator(".chart").nth(1)
        chart.hover()
        for title, start in (("Save as PNG", b"\x89PNG"), ("Save as SVG", b"<svg")):
            with page.expect_download() as waiting:
                chart.locator(f'.modebar-btn[data-title="{title}"]').click()
            name, content = waiting.value.suggested_filename, Path(waiting.value.path()).read_bytes()
            assert (name, content[:4]) == (f"Predictions.{title[-3:].lower()}", start)
            assert len(content) > 5_000


@pytest.mark.browser
def test_it_prints_in_light_colours_without_buttons(saved: Path):
    with opened(saved, dark=True) as page:
        drawn(page)
        assert page.pdf()[:5] == b"%PDF-"
        page.emulate_media(media="print")
        assert page.locator("h2").first.is_visible()
        assert not page.get_by_role("button", name="Light or dark").is_visible()


@pytest.mark.browser
def test_headings_make_an_outline(saved: Path):
    with opened(saved) as page:
        levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3')].map(e => +e.tagName[1])")
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
