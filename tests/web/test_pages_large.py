"""Pages of a store with many subjects and long histories: what they ask for, and how large they become."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from sqlalchemy import event

from mirante.readings import Reading, model_subject
from mirante.store import AlertRow, Store, WindowRow
from mirante.web.pages import Query, alert_page, alerts_page, host_page, model_page, overview
from tests.web.conftest import NOW
from tests.web.test_pages import Reader, ask

KILOBYTES = 500  # the most that a page may have, without plotly.js
FEATURES = 12
WINDOWS = 900
SUBJECT = model_subject("m", "champion")


def statements(store: Store, make: Callable[[], Any]) -> list[str]:
    """Return what a call asks of the database."""
    said: list[str] = []

    def listen(*call: Any) -> None:
        said.append(call[2])

    event.listen(store._database.engine, "before_cursor_execute", listen)
    try:
        make()
    finally:
        event.remove(store._database.engine, "before_cursor_execute", listen)
    return [one for one in said if one != "BEGIN"]


def fill(store: Store, models: range) -> None:
    """Write models of every sort (quiet, drifted, with predictions alone, with another number) and hosts."""
    readings: list[Reading] = []
    for number in models:
        labels = {"model": f"model-{number:03}", "alias": "champion", "version": "1"}
        for hours in range(4):
            time = NOW - timedelta(hours=hours)
            if number % 4 < 2:
                readings.append(Reading("drift_share", float(number % 2), time, labels))
                about = {**labels, "feature": "age"}
                readings.append(Reading("drift_detected", float(number % 2), time, about, "age drifted."))
            name = "monitor_dropped_total" if number % 4 == 3 else "predictions"
            readings.append(Reading(name, 500.0, time, labels))
            readings.append(Reading("system_cpu_percent", 5.0, time, {"host": f"web-{number:03}"}))
    store.readings.write(readings)


def test_more_subjects_do_not_mean_more_queries(empty_store: Store):
    fill(empty_store, range(8))
    few = statements(empty_store, lambda: overview(empty_store, ask()))
    fill(empty_store, range(8, 48))
    many = statements(empty_store, lambda: overview(empty_store, ask()))
    assert len(many) <= len(few)  # those that wait stand before the calm ones, which need more words


def test_the_overview_has_pages_and_is_narrowed_by_name_and_state(empty_store: Store):
    fill(empty_store, range(40))
    empty_store.alerts.save(
        AlertRow("1", "r", {}, model_subject("model-021", "champion"), "critical", "firing", NOW, NOW)
    )
    first = Reader(overview(empty_store, ask()))
    assert "Page 1 of 2" in first.text
    assert overview(empty_store, ask()).count("<article") == 60
    assert overview(empty_store, ask(cards="2")).count("<article") == 20
    assert 'class="card card-critical"' in overview(empty_store, ask())
    assert 'class="card card-critical"' not in overview(empty_store, ask(cards="2"))
    found = overview(empty_store, ask(find="MODEL-02"))
    assert sorted(re.findall(r"<bdi>(model-\d+)</bdi></a>", found)) == [
        f"model-{n:03}" for n in range(20, 30)
    ]
    urgent = overview(empty_store, ask(find="model-02", state="critical"))
    assert re.findall(r"<bdi>(model-\d+)</bdi></a>", urgent) == ["model-021"]
    links = {attributes.get("href") for tag, attributes in Reader(found).tags if tag == "a"}
    assert {"/?find=MODEL-02&state=critical", "/?find=MODEL-02&state=ok"} <= links
    nothing = overview(empty_store, ask(find="no such name"))
    assert "Nothing with this name and state." in nothing
    assert "mirante up" not in nothing


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A model whose history is longer than a page can show: hours of a month, and the days before."""
    rng = np.random.default_rng(1)
    hours = [NOW - timedelta(hours=n) for n in range(720)]
    starts = sorted(hours + [hours[-1] - timedelta(days=n) for n in range(1, WINDOWS - 719)])
    labels = {"model": "m", "alias": "champion", "version": "1"}
    with Store(f"sqlite:///{tmp_path_factory.mktemp('year')}/m.db") as store:
        readings: list[Reading] = []
        for place, start in enumerate(starts):
            moved = place % 97 == 0
            names = ("predictions", "outlier_ratio", "performance_accuracy", "performance_log_loss")
            names += tuple(f"prediction_latency_seconds_{q}" for q in ("p50", "p95", "p99"))
            readings += [Reading(name, float(rng.random()), start, labels) for name in names]
            readings.append(Reading("drift_share", float(moved), start, labels))
            for number in range(FEATURES):
                about = {**labels, "feature": f"feature_{number}"}
                readings.append(Reading("drift_effect", 0.9 if moved else 0.1, start, about))
                readings.append(Reading("drift_detected", float(moved), start, about, "said " * 20))
                readings.append(Reading("missing_ratio", float(rng.random()), start, about))
        store.readings.write(readings)
        columns = {f"feature_{n}": {"drifted": False, "effect": 0.1, "sentence": "x" * 90} for n in range(12)}
        with store.transaction() as connection:
            for start in starts:
                verdicts = {"columns": columns, "drifted": False, "timezone": "UTC"}
                row = WindowRow(SUBJECT, "1", start, start + timedelta(hours=1), 9, 0, True, b"", verdicts)
                store.windows.put(row, connection=connection)
        hot = [
            AlertRow(f"{n}", "r", {"n": f"{n}"}, SUBJECT, "warning", "firing", NOW, NOW, summary="s" * 80)
            for n in range(200)
        ]
        store.alerts.save_all(hot)
        yield store


