"""What notices say beside the alert: features, performance, links, how to silence."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mirante.alerts.channels.base import Notice, NoticeAlert
from mirante.alerts.channels.texts import alert_text, plain_text
from mirante.alerts.evidence import Evidence, alert_links, gather, page_links, silence_command, windows_of
from mirante.errors import StoreError
from mirante.store import AlertRow, Store, WindowRow

START = datetime(2013, 2, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)
LABELS = {"model": "churn", "alias": "champion", "version": "3"}
ALERT = AlertRow(
    "4f2a", "drift", LABELS, "model/churn@champion", "warning", "firing", START, reading_time=START + 5 * HOUR
)


def window(number: int, **verdicts: object) -> WindowRow:
    start = START + number * HOUR
    return WindowRow(
        "model/churn@champion", "3", start, start + HOUR, rows=9, closed=True, verdicts=dict(verdicts)
    )


def column(effect: float, name: str, drifted: bool = True) -> dict[str, object]:
    return {"effect": effect, "drifted": drifted, "sentence": f"{name} moved."}


SPAN = (START + 5 * HOUR, START + 6 * HOUR)
ALONE = Evidence(window=SPAN)


def test_each_alert_names_its_window_whatever_else_is_known(store: Store) -> None:
    store.windows.put(replace(window(5), closed=False))
    store.windows.put(replace(window(5), version="2", end=START + 7 * HOUR, rows=900))
    about = {**LABELS, "slice": "region=north", "feature": "a"}
    unversioned = {"model": "churn", "alias": "champion"}
    alerts = [replace(ALERT, labels=about), *[ALERT] * 30, replace(ALERT, labels=unversioned)]
    assert windows_of(store, alerts) == [SPAN] * 31 + [(SPAN[0], START + 7 * HOUR)]
    assert [one.window for one in gather(store, alerts[:31], "en")] == [SPAN] * 31
    told = NoticeAlert("firing", "drift", since=START + 900 * HOUR, window=SPAN)
    assert ("Window", "2013-02-08 05:00 – 2013-02-08 06:00 UTC") in alert_text(told, "en").facts
    notice = Notice("1f", "first_firing", "info", "x", (told,))
    assert Notice.from_payload(json.loads(json.dumps(notice.payload()))) == notice
    assert "Window: 2013-02-08 05:00" in plain_text(notice)


def test_the_features_that_moved_strongest_first(store: Store) -> None:
    columns = {name: column(number / 10, name) for number, name in enumerate("abcdefg")}
    store.windows.put(window(5, columns=columns | {"quiet": column(0.9, "quiet", drifted=False)}))
    (found,) = gather(store, [ALERT], "en")
    assert found.moved == ("g moved.", "f moved.", "e moved.", "d moved.", "c moved.", "and 2 more features")
    (own,) = gather(store, [replace(ALERT, labels=LABELS | {"feature": "a"})], "en")
    assert own.moved == ()  # its note says it


def test_the_slices_of_the_window_and_of_its_own_feature_alone(store: Store) -> None:
    slices = [{"column": name, "sentence": f"{name} moved mainly there."} for name in ("a", "b", "a", "c")]
    store.windows.put(window(5, columns={"a": column(0.5, "a")}, slices=slices))
    about_a, about_d = ({"feature": name} | LABELS for name in "ad")
    alerts = [ALERT, replace(ALERT, labels=about_a), replace(ALERT, labels=about_d)]
    whole, own, other = gather(store, alerts, "en")
    assert whole.slices == tuple((name, f"{name} moved mainly there.") for name in "aba")  # at most three
    assert own.slices == (("a", "a moved mainly there."),) * 2
    assert (other.slices, other.moved) == ((), ())


def test_slices_of_any_other_form_are_none(store: Store) -> None:
    for kept in ({}, "x", ["x", {"column": "a"}, {"sentence": ""}], None):
        store.windows.put(window(5, slices=kept))
        assert gather(store, [ALERT], "en") == [ALONE]


def test_the_performance_as_far_as_labels_are_in(store: Store) -> None:
    store.windows.put(window(5))
    assert gather(store, [ALERT], "en") == [ALONE]
    store.windows.put(window(4, performance={"roc_auc": 0.61, "labels": 9.0}))
    (one,) = gather(store, [ALERT], "en")
    assert one.performance == "roc_auc was 0.61 in the window of 2013-02-08 04:00 UTC"
    store.windows.put(window(2, performance={"roc_auc": 0.7}))
    store.windows.put(window(3, performance={"roc_auc": 0.8, "accuracy": None}))
    (both,) = gather(store, [ALERT], "pt_BR")
    assert both.performance == "roc_auc foi 0,61 na janela de 2013-02-08 04:00 UTC, e 0,75 antes"


def test_of_others_nothing_is_known(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.windows.put(window(5, columns={"a": column(0.5, "a")}))
    host = replace(ALERT, subject="host/web-1")
    other = replace(ALERT, reading_time=START + 6 * HOUR)
    earlier = replace(ALERT, labels=LABELS | {"version": "2"})
    assert gather(store, [host, other, earlier, replace(ALERT, reading_time=None)], "en") == [Evidence()] * 4
    assert [bool(one.moved) for one in gather(store, [ALERT] * 25, "en")] == [True] * 20 + [False] * 5

    def fails(*_: object, **__: object) -> None:
        raise StoreError("disk full")

    monkeypatch.setattr(store.windows, "get", fails)
    monkeypatch.setattr(store.windows, "ends", fails)
    assert gather(store, [ALERT], "en") == [Evidence()]


def test_links() -> None:
    links = alert_links(ALERT, page="http://p:1/", mlflow="http://m/ui/")
    assert links == {
        "alert": "http://p:1/alerts/4f2a",
        "subject": "http://p:1/model?subject=model%2Fchurn%40champion",
        "model_version": "http://m/ui/#/models/churn/versions/3",
    }
    assert alert_links(ALERT) == {}
    run = replace(ALERT, labels={"run_id": "ab", "experiment_id": "7"}, subject="experiment/7")
    assert alert_links(run, mlflow="http://m") == {"run": "http://m/#/experiments/7/runs/ab"}
    evil = replace(ALERT, rule="a&b=<c>", labels={"model": "../../x?#", "version": '"1'})
    told = " ".join(alert_links(evil, page="http://p", mlflow="http://m").values())
    assert not set('<>" ') & set(told.replace(" http", "http"))
    assert "..%2F..%2Fx%3F%23" in told
    assert page_links("http://p/") == {"alerts": "http://p/alerts"}


@pytest.mark.parametrize("rule", ["a; rm -rf /", "$(x)", "`x`", "a b", "a\nb", "", "'"])
def test_no_command_for_what_a_shell_would_run(rule: str) -> None:
    hostile = replace(ALERT, rule=rule)
    assert silence_command([hostile, hostile]) == ""
    assert silence_command([hostile]) == 'mirante alerts silence --alert 4f2a --for 2h --comment "..."'
    assert silence_command([ALERT, hostile]) == ""


def test_a_command_names_a_config_safely() -> None:
    assert "silence -c '/srv/a b; rm/mirante.yaml' --alert " in silence_command(
        [ALERT], "/srv/a b; rm/mirante.yaml"
    )
