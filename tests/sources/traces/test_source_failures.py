"""Looks at traces that fail, run out of time, or meet a server that cannot aggregate."""

import pytest
from benchmarks.traces import Request, write
from mlflow.entities import AssessmentSource, Feedback

from mirante.errors import TrackingError
from mirante.sources.traces import TracesConfig, TracesSource, source
from mirante.store import Store
from mirante.tracking.traces import aggregates
from tests.sources.traces.world import HOUR, MINUTE, START, World

pytestmark = pytest.mark.server


def test_a_server_that_cannot_aggregate_gives_the_same_readings(world, monkeypatch, tmp_path):
    def feedback(place):
        return (("ok", place % 2 == 0), ("score", place / 7), ("tone", "ünïcode"))

    model = world.client.create_logged_model(world.id, name="m").model_id
    (trace,) = world.write(Request(START + 9 * HOUR, 1.5, "OK", (("ok", True),), model))
    for window in range(10):
        world.hour(window, errors=window % 3, feedback=feedback)
        world.close(window)
    monkeypatch.setattr(aggregates, "_query", lambda *_given, **_named: None)
    with Store(f"sqlite:///{tmp_path / 'other.db'}") as other:
        mine, world.store = world.store, other
        world.restart()
        for window in range(10):
            world.close(window)

        def told(store):
            return {
                (one.key, one.time): (round(one.value, 9), one.note)
                for _, one in store.readings.after(0)
                if one.name != "mlflow_traces"
            }

        assert told(other) == told(mine)
        # late feedback is read once, when its time is over
        source = AssessmentSource(source_type="HUMAN", source_id="ana")
        said = Feedback(name="ok", value=False, source=source)
        world.client._tracing_client.log_assessment(trace, said)
        assert world.close(9, after=30 * MINUTE) == 0
        world.close(9, after=25 * HOUR)
        assert world.said("assessments", 9, assessment="ok") == {(): 14.0}
        assert world.said("logged_model_assessments", 9, assessment="ok") == {("m", model): 2.0}


def test_a_server_that_did_not_aggregate_once_is_asked_again_after_an_hour(world, monkeypatch):
    real, away, asked, said = aggregates._query, True, [], []

    def query(*given, **named):
        asked.append(given[1])
        return None if away else real(*given, **named)

    monkeypatch.setattr(aggregates, "_query", query)
    monkeypatch.setattr(source._log, "warning", lambda text, **_: said.append(text), raising=False)
    traces = world.hour(0, count=3, feedback=lambda _: (("ok", True),))
    world.close(0)
    world.hour(1, count=3)
    world.close(0, after=59 * MINUTE)
    assert asked == [world.id]
    world.close(0, after=66 * MINUTE)  # closes the next window
    assert len(asked) == 2
    human = AssessmentSource(source_type="HUMAN", source_id="ana")
    for trace in traces:
        world.client._tracing_client.log_assessment(trace, Feedback(name="ok", value=False, source=human))
    assert said == ["MLflow does not aggregate traces: they are read one by one"]
    world.restart()
    world.close(1, after=10 * MINUTE)  # nothing closes: feedback alone is asked for, and must not be lost
    assert world.said("assessments", 0) == {("ok",): 3.0}
    away = False
    world.close(1, after=50 * MINUTE)
    assert world.said("mlflow_traces") == {}
    world.close(1, after=70 * MINUTE)
    assert world.said("mlflow_traces") == {("ok",): 6.0}
    assert world.said("assessments", 0) == {("ok",): 6.0}


