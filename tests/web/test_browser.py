"""Real Chromium: pages open without a console error, charts are drawn, hostile names run nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from mirante.alerts.people.acknowledging import acknowledge, take_back
from mirante.alerts.rules import Rule, default_rules
from mirante.readings import Reading
from mirante.store import AlertRow, ProposalRow, Store, WindowRow
from mirante.web.asgi import create_app
from mirante.web.config import WebConfig
from mirante.web.ruling import Ruling
from tests.web.conftest import HOST, HOSTILE, MODEL, NOW
from tests.web.served import served

pytestmark = pytest.mark.browser

ALERT = f"/alerts/{1:032x}"
NEW_SILENCE = f"/silences/new?alert={1:032x}"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]


@contextmanager
def serving(store: Store, config: WebConfig) -> Iterator[str]:
    """A real server on a free port."""
    rules = [
        *default_rules(),
        Rule(HOSTILE[0], "drift_share > 0.05", where={"alias": "a"}, summary=HOSTILE[5]),
    ]
    ruling = Ruling(lambda: rules, error=lambda: f"rules.yaml, line 3: {HOSTILE[0]}")
    app = create_app(store, config=config, clock=lambda: NOW, ruling=ruling)
    with served(app) as address:
        yield address


@pytest.fixture(scope="module")
def site(full_url: str) -> Iterator[str]:
    with Store(full_url) as store, serving(store, WebConfig()) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    context = browser.new_context(timezone_id="America/New_York", viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    said: list[str] = []
    opened.on(
        "console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None
    )
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.on("dialog", lambda dialog: (said.append(f"dialog {dialog.message}"), dialog.dismiss()))
    yield opened
    context.close()
    assert said == []


def until(page: Any, condition: str) -> None:
    """Wait for a condition; the browser's own waiting needs eval, which the CSP forbids."""
    for _ in range(300):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"{condition} did not come true in 15 s")


def _draw_all(page: Any, count: int) -> None:
    page.evaluate("for (const p of document.querySelectorAll('.plot')) p.scrollIntoView()")
    page.set_viewport_size({"width": 1280, "height": 4000})
    until(page, f"document.querySelectorAll('.js-plotly-plot .main-svg').length >= {count}")


def test_overview(page: Any, site: str):
    page.goto(site)
    page.wait_for_selector("#status .state")
    assert "Critical" in page.inner_text(".card-critical")
    assert page.locator(".card svg.spark").count() >= 3
    page.click(".card-critical h2 a")
    assert "nyc-flight-delay" in page.inner_text("h1")


def test_model_draws_its_charts_and_a_cell_leads_to_its_comparison(page: Any, site: str):
    page.goto(f"{site}/model?subject={MODEL}")
    _draw_all(page, 8)
    assert page.locator("table tbody tr").first.inner_text().startswith("2013-03-29 01:00")
    feature = page.evaluate(
        """() => {
          const div = document.getElementById("fig-heat");
          const rows = JSON.parse(div.dataset.rows);
          const text = Object.keys(rows).find((key) => rows[key] === "dep_delay");
          const row = div.data[0].y.indexOf(text);
          const column = div.moments[0].findIndex((moment) => moment.startsWith("2013-02-08"));
          div.emit("plotly_click", { points: [{ curveNumber: 0, pointIndex: [row, column], y: text }] });
          return rows[text];
        }"""
    )
    page.wait_for_url("**window=2013-02-08**")
    assert feature == "dep_delay"
    assert page.eval_on_selector("select[name=feature]", "e => e.value") == "dep_delay"
    assert "median 2 -> 31" in page.inner_text(".verdict")


def test_host_and_alerts(page: Any, site: str):
    page.goto(f"{site}/host?subject={HOST}")
    _draw_all(page, 3)
    page.goto(f"{site}/alerts")
    assert "dep_delay of nyc-flight-delay moved" in page.inner_text("main")
    page.select_option("select[name=rule]", "high_cpu")
    page.wait_for_url("**/alerts?rule=high_cpu")
    assert "CPU at 93% on web-1" in page.inner_text("main")


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_run_nothing(page: Any, site: str, name: str):
    page.goto(site)
    for subject in (f"model/{name}@champion", f"model/{name}@a"):
        answer = page.request.get(f"{site}/model?subject={quote(subject)}")
        if answer.status == 200:
            page.goto(f"{site}/model?subject={quote(subject)}")
            page.wait_for_timeout(300)
            assert page.locator("img").count() == 0
            assert page.inner_text("h1").startswith(name[:3].replace("\u202e", ""))


