"""Traces of a real MLflow: what is said of their windows, and when a window is out of line."""

import math
import warnings
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from benchmarks.traces import Request
from mlflow import MlflowClient
from mlflow.entities import AssessmentSource, Expectation, Feedback

from mirante.alerts.config import default_rules
from mirante.alerts.engine import AlertEngine
from mirante.alerts.routing import Route
from mirante.errors import TrackingError
from mirante.sources.traces import TracesConfig, TracesSource
from mirante.tracking.traces import aggregates
from tests.sources.traces.world import HOUR, MINUTE, START, World

pytestmark = pytest.mark.server


def test_each_trace_is_counted_in_the_window_in_which_it_began_and_once(world):
    world.hour(0, count=10, errors=2)
    world.write(Request(START + 3599 * timedelta(seconds=1), None, "IN_PROGRESS"))
    assert world.close(0, after=4 * MINUTE) == 0  # not closed yet
    world.write(Request(START + HOUR - timedelta(milliseconds=1), 2.0), Request(START + HOUR, 9.0))  # late
    world.close(0)
    assert world.said("traces", 0) == {("ok",): 9.0, ("error",): 2.0, ("in_progress",): 1.0}
    assert world.said("trace_error_share", 0) == {(): pytest.approx(2 / 11)}
    seconds = [0.5 + place / 10 for place in range(10)] + [2.0]
    for one in (50, 95, 99):
        expected = pytest.approx(np.percentile(seconds, one), abs=0.001)
        assert world.said(f"trace_latency_seconds_p{one}", 0) == {(): expected}
    assert world.said("trace_tokens", 0) == {("input",): 1200.0, ("output",): 600.0, ("total",): 1800.0}
    assert world.said("mlflow_traces") == {("ok",): 10.0, ("error",): 2.0, ("in_progress",): 1.0}
    world.write(Request(START + MINUTE, 5.0))  # too late
    world.restart()
    assert world.close(0, after=7 * MINUTE) == 0
    world.close(1)
    assert world.said("traces", 1)[("ok",)] == 1.0
    assert world.said("traces", 0)[("ok",)] == 9.0
    world.close(2)
    assert world.said("traces", 2) == {("ok",): 0.0, ("error",): 0.0, ("in_progress",): 0.0}
    assert world.said("trace_error_share", 2) == {}


def judged(world, windows, **faults):
    """Let hours pass with the default rules, and return in which window each alert began."""
    names = ("trace_errors", "trace_latency", "assessment_moved", "feature_drift", "prediction_drift")
    rules = [rule for rule in default_rules() if rule.name in names]
    engine = AlertEngine(world.store, rules, Route(()), clock=lambda: world.now)
    began = {}
    for window in windows:
        world.hour(window, **{**faults.get("usual", {}), **faults.get(f"w{window}", {})})
        world.close(window)
        engine.advance(world.now, lambda _: 4 * HOUR)
        for alert in world.store.alerts.open():
            began.setdefault((alert.rule, alert.labels.get("feature", "")), window)
    return began


def test_slow_and_failing_traces_and_feedback_that_moved_are_told_in_their_windows_and_not_before(world):
    def good(place):
        return (("correct", place % 6 != 0), ("score", float(place % 5)))

    def bad(place):
        return (("correct", place % 6 == 0), ("score", float(place % 5)))

    usual = {"count": 16, "feedback": good}
    began = judged(
        world,
        range(14),
        usual=usual,
        w10={"factor": 4.0},
        w11={"errors": 10},
        w12={"feedback": bad},
        w13={"factor": 0.05},
    )
    assert began == {
        ("trace_latency", ""): 10,
        ("trace_errors", ""): 11,
        ("assessment_moved", "assessment/correct"): 12,
    }
    (note,) = [one.note for one in world.all(10) if one.name == "trace_latency_detected"]
    assert "latency" in note
    # quicker is out of line too, and no alert
    assert world.said("drift_detected", 13, feature="latency") == {(): 1.0}
    assert world.said("trace_latency_detected", 13) == {(): 0.0}
    assert world.said("drift_detected", 13, feature="assessment/score") == {(): 0.0}


