"""What labels said stands on the page: with intervals, how many labels, what is provisional, why none."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from mirante.readings import Reading
from mirante.store import Store, WindowRow
from mirante.web.pages import model_page
from mirante.web.pages.query import Query
from mirante.web.pages.realised import so_far, window_performance, with_interval

START = datetime(2013, 1, 1, tzinfo=UTC)
SUBJECT = "model/churn@champion"
LABELS = {"model": "churn", "alias": "champion", "version": "1"}
BINS = [[50, 0.2, 0.22, 0.12, 0.35], [50, 0.8, 0.7, 0.55, 0.81]]


def window(day=0, *, final=True, **realised):
    figures = {
        "labels": 412.0,
        "labels_missing": 618.0,
        "labels_share": 0.4,
        "accuracy": 0.81,
        "roc_auc": None,
        "calibration_error": 0.06,
        "calibration_error_expected": 0.05,
    }
    details = {
        "final": final,
        "intervals": {"accuracy": [0.78, 0.84]},
        "reasons": {"roc_auc": "one_class"},
        "reliability": BINS,
        "baseline_reliability": BINS,
    }
    verdicts = {
        "drifted": False,
        "outliers": 0,
        "columns": {"age": {"drifted": False, "sentence": "age is calm"}},
        "performance": figures,
        "realised": details | realised,
    }
    start = START + timedelta(days=day)
    return WindowRow(SUBJECT, "1", start, start + timedelta(days=1), 1030, 0, True, b"", verdicts)


def asked(locale="en"):
    return Query({}, now=START + timedelta(days=6), path="/model", locale=locale)


@pytest.mark.parametrize(
    ("locale", "value", "why"),
    [
        ("en", "81 % (78 % to 84 %)", "– (only one class is there)"),
        ("pt_BR", "81 % (78 % a 84 %)", "– (há só uma classe)"),
    ],
)
def test_measures_have_their_interval_or_their_reason(locale, value, why):
    found = window_performance(window(), asked(locale))
    assert found.measures[0][1] == value
    assert dict(found.measures)["ROC AUC"] == why
    assert len(found.measures) == 3


def test_the_labels_are_counted_and_said_to_be_provisional():
    assert window_performance(window(), asked()).labels == "412 labels for 1,030 rows"
    assert (
        window_performance(window(final=False), asked()).labels == "So far 40 % of the labels: 412 of 1,030"
    )
    assert (so_far(window(final=False)), so_far(window())) == ("40 %", "")
    assert window_performance(window(reliability=[]), asked()).chart is None


def test_windows_from_before_there_were_intervals_are_shown():
    row = window()
    verdicts = {name: value for name, value in row.verdicts.items() if name != "realised"}
    old = WindowRow(SUBJECT, "1", row.start, row.end, 1030, 0, True, b"", verdicts)
    assert dict(window_performance(old, asked()).measures)["Accuracy"] == "81 %"
    assert so_far(old) == ""
    none = WindowRow(SUBJECT, "1", row.start, row.end, 1030, 0, True, b"", {"performance": None})
    assert window_performance(none, asked()) is None


def test_an_interval_of_which_an_end_is_unknown_is_none():
    assert with_interval("mae", 12.3456, [None, 3.0]) == "12.346"


def test_the_page_shows_the_window_the_diagram_and_the_bands(tmp_path):
    with Store(f"sqlite:///{tmp_path / 'mirante.db'}") as store:
        for day in range(3):
            store.windows.put(window(day, final=day < 1))
            values = {"accuracy": 0.81, "accuracy_lower": 0.78, "accuracy_upper": 0.84}
            start = START + timedelta(days=day)
            found = [Reading(f"performance_{name}", value, start, LABELS) for name, value in values.items()]
            store.readings.write([*found, Reading("predictions", 1030, start, LABELS)])
        page = model_page(store, SUBJECT, asked()).replace("\u00a0", " ").replace("\u202f", " ")
    assert "Performance of the window" in page
    assert "81 % (78 % to 84 %)" in page
    assert "So far 40 % of the labels: 412 of 1,030" in page
    assert "so far 40 %" in page
    figures = {
        part.partition('"')[0]: json.loads(part.partition(">")[2].partition("</script>")[0])
        for part in page.split('data-figure="fig-')[1:]
    }
    assert [trace["name"] for trace in figures["reliability"]["data"]] == ["perfect", "baseline", "window"]
    (band, line) = figures["performance"]["data"]
    assert (band["fill"], line["name"]) == ("toself", "accuracy")
