"""Every page in real Chromium, in every look: the console is silent, no text is cut, axe-core is content."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from mirante.store import Store
from tests.tools import require_tool
from tests.web.conftest import NOW
from tests.web.screens import (
    NO_PAGES,
    SCREENS,
    THEMES,
    WIDTHS,
    Screen,
    Sites,
    add_an_experiment,
    add_what_people_say,
    all_sites,
    chromium,
    copy_store,
    new_context,
    page_routes,
    settle,
    write_all,
)

NARROWEST = 360  # the narrowest telephones; looked at for what is cut alone
AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")

# Text that a box cuts off and that no title, label or scrolling gives back; what sticks out of a chart; what
# makes the page itself scroll sideways.
CUT = """
() => {
  const found = [];
  const say = (what, element) => found.push(`${what}: ${element.outerHTML.slice(0, 160)}`);
  const told = (element) => element.closest("[title]") || element.querySelector(":scope > [title]");
  for (const element of document.querySelectorAll("body *")) {
    if (!(element instanceof HTMLElement) || !element.checkVisibility()) continue;
    if (element.closest(".unseen, .plot")) continue;
    if (innerWidth < 600 && element.closest(".stack thead")) continue;  // each cell has its heading beside it
    const style = getComputedStyle(element);
    const wide = element.scrollWidth > element.clientWidth + 1 && element.clientWidth > 0;
    const tall = element.scrollHeight > element.clientHeight + 1;
    if (element instanceof HTMLInputElement) {
      if (wide && element.type !== "hidden") say("value cut", element);
    } else if (element.innerText && element.innerText.trim() && !told(element)) {
      if (wide && /hidden|clip/.test(style.overflowX)) say("text cut", element);
      else if (tall && /hidden|clip/.test(style.overflowY)) say("lines cut", element);
    }
  }
  for (const plot of document.querySelectorAll(".plot")) {
    const box = plot.getBoundingClientRect();
    for (const text of plot.querySelectorAll(".main-svg text")) {
      const own = text.getBoundingClientRect();
      if (!own.width || !text.checkVisibility({ opacityProperty: true })) continue;
      const beside = own.left < box.left - 1 || own.right > box.right + 1;
      const above = own.top < box.top - 1 || own.bottom > box.bottom + 1;
      if (beside || above) found.push(`sticks out of ${plot.id}: ${text.textContent.slice(0, 80)}`);
    }
  }
  // a table on a telephone is stacked: what it says must not lie beside the screen
  for (const box of innerWidth < 600 ? document.querySelectorAll(".scroll") : []) {
    if (box.scrollWidth > box.clientWidth + 1) say("the table scrolls sideways", box);
    for (const cell of box.querySelectorAll("td, tbody th")) {
      const own = cell.getBoundingClientRect();
      if (own.width && (own.right > innerWidth || own.left < 0)) say("beside the screen", cell);
    }
  }
  const wide = document.documentElement.scrollWidth;
  if (wide > innerWidth) found.push(`the page scrolls sideways: ${wide} > ${innerWidth}`);
  return found;
}
"""

# What has the focus, and whether it, or the card around it, has an outline. The button of a calendar is
# a part of its field that only Chromium itself can style, and does.
FOCUS = """
() => {
  const element = document.activeElement;
  if (!element || element === document.body) return null;
  let seen = /^date/.test(element.type || "");
  for (let one = element; one && one !== document.body; one = one.parentElement) {
    const style = getComputedStyle(one);
    seen ||= style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  }
  return { seen, html: element.outerHTML.slice(0, 160) };
}
"""

# a chart is a picture of thousands of parts, hidden from screen readers; its buttons are looked at
CONTEXT = {"exclude": [[".main-svg"]]}
# colours do not change with the width, and to look at them takes most of the time
CONTRAST = {"resultTypes": ["violations"], "runOnly": ["color-contrast"]}
SHAPE = {
    "resultTypes": ["violations"],
    "rules": {"target-size": {"enabled": True}, "color-contrast": {"enabled": False}},
}


@pytest.fixture(scope="module")
def sites(full_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    folder = tmp_path_factory.mktemp("screens")
    url = copy_store(Path(full_url.removeprefix("sqlite:///")), folder / "shown.db")
    with Store(url) as store:
        add_what_people_say(store, NOW)
        add_an_experiment(store, NOW)
    with all_sites(url, folder, NOW) as served:
        yield served


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    require_tool("chromium")
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def contexts(browser: Any) -> dict[int, Any]:
    """One for each width, so that plotly is fetched and read once."""
    return {width: new_context(browser, "light", width, NOW) for width in (*WIDTHS, NARROWEST)}


def listen(page: Any, said: list[str], status: int) -> None:
    """Write down whatever goes wrong on a page."""

    def heard(message: Any) -> None:
        # Chromium itself writes a line when the page that was asked for is not there
        expected = status != 200 and f"status of {status}" in message.text
        if message.type in ("error", "warning") and not expected:
            said.append(f"console: {message.text}")

    page.on("console", heard)
    page.on("pageerror", lambda error: said.append(f"error: {error}"))
    page.on("dialog", lambda dialog: (said.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    page.on("requestfailed", lambda request: said.append(f"failed: {request.url} {request.failure}"))
    page.expose_binding("violated", lambda _, what: said.append(f"CSP: {what}"))
    page.add_init_script(
        "document.addEventListener('securitypolicyviolation',"
        " (event) => violated(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`))"
    )


def faults_of_axe(page: Any, rules: dict[str, Any]) -> list[str]:
    page.evaluate(AXE)
    found = page.evaluate("([context, rules]) => axe.run(context, rules)", [CONTEXT, rules])["violations"]
    return [
        f"{fault['id']}: {node['html'][:240]} {node['failureSummary'][:300]}"
        for fault in found
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]


@pytest.mark.browser
@pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: screen.name)
def test_a_page_in_every_look(contexts: dict[int, Any], sites: Sites, screen: Screen):
    said: list[str] = []
    for width, context in contexts.items():
        page = context.new_page()
        listen(page, said, screen.status)
        assert page.goto(sites.address(screen)).status == screen.status
        page.evaluate("for (const folded of document.querySelectorAll('details')) folded.open = true")
        settle(page, width)
        axe = screen.axe and width in WIDTHS
        found = [*page.evaluate(CUT), *(faults_of_axe(page, SHAPE) if axe else [])]
        for theme in THEMES if width in WIDTHS else ():
            page.emulate_media(color_scheme=theme)
            settle(page, width)
            look = screen.axe and width == max(WIDTHS)
            found += [f"{theme}: {fault}" for fault in (faults_of_axe(page, CONTRAST) if look else [])]
        said += [f"{width} px: {fault}" for fault in found]
        page.close()
    assert not said, "\n".join(said)


@pytest.mark.browser
@pytest.mark.parametrize("name", ["overview", "alerts", "silence-new"])
def test_who_uses_the_keyboard_sees_where_they_are(contexts: dict[int, Any], sites: Sites, name: str):
    page = contexts[max(WIDTHS)].new_page()
    (screen,) = (one for one in SCREENS if one.name == name)
    page.goto(sites.address(screen))
    settle(page, max(WIDTHS))
    stops = []
    for _ in range(20):
        page.keyboard.press("Tab")
        stops.append(page.evaluate(FOCUS))
    page.close()
    found = [stop for stop in stops if stop is not None]
    assert len(found) > 8
    assert [stop["html"] for stop in found if not stop["seen"]] == []


def test_every_page_is_in_the_table():
    shown = {screen.route for screen in SCREENS} - {""}
    routes = page_routes()
    assert routes - shown - NO_PAGES.keys() == set(), "add the new page to SCREENS in tests/web/screens.py"
    assert shown - routes == set(), "this page is no longer there"
    assert NO_PAGES.keys() - routes == set()


@pytest.mark.browser
def test_screenshots_are_the_same_each_time(browser: Any, sites: Sites, tmp_path: Path):
    first = write_all(browser, sites, tmp_path / "first", NOW, only="silence-new")
    second = write_all(browser, sites, tmp_path / "second", NOW, only="silence-new")
    assert [path.name for path in first] == [
        f"silence-new-{theme}-{width}.png" for theme in THEMES for width in WIDTHS
    ]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
