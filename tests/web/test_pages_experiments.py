"""The list of experiments, and the page of one: from the readings that the source of runs writes."""

import json
import math
import re
from dataclasses import replace
from datetime import timedelta

import pytest

from mirante.readings import Reading
from mirante.store import AlertRow
from mirante.web.pages import UnknownPageError, experiment_page, experiments_page, overview
from mirante.web.pages.experiments import experiment_rows
from tests.web.conftest import HOSTILE, NOW
from tests.web.test_pages import Reader, ask


def labels(name, **more):
    return {"experiment": name, "experiment_id": "7", **more}


def write(store, name, runs, **readings):
    for status, number in runs.items():
        store.readings.write([Reading("mlflow_experiment_runs", number, NOW, labels(name, status=status))])
    store.readings.write(Reading(reading, value, NOW, labels(name)) for reading, value in readings.items())


def write_run(store, experiment, run, idle, **metrics):
    own = labels(experiment, run=run, run_id=f"id-{run}")
    found = [Reading("run_seconds", 7_500, NOW, own), Reading("run_idle_seconds", idle, NOW, own)]
    for key, value in metrics.items():
        found += [
            Reading("run_metric", value, NOW - n * timedelta(minutes=1), own | {"key": key}) for n in range(3)
        ]
        found += [Reading("run_metric_step", 12, NOW, own | {"key": key})]
        found += [Reading("run_metric_worsening", abs(value), NOW, own | {"key": key})]
    store.readings.write(found)


def fire(store, subject, severity):
    row = AlertRow(
        f"a-{subject}",
        "run_failed",
        {"run": "r"},
        subject,
        severity,
        "firing",
        NOW,
        fired_at=NOW,
        summary="It failed",
    )
    store.alerts.save(row)


def test_what_needs_a_person_is_first_then_what_runs(empty_store):
    write(empty_store, "quiet", {"running": 0, "finished": 9})
    write(empty_store, "busy", {"running": 4, "finished": 1, "failed": 2}, experiment_failed_share=0.25)
    write(empty_store, "broken", {"running": 0, "failed": 1})
    fire(empty_store, "experiment/broken", "warning")
    rows = experiment_rows(empty_store)
    assert [(one.name, one.state, one.alerts, one.running, one.total) for one in rows] == [
        ("broken", "warning", 1, 0, 1),
        ("busy", "ok", 0, 4, 7),
        ("quiet", "ok", 0, 0, 9),
    ]
    page = Reader(experiments_page(empty_store, ask("/experiments")))
    assert "25%" in page.text.replace(" ", "").replace("\xa0", "")
    assert "3 experiments" in page.text
    assert "4 runs are running" in page.text


def test_an_empty_list_says_how_experiments_come_into_it(empty_store):
    asked = ask("/experiments")
    assert "tracking_uri" in Reader(experiments_page(empty_store, asked)).text
    known = Reader(experiments_page(empty_store, replace(asked, mlflow="http://mlflow:5000"))).text
    assert "include" in known
    assert "tracking_uri" not in known
    empty_store.readings.write(
        [Reading("mlflow_server_up", 0.0, NOW, {"server": "http://m:1"}, "refused <b>")]
    )
    away = Reader(experiments_page(empty_store, asked)).text
    assert "http://m:1" in away
    assert "refused <b>" in away
    assert "tracking_uri" not in away


def test_the_best_run_leads_to_mlflow(empty_store):
    run = "0123456789abcdef" * 2
    write(empty_store, "churn", {"running": 1})
    best = Reading("experiment_best_metric", 0.5, NOW, labels("churn", key="loss"), f"<b> (x) ({run})")
    empty_store.readings.write([best])
    query = replace(ask("/experiment"), mlflow="http://mlflow:5000")
    page = experiment_page(empty_store, "experiment/churn", query)
    assert f'<a href="http://mlflow:5000/#/experiments/7/runs/{run}"><bdi>&lt;b&gt; (x)</bdi></a>' in page
    assert f"({run})" in Reader(experiment_page(empty_store, "experiment/churn", ask("/experiment"))).text


def test_a_name_of_nothing_that_is_seen_can_be_clicked(empty_store):
    write(empty_store, " ", {"running": 1})
    assert "“ ”" in experiments_page(empty_store, ask("/experiments"))


def test_a_count_that_is_not_done_yet_says_so(empty_store):
    write(empty_store, "new", {"running": 1})
    text = Reader(experiments_page(empty_store, ask("/experiments"))).text
    assert text.count("counting") == 2
    text = Reader(experiment_page(empty_store, "experiment/new", ask("/experiment"))).text
    assert "are being counted" in text


def test_many_are_found_by_name_and_come_in_pages(empty_store):
    for number in range(120):
        write(empty_store, f"exp {number:03}", {"running": 0, "finished": 1})
    first = Reader(experiments_page(empty_store, ask("/experiments")))
    assert "exp 049" in first.text
    assert "exp 050" not in first.text
    assert "exp 119" in Reader(experiments_page(empty_store, ask("/experiments", page="3"))).text
    found = Reader(experiments_page(empty_store, ask("/experiments", find="XP 07"))).text
    assert "exp 070" in found
    assert "exp 080" not in found
    assert (
        "No experiment has this" in Reader(experiments_page(empty_store, ask("/experiments", find="?"))).text
    )