def test_theme_is_kept_and_recolours_charts(page: Any, site: str):
    page.goto(f"{site}/host?subject={HOST}")
    _draw_all(page, 3)
    paper = "() => document.querySelector('#fig-usage')._fullLayout.paper_bgcolor"
    assert page.evaluate(paper) == "#ffffff"
    page.click("#theme")
    until(page, "document.querySelector('#fig-usage')._fullLayout.paper_bgcolor !== '#ffffff'")
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_polling_moves_nothing_when_nothing_changed(page: Any, site: str):
    page.goto(f"{site}/host?subject={HOST}")
    _draw_all(page, 3)
    page.evaluate("document.querySelector('h1').dataset.mark = 'kept'")
    with page.expect_response(lambda r: "/host" in r.url) as answered:
        page.evaluate("htmx.ajax('GET', location.href, {source: '#live', select: '#live'})")
    assert answered.value.status == 304
    page.wait_for_timeout(100)
    assert page.get_attribute("h1", "data-mark") == "kept"


def test_pages_read_without_javascript(browser: Any, site: str):
    context = browser.new_context(java_script_enabled=False)
    opened = context.new_page()
    opened.goto(f"{site}/model?subject={MODEL}&range=30d")
    assert opened.locator("table tbody tr").count() == 30
    opened.click("table tbody tr:nth-child(2) th a")
    assert "window=2013-03-28" in opened.url
    opened.click("#compare button")
    assert "range=30d" in opened.url
    context.close()


@pytest.mark.parametrize(
    "target",
    [
        *(
            "/",
            "/alerts",
            f"/model?subject={MODEL}",
            f"/host?subject={HOST}",
            ALERT,
            "/silences",
            NEW_SILENCE,
        ),
        *("/rules", "/rules/feature_drift?days=90", f"/rules/{quote(HOSTILE[0], safe='')}", "/status"),
    ],
)
def test_nothing_is_wider_than_a_phone(page: Any, site: str, target: str):
    page.set_viewport_size({"width": 360, "height": 800})
    page.goto(site + target)
    page.wait_for_timeout(300)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_rule_and_its_preview(page: Any, site: str):
    page.goto(site)
    page.click("nav >> text=Rules")
    assert "those from before stay in force" in page.inner_text(".fault")
    page.click("a.alert-title:has-text('high_cpu')")
    assert "system_cpu_percent > 90" in page.inner_text(".lead")
    page.click("#preview nav >> text=30 days")
    page.wait_for_url("**/rules/high_cpu?days=30**")
    assert "It would not have fired" in page.inner_text("#preview")


def test_a_rule_of_a_hostile_name_runs_nothing_and_shows_its_strip(page: Any, site: str):
    page.goto(f"{site}/rules")
    page.click(f"a.alert-title >> text={HOSTILE[0][3:]}")
    assert page.inner_text("h1") == HOSTILE[0]
    assert page.locator("svg.strip .strip-firing").count() >= 1
    assert page.locator("img").count() == 0
    with page.expect_response(lambda r: "/rules/" in r.url) as answered:
        here = "document.getElementById('live').getAttribute('hx-get')"
        page.evaluate(f"htmx.ajax('GET', {here}, {{source: '#live', select: '#live'}})")
    assert answered.value.status == 304


def test_the_state_of_the_monitor(page: Any, site: str):
    page.goto(site)
    page.click("#status >> text=Status")
    page.wait_for_url("**/status")
    assert "slack" in page.inner_text("main")
    assert "Readings" in page.inner_text("#h-store ~ dl")


def test_rules_and_status_without_javascript(browser: Any, site: str):
    context = browser.new_context(java_script_enabled=False)
    opened = context.new_page()
    opened.goto(f"{site}/rules?state=unable")
    opened.click("a.alert-title >> nth=0")
    assert "This rule cannot fire" in opened.inner_text("main")
    opened.click("footer >> text=Status")
    assert opened.inner_text("h1") == "Status"
    context.close()


def test_login_by_form(browser: Any, full_url: str):
    token = "correct-horse-battery-staple"
    with Store(full_url) as store, serving(store, WebConfig(token=token)) as site:
        context = browser.new_context()
        opened = context.new_page()
        opened.goto(f"{site}/alerts")
        opened.fill("#token", token)
        opened.click("button[type=submit]")
        opened.wait_for_url(f"{site}/alerts")
        assert "Firing" in opened.inner_text("main")
        context.close()


