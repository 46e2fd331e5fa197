"""Windows of two versions in one interval: both can be chosen, and each is shown as its own."""

import re
from datetime import timedelta
from html import unescape

import numpy as np
import pytest

from mirante.profiles import TableProfile
from mirante.readings import Reading
from mirante.store import BaselineRow, EventRow, Store, WindowRow
from mirante.web.pages import model_page
from mirante.web.pages.query import Query
from tests.web.conftest import NOW

SUBJECT, HOUR = "model/m@champion", timedelta(hours=1)
AT = NOW - 2 * HOUR


@pytest.fixture
def store(empty_store: Store) -> Store:
    base = TableProfile.of({"age": np.arange(100.0)})
    readings = []
    for version, rows, drifted in (("1", 70, False), ("2<b>", 30, True)):
        empty_store.baselines.put(BaselineRow(SUBJECT, version, NOW, 100, base.to_bytes()))
        profile = TableProfile.of({"age": np.arange(float(rows))}, like=base)
        column = {"drifted": drifted, "effect": 0.5 if drifted else 0.1, "n_window": rows,
                  "sentence": f"age of version {version} said"}  # fmt: skip
        empty_store.windows.put(
            WindowRow(SUBJECT, version, AT, AT + HOUR, rows, closed=True, profile=profile.to_bytes(),
                      verdicts={"columns": {"age": column}, "timezone": "UTC"})
        )  # fmt: skip
        labels = {"model": "m", "alias": "champion", "version": version}
        about = {**labels, "feature": "age"}
        readings += [
            Reading("predictions", rows, AT, labels),
            Reading("outlier_ratio", 0.01, AT, labels),
            Reading("drift_share", float(drifted), AT, labels),
            Reading("drift_effect", column["effect"], AT, about),
            Reading("drift_detected", float(drifted), AT, about, column["sentence"]),
            Reading("missing_ratio", 0.1, AT, about),
        ]
    empty_store.readings.write(readings)
    empty_store.events.add(EventRow(SUBJECT, AT, "alias_moved", "champion moved from version 1 to 2"))
    return empty_store


def page(store: Store, **values: str) -> str:
    query = {"subject": SUBJECT, "range": "all", **values}
    return model_page(store, SUBJECT, Query(query, path="/model", now=NOW))


def test_the_windows_of_both_versions_can_be_chosen(store: Store) -> None:
    html = page(store)
    keys = [unescape(key) for key in re.findall(r'<option value="([^"]+Z[^"]*)"', html)]
    assert keys == ["2013-03-31T10:00:00Z@2<b>", "2013-03-31T10:00:00Z@1"]
    assert "age of version 2&lt;b&gt; said" in html, "of the two the one that drifted"
    assert "2<b>" not in html
    other = page(store, window=keys[1])
    assert "age of version 1 said" in other
    assert re.search(r'<option value="2013-03-31T10:00:00Z@1" selected', other)
    assert other.count('aria-current="true"') == html.count('aria-current="true"')


def test_a_time_alone_means_the_version_with_most_rows(store: Store) -> None:
    assert "age of version 1 said" in page(store, window="2013-03-31T10:00:00Z")


def test_the_table_tells_the_versions_apart(store: Store) -> None:
    lines = re.findall(r'<th role="rowheader" scope="row">.*?</tr>', page(store), re.DOTALL)
    assert [("2&lt;b&gt;" in line, "chip-drift" in line) for line in lines] == [(True, True), (False, False)]


def test_the_move_is_marked_on_every_chart_over_time(store: Store) -> None:
    html = page(store)
    figures = dict(re.findall(r'id="fig-(\w+)"[^>]*>(.*?)</script>', html, re.DOTALL))
    assert {"predictions", "outliers", "missing", "heat"} <= figures.keys()
    for key in figures.keys() - {"compare"}:
        assert '"type":"line"' in figures[key].replace(" ", ""), key


def beside(store: Store, alias: str = "challenger<b>", at=AT) -> None:
    subject = f"model/m@{alias}"
    labels = {"model": "m", "alias": alias, "version": "2"}
    profile = TableProfile.of({"prediction": np.full(10, 0.25)})
    store.windows.put(WindowRow(subject, "2", at, at + HOUR, 10, closed=True, profile=profile.to_bytes()))
    store.readings.write(
        [
            Reading("predictions", 10, at, labels),
            Reading("drift_share", 0.5, at, labels),
            Reading("performance_labels", 10, at, labels),
            Reading("performance_accuracy", 0.75, at, labels),
            Reading("estimated_accuracy", 0.7, at, labels),
            Reading("predictions", 6, at, {**labels, "slice": "plan=pro"}),  # rows that are counted already
            Reading("performance_labels", 6, at, {**labels, "slice": "plan=pro"}),
            Reading("performance_accuracy", 0.1, at, {**labels, "slice": "plan=pro"}),
        ]
    )
    pair = {"model": "m", "alias": "champion", "version": "1", "challenger": alias}
    store.readings.write(
        [Reading("challenger_shared", 8, at, pair), Reading("challenger_agreement", 0.9, at, pair)]
    )


def section(html: str) -> str:
    return html.partition('id="versus"')[2].partition("</section>")[0]


def test_another_alias_of_the_model_stands_beside_with_a_link(store: Store) -> None:
    assert 'id="versus"' not in page(store)
    beside(store)
    text = section(page(store))
    rows = dict(re.findall(r'scope="row">([^<]*)</th>(.*?)</tr>', text, re.DOTALL))
    shown = {
        name: [unescape(one).replace("\xa0", " ") for one in re.findall(r"<bdi>(.*?)</bdi>", cells)]
        for name, cells in rows.items()
    }
    assert shown["Predictions"] == ["100", "10"]
    assert shown["Columns drifted"] == ["30 %", "50 %"]
    assert shown["Accuracy"] == ["–", "75 %"]
    assert shown["Accuracy, estimated"] == ["–", "70 %"]
    assert shown["Mean prediction"] == ["–", "0.25"]
    assert shown["Same answer"] == ["–", "90 %"]
    assert "challenger<b>" not in text
    assert "mirante compare m@champion m@challenger&lt;b&gt;" in text
    other = model_page(store, "model/m@challenger<b>", Query({"range": "all"}, path="/model", now=NOW))
    assert "90\xa0%" in section(other), "agreement is told from both sides"


def test_an_alias_of_another_time_or_model_is_not_beside(store: Store) -> None:
    beside(store, at=AT - 50 * HOUR)
    labels = {"model": "mm", "alias": "champion", "version": "1"}
    store.readings.write([Reading("predictions", 1, AT, labels)])
    assert 'id="versus"' not in page(store)
