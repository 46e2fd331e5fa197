import json
from datetime import UTC, datetime, timedelta

import numpy as np

from mirante.sources.traces.book import LATENCY, STATUS, KeptWindow, TraceBook, assessment_feature
from mirante.sources.traces.scores import Scores
from mirante.tracking.traces import TraceWindow

START, HOUR = datetime(2026, 1, 5, tzinfo=UTC), timedelta(hours=1)


def window(place, **given):
    told = {"statuses": {"ok": 3, "error": 1}, "latency": tuple(np.linspace(1, 2, 101)), **given}
    return KeptWindow(START + place * HOUR, **told)


def book(*windows, **given):
    return TraceBook("1", "a", **given).with_windows(windows)


def starts(windows):
    return [(one.start - START) // HOUR for one in windows]


def test_features_are_those_that_have_values():
    assert window(0).features == {LATENCY, STATUS}
    assert window(0, latency=()).features == {STATUS}
    assert window(0, statuses={"in_progress": 4}, latency=()).features == set()
    scores = {"a": Scores.of({"1": 1}), "b": Scores.of({"null": 2}), "latency": Scores.of({'"x"': 1})}
    assert window(0, scores=scores).features == {LATENCY, STATUS, "assessment/a", "assessment/latency"}
    assert assessment_feature("a/b") == "assessment/a/b"


def test_columns():
    one = window(0, scores={"a/b": Scores.of({"1": 2})})
    assert one.column(STATUS, numeric=False).tolist() == ["ok", "ok", "ok", "error"]
    assert one.column(LATENCY, numeric=True).tolist() == [1.0, 1.333, 1.667, 2.0]
    assert one.column("assessment/a/b", numeric=True).tolist() == [1.0, 1.0]


def test_the_reference_is_the_last_windows_before_without_those_out_of_line():
    kept = book(*map(window, range(12)))
    assert starts(kept.reference(LATENCY, START + 10 * HOUR, 8)) == list(range(2, 10))
    assert kept.reference(LATENCY, START + 7 * HOUR, 8) == []
    kept = kept.marked(START + 5 * HOUR, LATENCY, 8, drifted=True)
    assert starts(kept.reference(LATENCY, START + 10 * HOUR, 8)) == [1, 2, 3, 4, 6, 7, 8, 9]
    assert starts(kept.reference(STATUS, START + 10 * HOUR, 8)) == list(range(2, 10))
    kept = kept.marked(START + 5 * HOUR, LATENCY, 8, drifted=False)  # judged again, after feedback
    assert starts(kept.reference(LATENCY, START + 10 * HOUR, 8)) == list(range(2, 10))


def test_what_was_out_of_line_for_as_long_as_a_reference_is_normal_and_what_came_before_is_not():
    kept = book(*map(window, range(19)))
    for place in range(10, 17):
        kept = kept.marked(START + place * HOUR, LATENCY, 8, drifted=True)
    assert kept.since == {}
    kept = book(*kept.windows.values(), *map(window, [])).marked(START + 17 * HOUR, LATENCY, 8, drifted=True)
    assert kept.since == {}  # the window after it is in line
    kept = TraceBook("1", "a").with_windows(
        [one for one in kept.windows.values() if one.start < START + 17 * HOUR]
    )
    kept = kept.with_windows([window(17)]).marked(START + 17 * HOUR, LATENCY, 8, drifted=True)
    assert kept.since == {LATENCY: START + 10 * HOUR}
    kept = kept.with_windows([window(18)])
    assert starts(kept.reference(LATENCY, START + 18 * HOUR, 8)) == list(range(10, 18))
    assert kept.reference(LATENCY, START + 17 * HOUR, 8) == []
    assert starts(kept.reference(STATUS, START + 10 * HOUR, 8)) == list(range(2, 10))


def test_only_the_last_windows_are_kept():
    kept = TraceBook("1", "a").with_windows(map(window, range(9)), most=4, until=START)
    assert starts(kept.windows.values()) == [5, 6, 7, 8]
    assert kept.until == START


def test_feedback_is_waited_for_until_it_is_too_late():
    kept = book(window(0, settled=True), window(1), window(2))
    waiting, last = kept.open_for_feedback(START + 26 * HOUR, timedelta(days=1))
    assert starts(waiting) == [1, 2]
    assert last == {START + HOUR}


def test_it_is_kept_as_json():
    seen = TraceWindow(
        START,
        {"ok": 2},
        tuple(np.linspace(0, 1, 101)),
        assessments={"a": {"1": 2}},
        models={"m-1": TraceWindow(START)},
    )
    kept = book(KeptWindow.of(seen), until=START, since={LATENCY: START}, length=60)
    kept = kept.marked(START, STATUS, 8, drifted=True)
    back = TraceBook.from_json(json.loads(json.dumps(kept.to_json(), allow_nan=False)))
    assert back.to_json() == kept.to_json()
    assert back.windows[START].models == ("m-1",)
    assert back.windows[START].drifted == {STATUS}
    assert TraceBook.from_json(TraceBook("1", "a").to_json()) == TraceBook("1", "a")
