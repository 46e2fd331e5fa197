"""Windows of traces from a real MLflow, in both ways: they say the same."""

import json
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from mlflow import MlflowClient
from mlflow.entities import (
    AssessmentSource,
    Expectation,
    Feedback,
    TraceInfo,
    TraceLocation,
    TraceState,
)
from mlflow.exceptions import MlflowException, RestException
from mlflow.protos.databricks_pb2 import FEATURE_DISABLED, INTERNAL_ERROR

from mirante.errors import TrackingError
from mirante.tracking.traces import (
    assessment_counts,
    assessment_values,
    model_name,
    trace_totals,
    windows_aggregated,
    windows_counted,
)

pytestmark = pytest.mark.server
START, HOUR = datetime(2026, 1, 5, tzinfo=UTC), timedelta(hours=1)
SOURCE = AssessmentSource(source_type="CODE", source_id="test")


@pytest.fixture(scope="module")
def client(mlflow_server):
    return MlflowClient(mlflow_server)


@pytest.fixture(scope="module")
def experiment(client):
    """An experiment with the traces of three hours, the second without any."""
    made = client.create_experiment(f"traces {uuid.uuid4().hex[:8]}")
    for place, hour in enumerate((0, 0, 0, 0, 2, 2)):
        usage = {"input_tokens": 2, "output_tokens": place, "total_tokens": 2 + place}
        about = {"mlflow.trace.tokenUsage": json.dumps(usage)} if place else {}
        model = {"mlflow.modelId": f"m-{place % 2}"} if place < 3 else {}
        state = (TraceState.OK, TraceState.ERROR, TraceState.IN_PROGRESS)[place % 3]
        client._tracing_client.store.start_trace(
            TraceInfo(
                trace_id=f"tr-{uuid.uuid4().hex}",
                trace_location=TraceLocation.from_experiment_id(made),
                request_time=int((START + hour * HOUR).timestamp() * 1000) + place,
                state=state,
                execution_duration=None if state is TraceState.IN_PROGRESS else 100 + 37 * place,
                trace_metadata=about | model,
                assessments=[
                    Feedback(name='it\'s "good"', value=place % 2 == 0, source=SOURCE),
                    Feedback(name="score", value=place / 4, source=SOURCE),
                    Feedback(name="broken", value=None, source=SOURCE, error=ValueError("no")),
                    Expectation(name="expected", value="x", source=SOURCE),
                ],
            )
        )
    return made


def read(assessments):
    return {
        name: sorted((repr(json.loads(text)), times) for text, times in values.items())
        for name, values in assessments.items()
    }


def test_both_ways_see_the_same(client, experiment):
    asked = client, experiment, START - HOUR, START + 4 * HOUR, HOUR
    aggregated, counted = windows_aggregated(*asked), windows_counted(*asked)
    assert [one.start for one in aggregated] == [START, START + 2 * HOUR]
    for one, other in zip(aggregated, counted, strict=True):
        assert one.start == other.start
        assert one.statuses == other.statuses
        assert one.latency == pytest.approx(other.latency)
        assert one.tokens == other.tokens
        assert read(one.assessments) == read(other.assessments)
        assert one.models.keys() == other.models.keys()
        for model in one.models:
            assert one.models[model].statuses == other.models[model].statuses
            assert read(one.models[model].assessments) == read(other.models[model].assessments)
    first = aggregated[0]
    assert (first.traces, first.ended, dict(first.statuses)) == (
        4,
        3,
        {"ok": 2, "error": 1, "in_progress": 1},
    )
    assert first.latency[0] == 0.1
    assert first.tokens == {"input": 6.0, "output": 6.0, "total": 12.0}
    assert read(first.assessments) == {
        'it\'s "good"': [("False", 2), ("True", 2)],
        "score": [("0.0", 1), ("0.25", 1), ("0.5", 1), ("0.75", 1)],
        "broken": [("None", 4)],
    }
    assert first.models["m-0"].traces == 2


def test_a_window_ends_before_the_next_begins(client, experiment):
    last = int((START + 2 * HOUR).timestamp() * 1000) + 5
    edge = datetime.fromtimestamp(last / 1000, UTC)
    for read_windows in (windows_aggregated, windows_counted):
        found = read_windows(client, experiment, START + 2 * HOUR, edge, HOUR)
        assert [one.traces for one in found] == [1]