def test_new_readings_come_by_themselves_and_the_chart_stays(page: Any, empty_store: Store):
    def write(minutes: range) -> None:
        empty_store.readings.write(
            Reading("system_cpu_percent", 5.0 + m, NOW + timedelta(minutes=m), {"host": "h"}) for m in minutes
        )

    write(range(5))
    with serving(empty_store, WebConfig()) as site:
        page.goto(f"{site}/host?subject=host/h")
        page.wait_for_selector("#fig-usage .main-svg")
        page.evaluate("document.getElementById('fig-usage').mark = 'the same element'")
        write(range(5, 9))
        ask = "{source: '#live', target: '#live', select: '#live', swap: 'outerHTML'}"
        page.evaluate(f"htmx.ajax('GET', location.href, {ask})")
        until(page, "document.getElementById('fig-usage').data[0].x.length === 9")
        assert page.evaluate("document.getElementById('fig-usage').mark") == "the same element"
        assert "13" in page.inner_text("table tbody")
        page.goto("about:blank")


@pytest.fixture
def writable(empty_store: Store) -> Iterator[tuple[str, Store]]:
    """A server whose store one test may write to, with one alert of a hostile host."""
    row = AlertRow("a1", "high_cpu", {"host": HOSTILE[0]}, f"host/{HOSTILE[0]}", "critical", "firing", NOW)
    empty_store.alerts.save(replace(row, fired_at=NOW, summary=HOSTILE[0]))
    with serving(empty_store, WebConfig()) as address:
        yield address, empty_store


def test_acknowledge_in_place_with_htmx(page: Any, writable: tuple[str, Store]):
    site, store = writable
    page.goto(f"{site}/alerts")
    page.evaluate("document.body.dataset.mark = 'same document'")
    page.click("text=Acknowledge …")
    page.fill(".act input[name=author]", "ana")
    page.fill(".act input[name=note]", "<b>on it</b>")
    page.keyboard.press("Enter")
    until(page, "document.body.innerText.includes('acknowledged by ana')")
    assert page.get_attribute("body", "data-mark") == "same document"
    assert store.acknowledgements.of(["a1"])["a1"].note == "<b>on it</b>"
    page.click("text=In hand …")
    assert page.input_value(".act input[name=author]") == "ana", "the name is remembered"
    assert "Change the note" in page.inner_text(".act")
    page.goto("about:blank")


def test_who_comes_second_is_told_in_place(browser: Any, writable: tuple[str, Store]):
    site, store = writable
    context = browser.new_context()  # of its own: Chromium writes an error to the console for a 409
    opened = context.new_page()
    acknowledge(store, "a1", author="ana", now=NOW)
    opened.goto(f"{site}/alerts")
    opened.click("text=In hand …")
    opened.fill(".act input[name=author]", "rui")
    take_back(store, "a1", author="ana", now=NOW)
    opened.click("text=Give it back")
    until(opened, "document.querySelector('.fault') !== null")
    assert "nobody has this alert in hand" in opened.inner_text(".fault")
    context.close()


def test_a_form_that_is_open_is_not_pulled_away(page: Any, writable: tuple[str, Store]):
    site, store = writable
    page.goto(f"{site}/alerts")
    page.click("text=Acknowledge …")
    page.evaluate("document.activeElement.blur()")
    acknowledge(store, "a1", author="rui", now=NOW)
    how = "{source: '#live', target: '#live', select: '#live', swap: 'outerHTML'}"
    poll = f"htmx.ajax('GET', location.href, {how})"
    page.evaluate(poll)
    page.wait_for_timeout(300)
    assert page.locator(".act[open]").count() == 1
    page.click(".act summary")
    page.evaluate(poll)
    until(page, "document.body.innerText.includes('acknowledged by rui')")
    page.goto("about:blank")


def test_silence_by_keyboard_alone_then_change_and_end(page: Any, writable: tuple[str, Store]):
    site, store = writable
    page.goto(f"{site}/alerts/a1")
    page.click("text=Silence alerts like this one …")
    page.focus("#comment")
    page.keyboard.type("new disk")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    page.focus("#author")
    page.keyboard.type("ana")
    page.keyboard.press("Enter")
    page.wait_for_url("**/alerts/a1")
    assert "Silenced by ana" in page.inner_text(".moments")
    (row,) = store.silences.list()
    assert row.matchers == {"rule": "high_cpu", "host": HOSTILE[0]}
    assert (row.ends_at - row.starts_at).total_seconds() == 4 * 3600
    page.goto(f"{site}/silences")
    page.click("text=Change …")
    assert page.is_checked("#quick-other"), "what is left is no length to choose from"
    page.fill("#lasting", "5h")
    page.click("text=Save the change")
    page.wait_for_url("**/silences")
    page.click("text=End … >> nth=0")
    page.click("text=End it now")
    until(page, "document.body.innerText.includes('Nothing is silenced.')")
    assert [one.ends_at for one in store.silences.list()] == [NOW, NOW]
    page.goto("about:blank")