def test_running_runs_stand_with_their_worst_metrics(empty_store):
    write(empty_store, "e", {"running": 2, "finished": 3}, experiment_runs_left_out=4)
    write_run(empty_store, "e", "fine", 5, val_loss=0.25)
    write_run(empty_store, "e", "stuck", 9_000, **{f"m{n}": float(n) for n in range(8)}, lost=math.nan)
    page = Reader(experiment_page(empty_store, "experiment/e", ask("/experiment")))
    text = page.text
    assert text.index("stuck") < text.index("fine")
    assert "2.5 h" in text
    assert text.index("lost") < text.index("m7") < text.index("m4")
    assert "and 3 more" in text
    assert "4 more are not followed" in text
    assert "Metrics of running runs" in text


def test_links_lead_to_mlflow_where_its_address_is_known(empty_store):
    write(empty_store, "e", {"running": 1})
    write_run(empty_store, "e", "r", 5)
    query = replace(ask("/experiment"), mlflow="http://m:5000")
    page = experiment_page(empty_store, "experiment/e", query)
    assert "http://m:5000/#/experiments/7/runs/id-r" in page
    assert 'href="http://m:5000/#/experiments/7"' in page
    assert "#/experiments" not in experiment_page(empty_store, "experiment/e", ask("/experiment"))


def test_the_overview_shows_experiments_only_while_they_need_somebody(empty_store):
    write(empty_store, "calm", {"running": 1})
    write(empty_store, "broken", {"running": 1})
    fire(empty_store, "experiment/broken", "warning")
    page = overview(empty_store, ask("/"))
    assert "broken" in page
    assert "calm" not in page
    assert "/experiment?subject=experiment/broken" in page


def write_traces(store, name, hour=0, feedback="correct", **requests):
    at = NOW - timedelta(hours=hour)
    own = [Reading("traces", number, at, labels(name, status=status)) for status, number in requests.items()]
    if sum(requests.values()):
        own += [Reading("trace_error_share", 0.25, at, labels(name))]
        own += [Reading(f"trace_latency_seconds_p{one}", one / 10, at, labels(name)) for one in (50, 95, 99)]
        own += [Reading("assessment_mean", 0.75, at, labels(name, assessment=feedback))]
    store.readings.write(own)


def test_an_experiment_of_which_only_traces_are_watched_is_listed(empty_store):
    write(empty_store, "trained", {"running": 1, "finished": 2})
    page = Reader(experiments_page(empty_store, ask("/experiments")))
    assert "Requests" not in page.text
    write_traces(empty_store, "assistant", hour=1, ok=90, error=5, in_progress=0, strange=3)
    write_traces(empty_store, "assistant", ok=40, error=2, in_progress=0)
    fire(empty_store, "experiment/assistant", "warning")
    rows = experiment_rows(empty_store)
    assert [(one.name, one.state, one.total, one.traces) for one in rows[:1]] == [
        ("assistant", "warning", 0, 42)
    ]
    assert math.isnan(rows[1].traces)
    page = Reader(experiments_page(empty_store, ask("/experiments")))
    assert "Requests in the last window" in page.text
    assert "42" in page.text
    assert page.text.count("counting") == 1  # of the runs that failed; of "assistant" none are counted


def test_a_line_that_is_alone_is_called_as_its_chart(empty_store):
    write(empty_store, "busy", {"failed": 1}, experiment_failed_share=0.25)
    page = experiment_page(empty_store, "experiment/busy", ask("/experiment"))
    figure = re.search(r'data-figure="fig-failed">(.*?)</script>', page)
    assert json.loads(figure[1])["data"][0]["name"] == "Share of runs that failed"


def test_the_page_of_an_experiment_draws_its_traces(empty_store):
    for hour in range(5):
        write_traces(empty_store, "assistant", hour, ok=40, error=2, in_progress=0)
    page = experiment_page(empty_store, "experiment/assistant", ask("/experiment"))
    text = Reader(page).text
    for title in (
        "Traces",
        "Requests by status",
        "Share of requests that failed",
        "Duration of requests",
        "Mean of feedback",
    ):
        assert title in text
    assert "42 requests in the last window" in text
    assert "no runs" not in text
    for name in ("p50", "p95", "p99", "correct", "error"):
        assert name in page
    assert "Runs by status" not in text
    portuguese = experiment_page(empty_store, "experiment/assistant", ask("/experiment", locale="pt_BR"))
    assert "Requisições por status" in Reader(portuguese).text


def test_charts_of_traces_are_left_out_where_there_are_none(empty_store):
    write(empty_store, "trained", {"running": 1})
    write_traces(empty_store, "trained", ok=0, error=0, in_progress=0)
    text = Reader(experiment_page(empty_store, "experiment/trained", ask("/experiment"))).text
    assert "Runs by status" in text
    assert "Requests by status" not in text
    assert "Duration of requests" not in text


@pytest.mark.parametrize("name", HOSTILE)
def test_names_that_mean_harm_are_text(empty_store, name):
    write(empty_store, name, {"running": 1})
    write_run(empty_store, name, name, 5, **{name: 1.0})
    write_traces(empty_store, name, feedback=name, ok=3)
    empty_store.readings.write(
        [Reading("experiment_best_metric", 1.0, NOW, labels(name, key=name), f"{name} (id)")]
    )
    for page in (
        experiments_page(empty_store, ask("/experiments")),
        experiment_page(empty_store, f"experiment/{name}", ask("/experiment")),
    ):
        assert "<img" not in page
        assert ">49<" not in page
        assert page.lower().count("</script") == page.count("<script")


def test_an_experiment_that_is_not_known_is_no_page(empty_store):
    with pytest.raises(UnknownPageError):
        experiment_page(empty_store, "experiment/none", ask("/experiment"))
