"""The slices on a model's page: what is told first, one of them over time, and that names stay text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from mirante.readings import Reading, model_subject
from mirante.store import AlertRow, SliceWindowRow, Store, WindowRow
from mirante.web.pages import Query, model_page
from mirante.web.pages.alertlist import alerts_shown
from mirante.web.pages.slices import of_slice, slices_shown
from tests.web.conftest import DAYS, FIRST, HOSTILE, MODEL, NOW, _fill_model
from tests.web.test_pages import Reader


def _fill_slices(store: Store, model: str, days: int) -> None:
    """Two conditions and the values of a column; in the last weeks one moved, which the whole hides."""
    rng = np.random.default_rng(11)
    subject = model_subject(model, "champion")
    values = ("UA", "B6", "EV", "DL", "AA", HOSTILE[0], HOSTILE[3])
    slices = [("carrier", value, f"carrier={value}") for value in values]
    slices += [
        (key, "true", key) for key in ("distance >= 1500", "`dep_delay` < 0 and carrier in ('UA', 'DL')")
    ]
    rows, readings = [], []
    for day in range(days):
        start = FIRST + timedelta(days=day)
        for key, value, label in slices:
            moved = label == "carrier=EV" and day > 60 and day % 2
            effect = float(rng.uniform(0.2, 0.5) if moved else rng.uniform(0.02, 0.12))
            said = [f"distance moved: median 1,000 -> 1,{day}00, KS {effect:.2f}."] if moved else []
            about = {"model": model, "alias": "champion", "version": "1", "slice": label}
            accuracy = float(rng.uniform(0.6, 0.9))
            rows.append(
                SliceWindowRow(
                    subject, "1", key, value, start, start + timedelta(days=1), int(rng.integers(20, 300)),
                    True, label, 5, int(moved), "distance", effect,
                    {"drifted": ["distance"] * bool(moved), "missing": [], "sentences": said},
                    {"accuracy": accuracy} if day < days - 1 else {},
                )
            )  # fmt: skip
            readings.append(Reading("predictions", rows[-1].rows, start, about))
            readings.append(Reading("drift_share", 0.2 * moved, start, about))
            if moved:
                of = {**about, "feature": "distance"}
                readings.append(Reading("drift_detected", 1.0, start, of, f"{label}: {said[0]}"))
                readings.append(Reading("drift_effect", effect, start, of))
            if day < days - 1:
                readings.append(Reading("performance_accuracy", accuracy, start, about))
    store.slice_windows.put(rows)
    store.readings.write(readings)


@pytest.fixture(scope="module")
def sliced_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    url = f"sqlite:///{tmp_path_factory.mktemp('slices')}/sliced.db"
    with Store(url) as opened:
        _fill_model(opened, "nyc-flight-delay", DAYS)
        _fill_slices(opened, "nyc-flight-delay", DAYS)
    return url


@pytest.fixture
def store(sliced_url: str) -> Iterator[Store]:
    with Store(sliced_url) as opened:
        yield opened


def ask(**values: str) -> Query:
    return Query(values, now=NOW, path="/model")


def windows_of(store: Store) -> list[WindowRow]:
    return store.windows.list(MODEL, with_verdicts=False)


def test_what_drifted_most_often_stands_first(store: Store):
    found = slices_shown(store, MODEL, windows_of(store), ask())
    assert found is not None
    first = found.lines[0]
    assert (first.label, first.drifted, first.windows) == ("carrier=EV", 14, DAYS)
    assert found.sentence.startswith("1 of 9 slices drifted in the last 88 windows, carrier=EV most often")
    assert found.measure == "accuracy"
    assert 0.7 < found.whole < 0.9
    assert first.performance is not None
    assert (found.chosen, found.windows, found.problems) == ("", [], [])


def test_one_slice_window_by_window(store: Store):
    found = slices_shown(store, MODEL, windows_of(store), ask(slice="carrier=EV"))
    assert len(found.windows) == 30
    assert found.windows[0].start == FIRST + timedelta(days=DAYS - 1)
    assert {row.label for row in found.windows} == {"carrier=EV"}
    html = model_page(store, MODEL, ask(slice="carrier=EV"))
    assert "distance moved: median 1,000" in Reader(html).text
    assert 'name="slice" value="carrier=EV"' in html
    none = slices_shown(store, MODEL, windows_of(store), ask(slice="gone"))
    assert none.chosen == ""


def test_hostile_names_stay_text(store: Store):
    html = model_page(store, MODEL, ask(slice=f"carrier={HOSTILE[0]}"))
    assert "<img src=x" not in html
    assert f"carrier={HOSTILE[0]}" in Reader(html).text


def test_readings_of_slices_are_not_mixed_with_those_of_all_rows(store: Store):
    html = model_page(store, MODEL, ask())
    heat = html[html.index('data-figure="fig-heat"') :]
    assert "carrier=EV" not in heat[: heat.index("</script>")]
    chart = html[html.index('data-figure="fig-predictions"') :]
    assert "carrier=" not in chart[: chart.index("</script>")]


def test_without_slices_there_is_no_section_and_problems_are_told(empty_store: Store):
    row = WindowRow(MODEL, "1", FIRST, FIRST + timedelta(days=1), 5, closed=True)
    empty_store.windows.put(row)
    assert slices_shown(empty_store, MODEL, [row], ask()) is None
    assert slices_shown(empty_store, MODEL, [], ask()) is None
    problem = {"entry": "<b>regoin", "reason": "there is no column 'regoin'"}
    told = WindowRow(MODEL, "1", FIRST, row.end, 5, closed=True, verdicts={"not_sliced": [problem]})
    found = slices_shown(empty_store, MODEL, [told], ask(), told=told)
    assert found.problems == [("<b>regoin", "there is no column 'regoin'")]
    assert (found.heat, found.lines, found.sentence) == (None, [], "")


def test_an_alert_about_a_slice_leads_to_it(store: Store):
    labels = {"model": "nyc-flight-delay", "alias": "champion", "slice": "carrier=EV", "feature": "distance"}
    alert = AlertRow("9", "feature_drift", labels, MODEL, "warning", "firing", NOW, reading_time=FIRST)
    shown = alerts_shown(store, [alert], ask(), {})
    assert any("slice=carrier%3DEV" in str(one) and "#slices" in str(one) for one in shown)
    assert shown[0].window == (FIRST, FIRST + timedelta(days=1))


def test_the_comparison_says_whose_rows_it_shows_and_what_was_found_in_the_chosen_slice(store: Store):
    rows = store.slice_windows.list(MODEL, of=("carrier", "EV"))
    moved = next(row for row in rows if row.drifted)
    calm = next(row for row in rows if not row.drifted)

    def verdict(row: SliceWindowRow, label: str = "carrier=EV") -> str:
        query = ask(subject=MODEL, slice=label, window=f"{row.start:%Y-%m-%dT%H:%M:%SZ}")
        text = Reader(model_page(store, MODEL, query)).text
        return text.partition("Baseline against window")[2].partition("Over time")[0]

    assert "Chart, verdict and figures are of all rows." in verdict(moved)
    assert f"carrier=EV: {moved.verdicts['sentences'][0]}" in verdict(moved)
    assert f"carrier=EV: no drift in this window ({calm.rows} rows)." in verdict(calm)
    assert "carrier=EV" not in verdict(moved, label="")
    chosen = slices_shown(store, MODEL, windows_of(store), ask(slice="carrier=EV"))
    assert chosen is not None
    other = WindowRow(MODEL, "2", moved.start, moved.end)
    assert of_slice(store, chosen, other, ask()) == ["carrier=EV has no rows in this window."]
    missing = replace(calm, version="2", verdicts={"drifted": [], "missing": ["a", "b"], "sentences": []})
    store.slice_windows.put([replace(missing, start=moved.start)])
    assert of_slice(store, chosen, other, ask()) == ["carrier=EV: more values are missing in a, b."]
