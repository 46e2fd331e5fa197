from datetime import timedelta

from mirante.alerts.matchers import Matchers
from mirante.alerts.routing import Pace, Route
from mirante.alerts.tracing import destination_in_words, trace

CRITICAL = Route(
    ("mail",),
    Matchers.of({"severity": "critical"}),
    pace=Pace(("...",), timedelta(0), mute_times=("nights",)),
)
HOST = Route(("ops",), Matchers.of({"subject": "~host/.*"}))
ROOT = Route(("chat",), routes=(CRITICAL, HOST), pace=Pace(group_by=()))


def test_the_subject_follows_from_the_other_labels():
    assert [place.channel for place in trace(ROOT, {"host": "a"})] == ["ops"]
    assert [place.channel for place in trace(ROOT, {"host": "a", "subject": "host"})] == ["chat"]


def test_words():
    labels = {"severity": "critical", "rule": "r"}
    (mail,) = trace(ROOT, labels)
    assert destination_in_words(mail, labels) == (
        "mail: route severity=critical; grouped as rule=r, severity=critical; told after 0s, news after 5m, "
        "reminded after 4h; muted at nights"
    )
    (chat,) = trace(ROOT, {})
    assert destination_in_words(chat, {}).startswith(
        "chat: route of the root; grouped as one; told after 30s"
    )
