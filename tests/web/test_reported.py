"""How the service is, by what it wrote: well, failing, silent, or never there."""

from datetime import timedelta

from mirante.readings import Reading
from mirante.web.reported import reported_health
from tests.web.conftest import NOW

MINUTE = timedelta(minutes=1)


def write(store, time, **failing):
    store.readings.write(
        [
            Reading("monitor_queue_length", 0, time, {"queue": "outbox"}),
            *(
                Reading("monitor_task_failing", bool(why), time, {"task": task}, why)
                for task, why in failing.items()
            ),
        ]
    )


def test_what_the_service_said_last_counts(empty_store):
    never = reported_health(empty_store, NOW, MINUTE)
    assert (never["status"], never["last_seen"], never["tasks"]) == ("silent", None, {})
    write(empty_store, NOW - 9 * MINUTE, old="gone since", host="")
    write(empty_store, NOW - MINUTE / 2, host="disk is full")
    failing = reported_health(empty_store, NOW, MINUTE)
    assert (failing["status"], failing["tasks"]) == ("degraded", {"host": {"error": "disk is full"}})
    write(empty_store, NOW, host="")
    assert reported_health(empty_store, NOW + MINUTE, MINUTE)["status"] == "ok"
    assert reported_health(empty_store, NOW + 2 * MINUTE, MINUTE)["status"] == "silent"
