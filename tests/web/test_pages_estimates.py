"""Estimate, band, truth and threshold stand on one chart; where nothing is estimated the page says why."""

import base64
import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from mirante.readings import Reading
from mirante.store import Store, WindowRow
from mirante.web.pages import model_page
from mirante.web.pages.query import Query

START = datetime(2013, 1, 1, tzinfo=UTC)
SUBJECT = "model/churn@champion"


@pytest.fixture
def store(tmp_path):
    with Store(f"sqlite:///{tmp_path / 'mirante.db'}") as opened:
        yield opened


def fill(store, estimated, *, versions=("1",), labelled=3):
    for version in versions:
        labels = {"model": "churn", "alias": "champion", "version": version}
        for day in range(5):
            start = START + timedelta(days=day)
            verdicts = {"drifted": False, "columns": {}, "outliers": 0, "estimated": estimated}
            end = start + timedelta(days=1)
            store.windows.put(WindowRow(SUBJECT, version, start, end, 100, 0, True, b"", verdicts))
            values = {"predictions": 100.0}
            if "measures" in estimated:
                values |= {
                    f"estimated_{name}{end}": 0.8 + more
                    for name in ("accuracy", "roc_auc", "f1")
                    for end, more in (("", 0), ("_lower", -0.02), ("_upper", 0.03), ("_threshold", -0.1))
                }
            if day < labelled:
                values |= {
                    "performance_accuracy": 0.81,
                    "performance_roc_auc": 0.82,
                    "performance_brier": 0.1,
                }
            store.readings.write([Reading(name, value, start, labels) for name, value in values.items()])


def asked(locale="en"):
    return Query({}, now=START + timedelta(days=6), path="/model", locale=locale)


def figures(store, **query):
    from mirante.web.pages.estimates import estimate_charts
    from mirante.web.pages.query import TimeRange

    wanted = asked(**query)
    span = TimeRange.of(wanted, START, START + timedelta(days=5), default="all")
    return {
        name: json.loads(one.figure)
        for name, one in estimate_charts(store, SUBJECT, span, [], wanted).items()
    }


def test_estimate_band_truth_and_threshold_stand_on_one_chart(store):
    fill(store, {"measures": {"accuracy": {}}, "sentence": ""})
    found = figures(store)
    assert list(found) == ["performance_accuracy", "performance_roc_auc"]
    band, *lines = found["performance_accuracy"]["data"]
    assert [line["name"] for line in lines] == ["estimated", "realised", "threshold"]
    assert band["fill"] == "toself"
    edges = np.frombuffer(base64.b64decode(band["y"]["bdata"]), band["y"]["dtype"])
    assert edges == pytest.approx([0.78] * 5 + [0.83] * 5)
    assert len(lines[1]["x"]) == 3  # labels of three days are in
    assert band["fillcolor"] == lines[0]["line"]["color"]
    page = model_page(store, SUBJECT, asked())
    assert "Accuracy: estimate and truth" in page
    assert page.count("not estimated") == 0
    assert 'id="performance"' not in page  # what is drawn with its estimate is not drawn twice


def test_each_version_has_a_band(store):
    fill(store, {"measures": {"accuracy": {}}, "sentence": ""}, versions=("1", "2"), labelled=0)
    data = figures(store)["performance_accuracy"]["data"]
    bands, lines = [one for one in data if "fill" in one], [one for one in data if "fill" not in one]
    names = [f"{name} version {version}" for name in ("estimated", "threshold") for version in (1, 2)]
    assert [line["name"] for line in lines] == names
    assert [one["fillcolor"] for one in bands] == [line["line"]["color"] for line in lines[:2]]


@pytest.mark.parametrize(
    ("estimated", "said"),
    [
        ({"reason": "no_labels", "detail": "…"}, "since the baseline has no labels."),
        ({"reason": "error", "detail": "<b>few</b> rows"}, "labels are in: &lt;b&gt;few&lt;/b&gt; rows"),
        ({}, None),
    ],
)
def test_why_nothing_is_estimated_is_said(store, estimated, said):
    fill(store, estimated)
    page = model_page(store, SUBJECT, asked())
    assert figures(store) == {}
    assert ("not estimated" in page) == (said is not None)
    assert said is None or said in page


def test_in_portuguese(store):
    fill(store, {"measures": {"accuracy": {}}, "sentence": ""})
    assert [line["name"] for line in figures(store, locale="pt_BR")["performance_accuracy"]["data"][1:]] == [
        "estimado",
        "realizado",
        "limiar",
    ]