def test_a_window_is_judged_once_there_are_enough_before_it(world):
    for window in range(9):
        world.hour(window)
        world.close(window)
    assert [bool(world.said("drift_detected", one)) for one in range(9)] == [False] * 8 + [True]


def test_what_stays_is_normal_after_as_many_windows_as_a_reference_has(world):
    for window in range(20):
        world.hour(window, factor=4.0 if window >= 9 else 1.0)
        world.close(window)
        if window == 12:
            world.restart()
    slow = [world.said("trace_latency_detected", one)[()] for one in range(9, 20)]
    assert slow == [1.0] * 8 + [0.0] * 3


def test_the_first_look_takes_up_the_past_as_a_reference_and_tells_nothing_of_it(world, monkeypatch):
    for window in range(24):
        world.hour(window, count=6, factor=5.0 if window == 20 else 1.0)
    asked = []
    real = aggregates._query

    def query(client, experiment, view, metric, *given, **named):
        asked.append((view, metric))
        return real(client, experiment, view, metric, *given, **named)

    monkeypatch.setattr(aggregates, "_query", query)
    world.close(23)
    assert len(asked) <= 9
    assert world.said("traces", 7) == {}  # more than twice a reference ago
    assert world.said("traces", 8)[("ok",)] == 6.0
    assert world.said("drift_detected", 20) == {}
    assert world.said("drift_detected", 23, feature="latency") == {(): 0.0}
    asked.clear()
    world.close(23, after=10 * MINUTE)
    assert asked == [("ASSESSMENTS", "assessment_count")]


def test_feedback_is_numbers_yes_and_no_or_categories(world):
    def feedback(place):
        return (
            ("safe", place % 4 != 0),
            ("judge", "yes" if place % 2 else "no"),
            ("tone", ("kind", "rude", "kind")[place % 3]),
            ("score", math.nan if place == 0 else float(place)),
            ("failed", None),
            ("<script>alert(1)</script> {{ 7*7 }}/x", 1),
        )

    world.hour(0, count=12, feedback=feedback)
    world.close(0)
    assert world.said("assessment_mean", 0) == {
        ("safe",): 0.75,
        ("judge",): 0.5,
        ("score",): 6.0,
        ("<script>alert(1)</script> {{ 7*7 }}/x",): 1.0,
    }
    assert world.said("assessment_share", 0, assessment="tone") == {
        ("kind",): pytest.approx(2 / 3),
        ("rude",): pytest.approx(1 / 3),
    }
    assert world.said("assessment_share", 0, assessment="safe") == {("true",): 0.75, ("false",): 0.25}
    assert world.said("assessment_failed_share", 0, assessment="failed") == {(): 1.0}
    assert world.said("assessment_failed_share", 0, assessment="score") == {(): pytest.approx(1 / 12)}
    assert set(world.said("assessments", 0).values()) == {12.0}


def test_feedback_that_comes_late_or_is_overridden_is_measured_again(world):
    (*traces,) = world.hour(0, feedback=lambda _: (("correct", True),))[:4]
    world.close(0)
    assert world.said("assessment_mean", 0) == {("correct",): 1.0}
    known = world.client._tracing_client.get_trace_info(traces[0]).assessments[0]
    source = AssessmentSource(source_type="HUMAN", source_id="ana")
    import mlflow

    mlflow.set_tracking_uri(world.client.tracking_uri)
    mlflow.override_feedback(
        trace_id=traces[0], assessment_id=known.assessment_id, value=False, source=source
    )
    mlflow.log_expectation(trace_id=traces[1], name="expected", value="x", source=source)
    assert world.close(0, after=20 * MINUTE) == 0  # as many as before
    for trace in traces:
        mlflow.log_feedback(trace_id=trace, name="correct", value=False, source=source)
    world.restart()
    world.close(0, after=40 * MINUTE)
    assert world.said("assessments", 0) == {("correct",): 16.0}
    assert world.said("assessment_mean", 0) == {("correct",): 11 / 16}
    mlflow.log_feedback(trace_id=traces[0], name="correct", value=False, source=source)
    assert world.close(0, after=60 * MINUTE) == 0  # hardly more
    world.close(0, after=25 * HOUR)
    assert world.said("assessments", 0) == {("correct",): 17.0}
    mlflow.log_feedback(trace_id=traces[0], name="correct", value=False, source=source)
    world.close(0, after=30 * HOUR)
    assert world.said("assessments", 0) == {("correct",): 17.0}


