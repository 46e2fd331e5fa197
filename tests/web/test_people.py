"""Forms on the pages: acknowledge, silence, change, end; over plain HTTP, without a browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from pathlib import Path
from urllib.parse import urlencode

import pytest

from mirante.alerts.people.silencing import SilenceOrder, add_silence
from mirante.store import AlertRow, EventRow, NoticeRow, Store
from mirante.web.asgi import create_app
from mirante.web.config import WebConfig
from tests.web.conftest import HOSTILE, NOW, TOKEN, Answer, Client

HOUR = timedelta(hours=1)
ORDER = SilenceOrder({"host": "web-1"}, "ana", "new disk", lasting="2h")
WHOLE = {"matchers": "host=web-1", "author": "ana", "comment": "new disk", "lasting": "2h"}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(f"sqlite:///{tmp_path}/mirante.db") as opened:
        labels = {"host": "web-1"}
        opened.alerts.save(
            AlertRow(
                "a1", "high_cpu", labels, "host/web-1", "critical", "firing", NOW - HOUR,
                fired_at=NOW - HOUR, value=0.42, summary="CPU at 93% on web-1",
            )
        )  # fmt: skip
        opened.alerts.save(AlertRow("a2", "disk", labels, "host/web-1", "info", "resolved", NOW - HOUR))
        yield opened


def post(client: Client, target: str, **fields: str) -> Answer:
    body = urlencode(fields).encode()
    return client("POST", target, body=body, content_type="application/x-www-form-urlencoded")


def test_acknowledge_goes_back_and_remembers_the_name(client: Client, store: Store):
    answer = post(
        client, "/alerts/a1/acknowledge", author=" ana ", note="on it", next="/alerts?rule=high_cpu"
    )
    assert (answer.status, answer.headers["location"]) == (303, "/alerts?rule=high_cpu")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("mirante_author=ana;")
    assert {"HttpOnly", "SameSite=strict"} <= {part.strip() for part in cookie.split(";")}
    page = client.get("/alerts", cookie="mirante_author=ana%20maria%22%3E").text
    assert 'value="ana maria&#34;&gt;"' in page
    assert "acknowledged by <b><bdi>ana</bdi></b>" in page
    detail = client.get("/alerts/a1").text
    assert "on it" in detail
    assert "Take it over" in detail
    assert "Change the note" in client.get("/alerts/a1", cookie="mirante_author=ana").text


def test_two_people_at_once(client: Client, store: Store):
    assert post(client, "/alerts/a1/acknowledge", author="ana").status == 303
    late = post(client, "/alerts/a1/acknowledge", author="rui")
    assert late.status == 409
    assert 'role="alert"><bdi>ana has this alert in hand since 2013-03-31 12:00 UTC' in late.text
    assert 'hx-get="/alerts/a1"' in late.text, "what is shown polls the alert's own page"
    assert post(client, "/alerts/a1/acknowledge", author="rui", take_over="1").status == 303
    assert post(client, "/alerts/a1/give-back", author="rui").headers["location"] == "/alerts/a1"
    assert post(client, "/alerts/a1/give-back", author="rui").status == 409
    assert store.acknowledgements.of(["a1"]) == {}


def test_it_never_leads_to_another_site(client: Client):
    for target in ("https://evil.example", "//evil.example", "/\\evil.example"):
        answer = post(client, "/alerts/a1/acknowledge", author="ana", next=target)
        assert answer.headers["location"] == "/"


def test_the_form_is_filled_from_the_alert(client: Client):
    page = client.get("/silences/new?alert=a1", cookie="mirante_author=ana").text
    assert ">\nrule=high_cpu\nhost=web-1</textarea>" in page
    assert 'name="author" value="ana"' in page
    assert "CPU at 93% on web-1" in page, "the alerts that it would hold"
    assert client.get("/silences/new?alert=none").status == 404
    assert client.get("/silences/none").status == 404


@pytest.mark.parametrize(
    ("target", "fields"),
    [
        ("/alerts/none/acknowledge", {"author": "ana"}),
        ("/alerts/none/give-back", {"author": "ana"}),
        ("/silences/none", WHOLE),
        ("/silences/none/end", {"author": "ana"}),
    ],
)
def test_what_is_not_there_cannot_be_written(client: Client, target: str, fields: dict[str, str]):
    answer = post(client, target, **fields)
    assert (answer.status, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert re.search(r"there is no (alert|silence) 'none'", unescape(answer.text))


def test_a_silence_is_made_changed_and_ended(client: Client, store: Store):
    made = post(client, "/silences/new", **WHOLE, next="/alerts/a1")
    assert (made.status, made.headers["location"]) == (303, "/alerts/a1")
    (row,) = store.silences.list()
    assert (row.matchers, row.ends_at) == ({"host": "web-1"}, NOW + 2 * HOUR)
    assert "silenced until" in client.get("/alerts").text
    form = client.get(f"/silences/{row.id}").text
    assert 'name="lasting" value="2h"' in form
    assert 'value="new disk"' in form
    changed = post(client, f"/silences/{row.id}", **{**WHOLE, "lasting": "1d", "starts": "2013-04-01T00:00"})
    assert (changed.status, changed.headers["location"]) == (303, "/silences")
    newest = store.silences.list()[0]
    assert (newest.replaces, newest.ends_at - newest.starts_at) == (row.id, 24 * HOUR)
    assert 'value="2013-04-01T00:00"' in client.get(f"/silences/{newest.id}").text
    listed = client.get("/silences").text
    assert [*re.findall(r'id="h-(\w+)"', listed)] == ["holding", "coming", "over"]
    assert post(client, f"/silences/{newest.id}/end", author="rui").status == 303
    again = post(client, f"/silences/{newest.id}/end", author="rui")
    assert (again.status, "make a new one" in again.text) == (409, True)
    assert 'hx-get="/silences"' in again.text
    late = post(client, f"/silences/{row.id}", **WHOLE)
    assert (late.status, "is over since" in late.text) == (409, True)


def test_times_of_the_form_are_on_the_clock_that_it_names(client: Client, store: Store):
    sent = {**WHOLE, "starts": "2013-04-01T22:00", "zone": "America/New_York"}
    assert post(client, "/silences/new", **sent).status == 303
    (row,) = store.silences.list()
    assert (row.starts_at.isoformat(), row.ends_at - row.starts_at) == ("2013-04-02T02:00:00+00:00", 2 * HOUR)
    form = client.get(f"/silences/{row.id}").text
    assert 'value="2013-04-02T02:00"' in form, "without a script it is UTC, and says so"
    assert "<bdi data-zone>UTC</bdi>" in form
    refused = post(client, "/silences/new", **{**sent, "author": ""}).text
    assert 'value="2013-04-01T22:00"' in refused
    assert 'name="zone" value="America/New_York"' in refused
    for name in ("Mars/Olympus", "../../etc/passwd", "x" * 900, "a\0b", HOSTILE[0]):
        wrong = post(client, "/silences/new", **{**WHOLE, "zone": name})
        assert (wrong.status, "is no time zone that is known here" in wrong.text) == (422, True)


@pytest.mark.parametrize(
    ("fields", "ends"),
    [
        ({"quick": "1h"}, "2013-03-31T13:00:00+00:00"),
        ({"quick": "4h"}, "2013-03-31T16:00:00+00:00"),
        ({"quick": "1d"}, "2013-04-01T12:00:00+00:00"),
        ({"quick": "tomorrow"}, "2013-04-01T09:00:00+00:00"),
        ({"quick": "tomorrow", "zone": "America/New_York"}, "2013-04-01T13:00:00+00:00"),
        ({"quick": "tomorrow", "zone": "Pacific/Auckland"}, "2013-04-01T20:00:00+00:00"),
        ({"quick": "tomorrow", "starts": "2013-04-05T23:00"}, "2013-04-06T09:00:00+00:00"),
        ({"quick": ""}, "2013-03-31T14:00:00+00:00"),
        ({"quick": HOSTILE[0]}, "2013-03-31T14:00:00+00:00"),
    ],
)
def test_lengths_to_choose_from(client: Client, store: Store, fields: dict[str, str], ends: str):
    assert post(client, "/silences/new", **WHOLE, **fields).status == 303
    (row,) = store.silences.list()
    assert row.ends_at.isoformat() == ends


@pytest.mark.parametrize(
    ("starts", "zone"),
    [
        ("9999-12-31T12:00", ""),
        ("9999-12-31T12:30Z", "Pacific/Auckland"),  # there it is the year 10000 already
        ("9999-12-31T01:00", "Pacific/Midway"),
    ],
)
def test_no_morning_comes_after_the_end_of_the_calendar(client: Client, store: Store, starts: str, zone: str):
    asked = {**WHOLE, "quick": "tomorrow", "starts": starts, "zone": zone}
    wrong = post(client, "/silences/new", **asked)
    assert (wrong.status, "give an earlier start" in wrong.text) == (422, True)
    assert store.silences.list() == []


def test_wrong_fields_come_back_as_they_were_sent(client: Client, store: Store):
    sent = {**WHOLE, "matchers": "host=web-1\r\nhost=web-2", "comment": '"><img src=x>'}
    answer = post(client, "/silences/new", **sent)
    assert (answer.status, "is there twice" in answer.text) == (422, True)
    assert ">\nhost=web-1\nhost=web-2</textarea>" in answer.text
    assert "<img" not in answer.text
    assert 'value="&#34;&gt;&lt;img src=x&gt;"' in answer.text
    for field, said in (
        ("author", "say who you are"),
        ("comment", "is empty"),
        ("lasting", "an end is needed"),
    ):
        wrong = post(client, "/silences/new", **{**WHOLE, field: ""})
        assert (wrong.status, said in wrong.text) == (422, True)
    portuguese = post(client, "/silences/new?lang=pt_BR", **{**WHOLE, "author": ""})
    assert "diga quem você é" in portuguese.text
    nothing = client("POST", "/silences/new", body=b"a=1&" * 40, content_type="text/plain")
    assert nothing.status == 422
    assert store.silences.list() == []


def test_preview_shows_which_alerts_and_writes_nothing(client: Client, store: Store):
    for matchers, count in (("host=web-1", 1), ("host=web-2", 0), ("severity=critical", 1)):
        answer = post(client, "/silences/new", matchers=matchers, preview="1")
        assert answer.status == 200
        assert f'<span class="count">{count}</span>' in answer.text
    answer = post(client, "/silences/new", matchers="host=~(", preview="1")
    assert "no regular expression" in answer.text
    assert store.silences.list() == []


@pytest.mark.parametrize(
    "target", ["/alerts/none/acknowledge", "/alerts/none/give-back", "/silences/none", "/silences/none/end"]
)
def test_what_is_not_there_is_404(client: Client, target: str):
    answer = post(client, target, **WHOLE)
    assert (answer.status, "There is nothing here" in answer.text) == (404, True)
    assert client.get("/alerts/none").status == 404


def test_an_alert_that_is_over_has_no_form(client: Client):
    page = client.get("/alerts/a2").text
    assert "<form" not in page
    assert post(client, "/alerts/a2/acknowledge", author="ana").status == 409


WRITES = ("/alerts/a1/acknowledge", "/alerts/a1/give-back", "/silences/new", "/silences/x", "/silences/x/end")


@pytest.mark.parametrize("target", WRITES)
def test_a_write_from_elsewhere_without_token_or_where_nothing_is_written(store: Store, target: str):
    here = Client(create_app(store, config=WebConfig(), clock=lambda: NOW))
    body = urlencode(WHOLE).encode()
    kind = "application/x-www-form-urlencoded"
    for headers in ({"origin": "https://evil.example"}, {"origin": "null"}, {"sec_fetch_site": "cross-site"}):
        assert here("POST", target, body=body, content_type=kind, **headers).status == 403
    guarded = Client(create_app(store, config=WebConfig(host="0.0.0.0", token=TOKEN), clock=lambda: NOW))
    assert post(guarded, target, **WHOLE).status == 401
    shows = Client(create_app(store, config=WebConfig(read_only=True), clock=lambda: NOW))
    assert post(shows, target, **WHOLE).status == 403
    assert (store.silences.list(), store.events.list()) == ([], [])


def test_a_page_that_only_shows_has_no_form_that_writes(store: Store):
    row = add_silence(store, ORDER, NOW)
    shows = Client(create_app(store, config=WebConfig(read_only=True), clock=lambda: NOW))
    for target in ("/alerts", "/alerts/a1", "/silences", "/silences/new", f"/silences/{row.id}"):
        page = shows.get(target).text
        assert 'method="post"' not in page, target
        assert "hx-post" not in page


def test_the_timeline_says_who_was_told_and_why_not(client: Client, store: Store):
    add_silence(store, ORDER, NOW)
    payload = {
        "alerts": [{"labels": {"host": "web-1"}, "threshold": "system_cpu_percent > 90"}, 7],
        "route": "severity=critical",
        "links": {
            "alert": "https://mirante.example/alerts/a1",
            "page": "https://mirante.example/host",
            "model_version": "https://mlflow.example/v3",
            "bad": "javascript:alert(1)",
        },
    }
    for id_, channel, reason, status in (
        ("n1", "mail", "first_firing", "delivered"),
        ("n2", "slack", "reminder", "dead"),
        ("n3", "pager", "something_new", "owed"),
    ):
        store.outbox.add(
            NoticeRow(
                id_, channel, reason, NOW, NOW, 3, status,
                error="Slack answered 404" if status == "dead" else None,
                delivered_at=NOW if status == "delivered" else None, alert_ids=("a1",), payload=payload,
            )
        )  # fmt: skip
    held = {"alert": "a1", "reason": "muted", "channel": "night-desk", "name": "nights"}
    store.events.add(EventRow("host/web-1", NOW, "notice_held", "", held))
    page = client.get("/alerts/a1").text
    for words in (
        "night-desk",
        "mute time (<bdi>nights",
        "<bdi>severity=critical",
        "first firing",
        "reminder",
        "something new",
        "3 tries",
        "Slack answered 404",
        "given up",
        "<bdi>Model version",
    ):
        assert words in page
    assert "system_cpu_percent &gt; 90" in page
    assert 'href="https://mirante.example/host"' in page
    assert "javascript:" not in page
    assert page.index("first firing") < page.index("Silenced by") < page.index("pending.")
    assert "Silenciado por" in client.get("/alerts/a1?lang=pt_BR").text


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_words_stay_words(client: Client, store: Store, name: str):
    add_silence(store, SilenceOrder({"host": name}, name, name, lasting="2h"), NOW)
    (row,) = store.silences.list()
    post(client, "/alerts/a1/acknowledge", author=name, note=name)
    for target in ("/alerts", "/alerts/a1", "/silences", f"/silences/{row.id}"):
        page = client.get(target).text
        assert "<img" not in page
        assert page.count("</script>") == page.count("<script")
        assert ("{{7*7}}" in page) is (name == "{{7*7}}")
    fields = {**WHOLE, "matchers": re.search(r">\n(.*)</textarea>", page)[1]}
    fields["matchers"] = unescape(fields["matchers"])
    assert post(client, f"/silences/{row.id}", **fields).status == 303
    changed = next(one for one in store.silences.list() if one.replaces == row.id)
    assert changed.matchers == row.matchers, "the form gives back the very name"