@pytest.mark.parametrize("span", ["24h", "30d", "all"])
def test_a_long_history_stays_a_small_page(year: Store, span: str):
    html = model_page(year, SUBJECT, ask("/model", subject=SUBJECT, range=span))
    assert len(html.encode()) < 1000 * KILOBYTES
    assert len(alerts_page(year, ask("/alerts")).encode()) < 1000 * KILOBYTES
    assert len(overview(year, ask()).encode()) < 1000 * KILOBYTES


def test_of_a_long_history_few_verdicts_are_read(year: Store, monkeypatch: pytest.MonkeyPatch):
    read: list[int] = []
    every = year.windows.list

    def listed(*args: Any, **options: Any) -> list[WindowRow]:
        rows = every(*args, **options)
        read.append(sum(bool(row.verdicts) for row in rows))
        return rows

    monkeypatch.setattr(year.windows, "list", listed)
    html = model_page(year, SUBJECT, ask("/model", subject=SUBJECT, range="all"))
    assert f"Page 1 of {WINDOWS // 30}" in html
    assert sum(read) == 30


def test_charts_of_a_long_history_keep_few_points_and_every_peak(year: Store):
    top = NOW - timedelta(hours=345)
    year.readings.write(
        [Reading("predictions", 77_777.0, top, {"model": "m", "alias": "champion", "version": "1"})]
    )
    html = model_page(year, SUBJECT, ask("/model", subject=SUBJECT, range="all"))
    block = re.search(r'data-figure="fig-predictions">(.*?)</script>', html)
    assert block is not None
    assert 100 < block[1].count("T") <= 1_000
    assert f'"{top:%Y-%m-%dT%H:%M}"' in block[1]


def test_a_heat_map_of_many_windows_says_what_a_cell_is(year: Store):
    def page(**values: str) -> str:
        return model_page(year, SUBJECT, ask("/model", subject=SUBJECT, **values))

    assert "A cell is the strongest window of a week." in page(range="all")
    assert 'data-step="604800"' in page(range="all")
    assert "A cell is the strongest window of 6 hours." in page(range="30d")
    assert "A cell is" not in page(range="7d")
    assert "data-step" not in page(range="7d")


def test_windows_are_offered_with_their_drift(year: Store):
    page = Reader(model_page(year, SUBJECT, ask("/model", subject=SUBJECT, range="30d")))
    options = [attributes["value"] for tag, attributes in page.tags if tag == "option"]
    assert len([value for value in options if value and value.endswith("Z")]) == 200
    assert page.text.count("UTC ●") >= 2


def test_the_page_of_another_subject_has_a_bounded_number_of_charts(empty_store: Store):
    readings = [
        Reading(f"number_{n:02}", float(n + h), NOW - timedelta(hours=h), {"table": "t", "part": f"{part}"})
        for n in range(20)
        for h in range(3)
        for part in range(9)
    ]
    empty_store.readings.write(readings)
    query = Query({"subject": "table/t"}, now=NOW, path="/host")
    html = host_page(empty_store, "table/t", query)
    assert re.findall(r'data-figure="fig-r(\d+)"', html) == [str(n) for n in range(12)]


def test_what_is_known_of_alerts_is_read_once(store: Store):
    tables = ("alerts", "acknowledgements", "silences", "notices")
    told = "\n".join(statements(store, lambda: alerts_page(store, ask("/alerts"))))
    # Alerts twice: those that are open, however old, and the newest of those that are over.
    assert [len(re.findall(rf"(?:FROM|JOIN) mirante_{table}\b", told)) for table in tables] == [2, 1, 1, 1]
    told = "\n".join(statements(store, lambda: alert_page(store, f"{1:032x}", ask("/alerts"))))
    # Silences twice: the timeline asks for those of the alert's whole life, the badge for the present ones.
    assert [len(re.findall(rf"FROM mirante_{table}\b", told)) for table in tables] == [1, 1, 2, 1]