def test_late_feedback_is_judged_as_well(world):
    told = {"feedback": lambda place: (("correct", place % 6 != 0),)}
    for window in range(9):
        world.hour(window, **told)
        world.close(window)
    traces = world.hour(9)
    world.close(9)
    assert world.said("drift_detected", 9, feature="assessment/correct") == {}
    import mlflow

    mlflow.set_tracking_uri(world.client.tracking_uri)
    source = AssessmentSource(source_type="HUMAN", source_id="ana")
    for trace in traces:
        mlflow.log_feedback(trace_id=trace, name="correct", value=False, source=source)
    world.close(9, after=30 * MINUTE)
    assert world.said("drift_detected", 9, feature="assessment/correct") == {(): 1.0}


def test_traces_of_the_tracing_api_with_what_they_cost(mlflow_process, store, monkeypatch):
    import mlflow

    world = World(mlflow_process, store, window="1m", lateness="0s")
    mlflow.set_tracking_uri(mlflow_process.uri)
    monkeypatch.setenv("MLFLOW_ENABLE_ASYNC_TRACE_LOGGING", "false")
    with warnings.catch_warnings():  # of MLflow's exporter, which takes them for a trace that is lost
        warnings.simplefilter("ignore")
        span = world.client.start_trace("answer", span_type="LLM", experiment_id=world.id)
        tokens = {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}
        span.set_attribute("mlflow.chat.tokenUsage", tokens)
        cost = {"input_cost": 0.25, "output_cost": 0.5, "total_cost": 0.75}
        span.set_attribute("mlflow.llm.cost", cost)
        world.client.end_trace(span.trace_id)
        failed = world.client.start_trace("answer", experiment_id=world.id)
        world.client.end_trace(failed.trace_id, status="ERROR")
        mlflow.flush_trace_async_logging()
    world.source.advance(datetime.now(UTC) + MINUTE)
    values = [one for _, one in store.readings.after(0)]
    sums = {(one.name, one.labels.get("status") or one.labels.get("kind", "")): 0.0 for one in values}
    for one in values:
        sums[one.name, one.labels.get("status") or one.labels.get("kind", "")] += one.value
    assert (sums["traces", "ok"], sums["traces", "error"]) == (1.0, 1.0)
    assert sums["trace_tokens", "total"] == 7.0
    assert sums["trace_cost_usd", ""] == pytest.approx(0.75)


