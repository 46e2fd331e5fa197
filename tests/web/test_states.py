"""Cards: what stands on them while a model cannot be watched, waits, or has an alert that is pending."""

from __future__ import annotations

import re
from datetime import timedelta

from mirante.readings import Reading
from mirante.store import AlertRow, Store
from mirante.web.pages import model_page, overview, status_line
from mirante.web.pages.states import card_of
from tests.web.conftest import NOW
from tests.web.test_pages import Reader, ask

UNREGISTERED = "model/chrun@champion"
NOT_FOUND = "the registry has no model 'chrun'; check the name"


def unjudged(store: Store, *, failing: bool) -> None:
    of_model = {"model": "chrun", "alias": "champion"}
    error = f"TrackingError: {NOT_FOUND}" if failing else ""
    store.readings.write(
        [
            Reading("monitor_dropped_total", 0, NOW, of_model),
            Reading("monitor_queue_length", 0, NOW, {"queue": "outbox"}),
            Reading("monitor_task_failing", failing, NOW, {"task": UNREGISTERED}, error),
        ]
    )


def test_a_model_that_cannot_be_watched_is_no_ok(empty_store: Store):
    unjudged(empty_store, failing=True)
    card = card_of(empty_store, UNREGISTERED, [], ask())
    assert (card.state, card.reason) == ("warning", f"cannot be watched: {NOT_FOUND}")
    assert (card.spark_label, card.last) == ("", None)
    monitor = card_of(empty_store, "monitor", [], ask())
    assert (monitor.state, monitor.reason) == ("warning", f"Tasks that fail: {UNREGISTERED}")
    text = Reader(overview(empty_store, ask())).text
    assert "monitor dropped total" not in text
    assert NOT_FOUND in text
    assert "cannot be watched" in Reader(model_page(empty_store, UNREGISTERED, ask())).text
    assert card_of(empty_store, UNREGISTERED, [], ask(historic=True)).state == "waiting"


def test_what_the_service_says_of_its_tasks_wins_over_what_it_wrote_before(empty_store: Store):
    unjudged(empty_store, failing=False)
    tasks = {UNREGISTERED: {"error": f"TrackingError: {NOT_FOUND}"}, "rules": {"error": ""}}
    html = overview(empty_store, ask(), tasks)
    assert "All tasks run." not in html
    assert f"Tasks that fail: {UNREGISTERED}" in html
    assert f"Tasks that fail: {UNREGISTERED}" in status_line({"tasks": tasks}, ask())
    assert "All tasks run." in overview(empty_store, ask())


def test_a_model_never_judged_waits_and_says_for_what(empty_store: Store):
    unjudged(empty_store, failing=False)
    for now in (NOW, NOW + timedelta(days=2)):
        card = card_of(empty_store, UNREGISTERED, [], ask(now=now))
        assert (card.state, card.last, card.spark_label) == ("waiting", None, "")
        assert card.reason.startswith("No window has been judged yet. It waits for recorded predictions")
    assert 'class="card card-waiting"' in overview(empty_store, ask())
    assert "Aguardando" in overview(empty_store, ask(locale="pt_BR"))
    alert = AlertRow("1", "r", {}, UNREGISTERED, "critical", "firing", NOW, fired_at=NOW, summary="bad")
    assert card_of(empty_store, UNREGISTERED, [alert], ask()).state == "critical"


def test_a_pending_alert_is_said_to_be_pending(empty_store: Store):
    empty_store.readings.write([Reading("system_cpu_percent", 1.0, NOW, {"host": "h"})])
    empty_store.alerts.save_all([AlertRow("1", "r", {}, "host/h", "critical", "pending", NOW)])
    footer = re.search(r"<footer>.*?</footer>", overview(empty_store, ask()), re.DOTALL)
    assert footer is not None
    assert "1 alert pending" in footer[0]
    assert "open alert" not in footer[0]


def test_the_line_of_an_experiment_says_what_it_counts(empty_store: Store):
    for name, labels, said in (
        ("mlflow_experiment_runs", {"status": "running"}, ("Running", "2")),
        ("traces", {"status": "ok"}, ("Requests per window (ok)", "2")),
    ):
        labels = {"experiment": name, "experiment_id": "7", **labels}
        readings = [Reading(name, 2, NOW - timedelta(minutes=minutes), labels) for minutes in range(3)]
        empty_store.readings.write(readings)
        card = card_of(empty_store, f"experiment/{name}", [], ask())
        assert (card.spark_label, card.spark_value) == said


def test_a_model_without_baseline_says_what_it_lacks(empty_store: Store) -> None:
    of_model = {"model": "it's", "alias": "champion"}
    subject = "model/it's@champion"
    write = empty_store.readings.write
    write([Reading("baseline_missing", 1, NOW, of_model)])
    card = card_of(empty_store, subject, [], ask())
    assert (card.state, card.last) == ("waiting", None)
    assert "no baseline" in card.lacks
    hour = timedelta(hours=1)
    earlier = {**of_model, "version": "1"}
    write(
        [
            Reading("predictions", 9, NOW - 9 * hour, earlier),
            Reading("drift_share", 0.5, NOW - 9 * hour, earlier),
        ]
    )
    write([Reading("predictions", 30 + n, NOW - n * hour, {**of_model, "version": "2"}) for n in (2, 1)])
    card = card_of(empty_store, subject, [], ask())
    assert (card.state, card.reason) == ("ok", "31 predictions in the last window.")
    assert (card.spark_label, card.spark_value) == ("Predictions per window", "31")
    command = """mirante baseline create 'models:/it'"'"'s@champion'"""
    for html in (overview(empty_store, ask()), model_page(empty_store, subject, ask())):
        assert command in Reader(html).text
    write([Reading("baseline_missing", 0, NOW + hour, of_model)])
    card = card_of(empty_store, subject, [], ask())
    assert (card.lacks, card.spark_label) == ("", "Columns drifted")