def test_one_by_one_what_has_been_read_is_written_and_the_next_look_goes_on_there(world, monkeypatch):
    monkeypatch.setattr(aggregates, "_query", lambda *_given, **_named: None)
    real, read = source.windows_counted, []

    def counted(client, experiment, start, end, length):
        read.append(((start - START) // HOUR, (end - START) // HOUR))
        if len(read) == 3:
            raise TrackingError("away")
        return real(client, experiment, start, end, length)

    monkeypatch.setattr(source, "windows_counted", counted)
    for window in (0, 5, 11, 14, 15):
        world.hour(window, count=2)
    with pytest.raises(TrackingError, match="away"):
        world.close(15)
    assert world.said("traces", 5)[("ok",)] == 2.0
    ticks = iter([0, 30, 30, 60])
    world.source._monotonic = lambda: next(ticks)
    world.close(15, after=7 * MINUTE)
    world.restart()
    world.close(15, after=8 * MINUTE)
    assert read == [(0, 4), (4, 8), (8, 12), (8, 12), (12, 16)]
    assert [world.said("traces", one).get(("ok",)) for one in (0, 11, 13, 15)] == [2.0, 2.0, 0.0, 2.0]


def test_one_by_one_the_past_is_a_reference_and_no_more(world, monkeypatch):
    monkeypatch.setattr(aggregates, "_query", lambda *_given, **_named: None)
    for window in range(24):
        world.hour(window, count=6, factor=5.0 if window == 20 else 1.0)
    world.close(23)
    assert world.said("drift_detected", 20) == {}
    assert world.said("drift_detected", 23, feature="latency") == {(): 0.0}


def test_one_by_one_no_more_is_read_of_a_window_than_is_bearable(world):
    from mirante.tracking.traces import windows_counted

    world.hour(0, count=12)
    (window,) = windows_counted(world.client, world.id, START, START + HOUR, HOUR, most=5)
    assert (window.traces, window.left_out) == (5, 1)
    assert {one.name for one in source.window_readings(window, {})} >= {"traces_left_out"}


def test_an_experiment_that_fails_keeps_no_other_from_being_looked_at(mlflow_process, store, monkeypatch):
    world = World(mlflow_process, store)
    others = [world.client.create_experiment(f"{world.name} {text}") for text in ("two", "three")]
    world.hour(0)
    for one in others:
        write(world.database, one, [Request(START, 1.0)])
    real, asked, failing = source.windows_aggregated, [], True

    def windows(client, experiment, *given):
        asked.append(experiment)
        if failing and experiment in asked[:2]:
            raise TrackingError(f"broken {experiment}")
        return real(client, experiment, *given)

    monkeypatch.setattr(source, "windows_aggregated", windows)
    ticks = iter(range(0, 1000, 15))  # time for two experiments
    config = TracesConfig(include=[f"{world.name}*"])
    looking = TracesSource(config, store, lambda: world.client, monotonic=lambda: next(ticks))
    for minute in (6, 7):
        with pytest.raises(TrackingError) as told:
            looking.advance(START + HOUR + minute * MINUTE)
        assert str(told.value) == f"broken {asked[0]}"
    (fine,) = {world.id, *others} - set(asked[:2])
    assert {one.labels["experiment_id"] for _, one in store.readings.after(0)} == {fine}
    failing = False
    looking.advance(START + HOUR + 8 * MINUTE)
    looking.advance(START + HOUR + 9 * MINUTE)
    assert {one.labels["experiment_id"] for _, one in store.readings.after(0)} == {world.id, *others}


def test_a_look_stops_in_time_and_the_next_takes_what_is_left(mlflow_process, store):
    world = World(mlflow_process, store)
    other = world.client.create_experiment(f"{world.name} two")
    world.hour(0)
    write(world.database, other, [Request(START, 1.0)])
    ticks = iter(range(0, 1000, 30))
    config = TracesConfig(include=[f"{world.name}*"])
    slow = TracesSource(config, store, lambda: world.client, monotonic=lambda: next(ticks))
    seen = []
    for _ in range(2):
        slow.advance(START + HOUR + 6 * MINUTE)
        seen.append(len({one.labels["experiment"] for _, one in store.readings.after(0)}))
    assert seen == [1, 2]