def test_logged_models_are_told_apart(world):
    good, bad = (world.client.create_logged_model(world.id, name=name) for name in ("good one", "bad"))
    begin = START + MINUTE
    right, wrong = (("correct", True),), (("correct", False),)
    world.write(*[Request(begin, 1.0, "OK", right, good.model_id) for _ in range(6)])
    (first, *_) = world.write(*[Request(begin, 3.0, "ERROR", wrong, bad.model_id) for _ in range(3)])
    world.write(Request(begin, 2.0), Request(begin, 2.0, model="m-gone"), Request(begin, 2.0, model="it's '"))
    world.close(0)
    assert world.said("logged_model_traces", 0, status="ok") == {
        ("good one", good.model_id): 6.0,
        ("bad", bad.model_id): 0.0,
        ("m-gone", "m-gone"): 1.0,
    }
    assert world.said("logged_model_trace_error_share", 0, logged_model="bad") == {(bad.model_id,): 1.0}
    assert world.said("logged_model_trace_latency_seconds_p50", 0, logged_model="bad") == {
        (bad.model_id,): 3.0
    }
    assert world.said("logged_model_assessment_mean", 0, logged_model="bad") == {
        ("correct", bad.model_id): 0.0
    }
    source = AssessmentSource(source_type="HUMAN", source_id="ana")
    for _ in range(3):
        world.client._tracing_client.log_assessment(
            first, Feedback(name="correct", value=True, source=source)
        )
    world.close(0, after=20 * MINUTE)
    assert world.said("logged_model_assessment_mean", 0, logged_model="bad") == {
        ("correct", bad.model_id): 0.5
    }
    assert world.said("traces", 0) == {("ok",): 9.0, ("error",): 3.0, ("in_progress",): 0.0}


def test_experiments_come_and_go_and_hostile_names_are_names(world):
    evil = "<script>alert(1)</script> [x] {{ 7*7 }} \u202e"
    world.hour(0)
    world.client.rename_experiment(world.id, f"{world.name} {evil}")
    first, world.name = world.name, f"{world.name} {evil}"
    world.config = TracesConfig(include=[f"{first}*"])
    world.restart()
    world.close(0)
    assert world.source.experiments == [world.name]
    assert world.said("traces", 0)[("ok",)] == 12.0
    empty = world.client.create_experiment(f"{first} empty")
    world.close(1)
    assert world.source.experiments == [world.name, f"{first} empty"]
    assert {one.labels["experiment"] for one in world.store.readings.latest()} == {world.name}
    world.client.delete_experiment(world.id)
    world.client.delete_experiment(empty)
    world.close(2)
    assert world.source.experiments == []
    assert world.store.readings.latest() == []


def test_the_experiment_of_the_monitoring_runs_is_left_out(world):
    world.hour(0)
    own = TracesSource(world.config, world.store, lambda: world.client, own=world.name)
    assert own.advance(START + 2 * HOUR) == 0


def test_nothing_is_lost_while_mlflow_is_away(world, free_port):
    world.hour(0)
    world.close(0)
    there, world.client = world.client, MlflowClient(f"http://127.0.0.1:{free_port}")
    world.hour(1)
    with pytest.raises(TrackingError, match="no MLflow server answers"):
        world.close(1)
    world.client = there
    world.close(2)
    assert world.said("traces", 1)[("ok",)] == 12.0


def test_windows_are_kept_as_long_as_their_feedback_is_waited_for(mlflow_process, store):
    world = World(mlflow_process, store, window="1m")
    world.write(Request(START, 1.0, "OK", (("a", 1),)))
    world.now = START + 6 * MINUTE
    world.source.advance(world.now)
    for minute in range(1, 30):
        world.write(Request(START + minute * MINUTE, 1.0))
    for minute in (16, 31, 36):
        world.source.advance(START + (minute + 5) * MINUTE)
    kept = store.cursors.get(f"traces/{world.id}")["windows"]
    assert len(kept) == 30  # more than three times as many as a reference has


def test_windows_of_another_length_begin_anew(world):
    world.hour(0)
    world.close(0)
    world.config = world.config.model_copy(update={"window": 30 * MINUTE})
    world.restart()
    world.close(0, after=7 * MINUTE)
    assert world.said("traces", 0)[("ok",)] == 9.0


def test_an_expectation_is_no_feedback(world):
    (trace, *_) = world.hour(0)
    source = AssessmentSource(source_type="HUMAN", source_id="ana")
    world.client._tracing_client.log_assessment(trace, Expectation(name="e", value=1, source=source))
    world.close(0)
    assert world.said("assessments", 0) == {}