def test_people_act_without_javascript(browser: Any, writable: tuple[str, Store]):
    site, store = writable
    context = browser.new_context(java_script_enabled=False)
    opened = context.new_page()
    opened.goto(f"{site}/alerts?rule=high_cpu")
    opened.click("text=Acknowledge …")
    opened.fill(".act input[name=author]", "ana")
    opened.click(".act .main-button")
    assert opened.url.endswith("/alerts?rule=high_cpu")
    assert "acknowledged by ana" in opened.inner_text("main")
    opened.click("text=Silence …")
    opened.fill("#matchers", "host")
    opened.fill("#comment", "why not")
    opened.click("text=Silence them")
    assert "is no matcher" in opened.inner_text(".fault")
    assert opened.input_value("#comment") == "why not"
    opened.fill("#matchers", "rule=high_cpu")
    opened.click("text=Which alerts are these?")
    assert HOSTILE[0] in opened.inner_text("section")
    opened.click("text=Silence them")
    assert "silenced until" in opened.inner_text("main")
    assert store.silences.list()[0].author == "ana"
    context.close()


def test_another_sites_form_writes_nothing(browser: Any, writable: tuple[str, Store]):
    site, store = writable
    context = browser.new_context()
    opened = context.new_page()
    form = f"<form method=post action='{site}/alerts/a1/acknowledge'><input name=author value=eve></form>"
    opened.set_content(f"{form}<script>document.forms[0].submit()</script>")
    opened.wait_for_url("**/acknowledge")
    assert "must come from this site" in opened.inner_text("body")
    assert store.acknowledgements.of(["a1"]) == {}
    context.close()


def test_a_proposal_is_approved_and_what_was_typed_survives_the_polling(page: Any, empty_store: Store):
    data = {"model": HOSTILE[0], "alias": HOSTILE[5], "from": "2", "to": "1", "alerts": []}
    empty_store.proposals.add(ProposalRow("p1", "move_alias", MODEL, "open", NOW, data=data))
    with serving(empty_store, WebConfig()) as address:
        page.goto(f"{address}/alerts")
        page.fill('#proposals input[name="author"]', "Ana")
        page.fill('#proposals input[name="reason"]', "version 1 was better")
        refresh = "htmx.ajax('GET', location.href, {target: '#live', select: '#live', swap: 'outerHTML'})"
        page.evaluate(refresh)
        assert page.input_value('#proposals input[name="author"]') == "Ana"
        page.click('#proposals button[value="approve"]')
        page.wait_for_selector("#proposals .chip:has-text('approved')")
        assert "version 1 was better" in page.inner_text("#proposals")
        page.goto("about:blank")
    row = empty_store.proposals.get("p1")
    assert row is not None
    assert (row.state, row.author) == ("approved", "Ana")


def test_a_cell_of_many_windows_leads_to_them(page: Any, tmp_path: Path):
    labels = {"model": "m", "alias": "champion", "version": "1"}
    starts = [NOW - timedelta(hours=n) for n in range(400)]
    with Store(f"sqlite:///{tmp_path}/m.db") as store:
        store.readings.write(
            Reading(name, 0.2, start, {**labels, "feature": "age"})
            for start in starts
            for name in ("drift_effect", "drift_detected")
        )
        for start in starts:
            store.windows.put(
                WindowRow("model/m@champion", "1", start, start + timedelta(hours=1), 9, closed=True)
            )
        with serving(store, WebConfig()) as address:
            page.goto(f"{address}/model?subject=model/m@champion&range=all&page=2")
            until(page, "document.querySelector('#fig-heat .main-svg') !== null")
            page.evaluate(
                """() => {
                  const div = document.getElementById("fig-heat");
                  div.emit("plotly_click", { points: [{ curveNumber: 0, pointIndex: [0, 5], y: "age" }] });
                }"""
            )
            page.wait_for_url("**since=*")
            assert "page=" not in page.url
            assert page.locator("#windows tbody tr").count() == 3
