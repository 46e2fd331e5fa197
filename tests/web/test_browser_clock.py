"""The reader's own clock and language, in Chromium: times in forms, dates of a range, months on charts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from mirante.alerts.people.silencing import SilenceOrder, add_silence
from mirante.store import Store
from mirante.web.config import WebConfig
from tests.web.conftest import MODEL, NOW
from tests.web.test_browser import (  # noqa: F401 - fixtures
    _draw_all,
    browser,
    page,
    serving,
    site,
    writable,
)

pytestmark = pytest.mark.browser


def test_months_are_translated(page: Any, site: str):  # noqa: F811 - the fixtures are given by name
    page.goto(f"{site}/model?subject={MODEL}&lang=pt_BR&range=30d")
    _draw_all(page, 8)
    ticks = page.eval_on_selector_all(
        "#fig-predictions .xtick text", "all => all.map((one) => one.textContent)"
    )
    assert any("mar" in tick for tick in ticks)
    assert not any("Mar" in tick for tick in ticks)


def test_forms_are_on_the_readers_clock(browser: Any, writable: tuple[str, Store]):  # noqa: F811 - the fixtures are given by name
    address, store = writable
    start = NOW + timedelta(days=3)
    order = SilenceOrder({"rule": "high_cpu"}, "ana", "later", starts_at=start, lasting="2h")
    row = add_silence(store, order, NOW)
    context = browser.new_context(timezone_id="America/Sao_Paulo")
    opened = context.new_page()
    opened.goto(f"{address}/silences/{row.id}")
    assert opened.input_value("#starts") == "2013-04-03T09:00"
    assert "From (America/Sao_Paulo)" in opened.inner_text("form")
    opened.fill("#author", "ana")
    opened.fill("#comment", "")
    opened.evaluate("document.querySelector('#comment').required = false")
    opened.click("text=Save the change")
    opened.wait_for_selector(".fault")
    assert opened.input_value("#starts") == "2013-04-03T09:00", "sent back, it is not turned a second time"
    opened.fill("#comment", "later")
    assert "until tomorrow 9:00 (America/Sao_Paulo)" in opened.inner_text("form")
    opened.check("input[value=tomorrow]")
    assert not opened.is_visible("#lasting")
    opened.click("text=Save the change")
    opened.wait_for_url("**/silences")
    newest = store.silences.list()[0]
    assert newest.starts_at == start
    assert newest.ends_at.isoformat() == "2013-04-04T12:00:00+00:00"
    context.close()


def test_windows_to_accept_and_dates_are_local(browser: Any, full_url: str):  # noqa: F811 - the fixtures are given by name
    with Store(full_url) as store, serving(store, WebConfig()) as address:
        context = browser.new_context(timezone_id="America/Sao_Paulo")
        opened = context.new_page()
        opened.goto(f"{address}/model?subject={MODEL}&range=30d")
        opened.click("#accept summary")
        sent = opened.evaluate("Object.fromEntries(new FormData(document.querySelector('#accept form')))")
        assert sent["zone"] == "America/Sao_Paulo"
        assert sent["until"] == "2013-03-30T02:00"
        opened.fill(".dates input[name=since]", "2013-02-08")
        opened.fill(".dates input[name=until]", "2013-02-08")
        opened.click(".dates button")
        opened.wait_for_url("**zone=America*")
        assert opened.locator("#windows tbody tr").count() == 1
        opened.fill(".dates input[name=since]", "")
        opened.fill(".dates input[name=until]", "")
        opened.click(".dates button")
        opened.wait_for_url(lambda url: "since" not in url)
        assert "zone" not in opened.url
        context.close()