def test_feedback_by_window(client, experiment):
    asked = client, experiment, START, START + 3 * HOUR, HOUR
    counts = assessment_counts(*asked)
    assert counts[START] == {'it\'s "good"': 4, "score": 4, "broken": 4}
    assert read(assessment_values(*asked, model="m-1")[START])["score"] == [("0.25", 1)]
    assert START + HOUR not in counts


def test_an_answer_that_is_cut_is_asked_for_window_by_window(client, experiment, monkeypatch):
    from mirante.tracking.traces import aggregates

    asked = client, experiment, START, START + 3 * HOUR, HOUR
    whole = assessment_values(*asked)
    monkeypatch.setattr(aggregates, "_MOST", 7)
    cut = assessment_values(*asked)
    assert set(cut) == set(whole)
    assert read(cut[START + 2 * HOUR]) == read(whole[START + 2 * HOUR])


def test_totals_and_names_of_models(client, experiment):
    assert trace_totals(client, experiment) == {"ok": 2, "error": 2, "in_progress": 2}
    made = client.create_logged_model(experiment, name="mine").model_id
    assert (model_name(client, made), model_name(client, "m-none")) == ("mine", "m-none")


def test_a_server_that_does_not_aggregate_is_known_by_its_answer(client, experiment, monkeypatch):
    store, said = client._tracing_client.store, []

    def answers(*_given, **_named):
        raise said[0]

    monkeypatch.setattr(type(store), "query_trace_metrics", answers)
    asked = client, experiment, START, START + HOUR, HOUR
    for absent in (MlflowException("no", FEATURE_DISABLED), NotImplementedError()):
        said[:] = [absent]
        assert (
            windows_aggregated(*asked)
            is assessment_counts(*asked)
            is trace_totals(client, experiment)
            is None
        )
    said[:] = [MlflowException("broken", INTERNAL_ERROR)]
    with pytest.raises(TrackingError, match="count the traces of the experiment"):
        windows_aggregated(*asked)


def test_no_more_is_read_of_a_window_than_is_bearable(client, experiment):
    (window,) = windows_counted(client, experiment, START, START + HOUR, HOUR, most=2)
    assert (window.traces, window.left_out) == (2, 1)


@pytest.mark.parametrize(
    ("answer", "none"),
    [
        (RestException({"error_code": "INTERNAL_ERROR", "message": "NaN"}), True),
        (RestException({"error_code": "TEMPORARILY_UNAVAILABLE", "message": "later"}), False),
        (
            MlflowException("API request to endpoint /x failed with error code 500 != 200.", INTERNAL_ERROR),
            True,
        ),
        (
            MlflowException("API request to endpoint /x failed with error code 502 != 200.", INTERNAL_ERROR),
            False,
        ),
        (MlflowException("too many 503 error responses", INTERNAL_ERROR), False),
        (MlflowException("Connection refused", INTERNAL_ERROR), False),
    ],
)
def test_models_are_left_out_where_traces_cannot_be_returned_and_for_no_other_reason(
    client, experiment, monkeypatch, answer, none
):
    def search(*_given, **_named):
        raise answer

    whole = windows_aggregated(client, experiment, START, START + HOUR, HOUR)
    assert whole[0].models
    monkeypatch.setattr(type(client), "search_traces", search)
    if none:
        (window,) = windows_aggregated(client, experiment, START, START + HOUR, HOUR)
        assert (window.models, window.statuses) == ({}, whole[0].statuses)
    else:
        with pytest.raises(TrackingError, match="read the traces"):
            windows_aggregated(client, experiment, START, START + HOUR, HOUR)


def test_a_server_that_ceases_to_aggregate_has_not_lost_its_values(client, experiment, monkeypatch):
    from mirante.tracking.traces import aggregates

    real = aggregates._query

    def query(client, experiment, view, *given, **named):
        return None if view == "ASSESSMENTS" else real(client, experiment, view, *given, **named)

    monkeypatch.setattr(aggregates, "_query", query)
    with pytest.raises(TrackingError, match="aggregated before"):
        windows_aggregated(client, experiment, START, START + HOUR, HOUR)
