"""Every page, light and dark, wide and narrow: the table that `make screenshots` and the test share.

``python -m tests.web.screens`` writes them all into build/screenshots, from the store of the demonstration.
The clock and the zone are fixed and nothing moves, so the same store gives the same pictures.
"""

from __future__ import annotations

import argparse
import io
import math
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from string import Formatter
from typing import Any

from mirante.alerts.people.acknowledging import acknowledge
from mirante.alerts.people.silencing import SilenceOrder, add_silence
from mirante.alerts.rules import Rule
from mirante.alerts.rules.loading import default_rules, load_rules
from mirante.i18n import translator
from mirante.sources.runs.book import ExperimentBook
from mirante.sources.runs.source import experiment_readings, run_readings
from mirante.store import ProposalRow, Store
from mirante.tracking.runs.changes import MetricSeen, RunSeen
from mirante.web.asgi import create_app
from mirante.web.config import WebConfig
from mirante.web.routes import ROUTES
from mirante.web.ruling import Ruling
from tests.tools import find_tool
from tests.web.served import served

TOKEN = "correct-horse-battery-staple"
THEMES = ("light", "dark")
WIDTHS = (1440, 390)
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
_HEIGHT = 900
_BUILD = Path("build")
_DOCS = Path("docs/images")
_PICTURE_WIDTH = 1120


@dataclass(frozen=True, slots=True)
class Screen:
    """One page: a name for its file, the route that makes it, and an address with places in braces."""

    name: str
    route: str
    target: str
    status: int = 200
    site: str = "full"  # or "empty", "guarded"
    axe: bool = True  # no: it differs from another page in its words alone


SCREENS = (
    Screen("overview", "/", "/"),
    Screen("overview-empty", "/", "/", site="empty"),
    Screen("model", "/model", "/model?subject={model}"),
    Screen("model-portuguese", "/model", "/model?subject={model}&lang=pt_BR&range=30d", axe=False),
    Screen("table", "/table", "/table?subject={table}"),
    Screen("host", "/host", "/host?subject={host}"),
    Screen("experiments", "/experiments", "/experiments"),
    Screen("experiments-empty", "/experiments", "/experiments", site="empty"),
    Screen("experiment", "/experiment", "/experiment?subject={experiment}"),
    Screen("alerts", "/alerts", "/alerts"),
    Screen("alerts-empty", "/alerts", "/alerts", site="empty"),
    Screen("alert", "/alerts/{id}", "/alerts/{alert}"),
    Screen("silences", "/silences", "/silences"),
    Screen("silence-new", "/silences/new", "/silences/new?alert={alert}"),
    Screen("silence-change", "/silences/{id}", "/silences/{silence}"),
    Screen("rules", "/rules", "/rules"),
    Screen("rule", "/rules/{name:path}", "/rules/feature_drift"),
    Screen("status", "/status", "/status"),
    Screen("login", "/login", "/login", site="guarded"),
    Screen("not-found", "", "/nothing", status=404),
)


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture of the documentation: a file in docs/images, an address, the part of the page to show."""

    name: str
    target: str
    part: str = "body"
    height: int = 0  # cut off below; 0 shows all of the part
    click: str = ""


_STORM = "/model?subject={model}&since=2013-02-01&until=2013-04-30"

# What the tutorial and the README show: the demonstration's store, before anybody said anything.
PICTURES = (
    Picture("model", "/model?subject={model}", height=1500),
    Picture("overview", "/", height=620),
    Picture("heat-map", _STORM, "#drift"),
    Picture("blizzard", _STORM + "&feature=dep_delay&window=2013-02-08T05:00:00Z", "#compare"),
    Picture("snow", _STORM + "&feature=dep_delay&window=2013-03-08T05:00:00Z", "#compare"),
    Picture("alert", "/alerts/{critical}", "main"),
    Picture("silence", "/silences/new?alert={alert}", "main"),
    Picture(
        "accept",
        "/model?subject={model}&since=2013-12-20&until=2013-12-31",
        "#accept",
        click="#accept summary",
    ),
)

# Routes whose answers nobody looks at by themselves.
NO_PAGES = {
    "/status/line": "the line at the foot of every page",
    "/static/{name}": "files",
    "/favicon.ico": "the icon",
    "/healthz": "for programs",
    "/metrics": "for programs",
}


def page_routes() -> set[str]:
    """Return the routes that answer to a browser."""
    return {route.path for route in ROUTES if route.method == "GET"}


# ---- a store with something on every page ------------------------------------------------------------------


def copy_store(source: Path, target: Path) -> str:
    """Copy a database that may be open elsewhere, and return the copy's address."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)
    return f"sqlite:///{target}"


def add_what_people_say(store: Store, now: datetime) -> None:
    """Write a silence, an acknowledgement and a proposal, so that the pages about them are not empty."""
    model = _subject(store, "model")
    alert = _alert(store)
    if alert.state == "firing":
        acknowledge(store, alert.id, author="ana", note="I am looking at the airports", now=now)
    order = SilenceOrder(
        {"rule": alert.rule, "feature": "dep_delay"}, "ana", "the airports are closed", lasting="8h"
    )
    add_silence(store, order, now)
    name, _, alias = model.removeprefix("model/").rpartition("@")
    data = {"model": name, "alias": alias, "from": "2", "to": "1", "alerts": [alert.id]}
    store.proposals.add(ProposalRow("ab" * 16, "move_alias", model, "open", now, data=data))


def add_an_experiment(store: Store, now: datetime) -> None:
    """Write what looks at an experiment found, up to now: one run trains well, one has diverged."""
    _ = translator("en")
    book = ExperimentBook("3", "nyc-flight-delay", counts={"FINISHED": 212, "FAILED": 9, "KILLED": 2})
    minute = timedelta(minutes=1)
    for look in range(60, -1, -1):
        then = now - look * minute
        live = []
        for number, name in enumerate(("gradient boosting", "wide network")):
            loss = (
                0.3 + 0.4 / (61 - look)
                if number == 0
                else 0.5 / (61 - look) + (0.02 * (30 - look) if look < 30 else 0)
            )
            points = {
                "val_loss": MetricSeen(math.nan if number and look < 3 else loss, 60 - look, then),
                "val_auc": MetricSeen(0.9 - loss / 4, 60 - look, then),
            }
            live.append(RunSeen(f"{number:032x}", name, "3", "RUNNING", now - 62 * minute, None, points))
        directions = {"val_loss": "lower", "val_auc": "higher"}
        book.advance(then, live, [], directions, {run.id: list(points) for run in live})
        store.readings.write(experiment_readings(book, then, _))
        for run in live:
            store.readings.write(run_readings(book, run.id, then, directions, _))


def _subject(store: Store, kind: str) -> str:
    """Return the subject of a kind that the store knows most about; empty where it knows none."""
    rows = [row for row in store.readings.subjects() if row.subject.startswith(f"{kind}/")]
    return max(rows, key=lambda row: (row.series, row.subject)).subject if rows else ""


def _alert(store: Store) -> Any:
    """Return the alert to look at: one that fires, else the first critical one, else the first."""
    rows = store.alerts.list(limit=10_000)
    order = {"firing": 0, "pending": 2}
    return min(
        rows, key=lambda row: (order.get(row.state, 1), row.severity != "critical", row.active_at, row.id)
    )


def places(store: Store) -> dict[str, str]:
    """Return what stands for the names in braces in the table."""
    silences = store.silences.list()
    critical = [row for row in store.alerts.list(limit=10_000) if row.severity == "critical"]
    return {
        "critical": min(critical, key=lambda row: (row.active_at, row.id)).id,
        "model": _subject(store, "model"),
        "table": _subject(store, "table"),
        "host": _subject(store, "host"),
        "experiment": _subject(store, "experiment"),
        "alert": _alert(store).id,
        "silence": silences[0].id if silences else "",
    }


# ---- servers and pages -------------------------------------------------------------------------------------


@contextmanager
def serving(
    store: Store,
    config: WebConfig,
    now: datetime,
    health: Callable[[], Any] | None = None,
    *,
    historic: bool = False,
    rules: Sequence[Rule] = (),
) -> Iterator[str]:
    """Serve the pages on a free port, at a moment that does not pass."""
    app = create_app(
        store,
        config=config,
        clock=lambda: now,
        health=health,
        historic=historic,
        ruling=Ruling(lambda: rules),
    )
    with served(app) as address:
        yield address


def well(now: datetime) -> Callable[[], dict[str, Any]]:
    """Return what a service says of itself in which all is well."""
    last = (now - timedelta(seconds=4)).isoformat()
    task = {"began_at": last, "last_success": last, "error": "", "runs": 240, "failures": 0, "seconds": 0.02}
    about = {
        "version": "0.1.0",
        "python": "3.12.0",
        "config": "mirante.yaml",
        "locale": "en",
        "timezone": "EST",
        "window_timezones": ["America/New_York"],
        "mlflow_client": "3.17.2",
        "mlflow_server": "3.17.2",
        "mlflow_address": "http://127.0.0.1:5000",
    }
    tasks = dict.fromkeys(("rules", "host", "mlflow_sink"), task)
    return lambda: {"status": "ok", "tasks": tasks, "details": {"about": about}}


@dataclass(frozen=True, slots=True)
class Sites:
    """The addresses of the three servers, and what stands for the names in braces."""

    full: str
    empty: str
    guarded: str
    places: dict[str, str]

    def address(self, screen: Screen) -> str:
        """Return where a page is."""
        return getattr(self, screen.site) + screen.target.format(**self.places)

    def has(self, screen: Screen) -> bool:
        """Return whether the store has what a page is about: the demonstration watches no table."""
        fields = [field for _, field, _, _ in Formatter().parse(screen.target) if field]
        return all(self.places[field] for field in fields)


@contextmanager
def all_sites(
    url: str, folder: Path, now: datetime, *, historic: bool = False, rules: Sequence[Rule] = ()
) -> Iterator[Sites]:
    """Serve a full store, an empty one, and one that asks for a token."""

    known = list({rule.name: rule for rule in (*default_rules(), *rules)}.values())
    with ExitStack() as stack:
        store = stack.enter_context(Store(url))
        (folder / "empty.db").unlink(missing_ok=True)
        nothing = stack.enter_context(Store(f"sqlite:///{folder}/empty.db"))
        full = stack.enter_context(
            serving(store, WebConfig(), now, well(now), historic=historic, rules=known)
        )
        empty = stack.enter_context(serving(nothing, WebConfig(), now, well(now)))
        guarded = stack.enter_context(serving(store, WebConfig(token=TOKEN), now, well(now)))
        yield Sites(full, empty, guarded, places(store))


@contextmanager
def chromium() -> Iterator[Any]:
    """One browser, Debian's."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_tool("chromium"), args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


def new_context(browser: Any, theme: str, width: int, now: datetime, *, scale: float = 1) -> Any:
    """Open a context of its own: New York's clock, standing still, and nothing that moves."""
    context = browser.new_context(
        timezone_id="America/New_York",
        locale="en-GB",
        viewport={"width": width, "height": _HEIGHT},
        color_scheme=theme,
        reduced_motion="reduce",
        device_scale_factor=scale,
    )
    context.clock.set_fixed_time(now)
    return context


def settle(page: Any, width: int, *, seconds: float = 20) -> None:
    """Make the window as tall as the page, and wait until the status is there and all charts are drawn."""
    deadline = time.monotonic() + seconds
    while not page.evaluate(_SETTLED):
        if time.monotonic() > deadline:
            raise AssertionError(f"{page.url} was not drawn in {seconds} s")
        height = page.evaluate("document.documentElement.scrollHeight")
        if page.viewport_size != {"width": width, "height": max(height, _HEIGHT)}:
            page.set_viewport_size({"width": width, "height": max(height, _HEIGHT)})
        page.wait_for_timeout(40)


# htmx says when it has settled: only then are the times of the status line in the reader's words
_SETTLED = """
document.readyState === "complete"
  && !document.querySelector(".htmx-request, .htmx-swapping, .htmx-added, .htmx-settling")
  && (!document.getElementById("status") || document.querySelector("#status .state") !== null)
  && [...document.querySelectorAll(".plot")].every((plot) => plot.querySelector(".main-svg"))
  && document.documentElement.scrollHeight <= innerHeight
"""


# ---- make screenshots --------------------------------------------------------------------------------------


def write_all(browser: Any, sites: Sites, folder: Path, now: datetime, *, only: str = "") -> list[Path]:
    """Write every page in every look, and return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for theme in THEMES:
        for width in WIDTHS:
            page = new_context(browser, theme, width, now).new_page()
            for screen in SCREENS:
                if only in screen.name and sites.has(screen):
                    page.set_viewport_size({"width": width, "height": _HEIGHT})
                    page.goto(sites.address(screen))
                    settle(page, width)
                    written.append(folder / f"{screen.name}-{theme}-{width}.png")
                    page.screenshot(path=written[-1], animations="disabled")
            page.context.close()
    return written


def write_pictures(browser: Any, sites: Sites, folder: Path, now: datetime) -> list[Path]:
    """Write the pictures of the documentation, in few colours, so that each stays under 250 kB."""
    folder.mkdir(parents=True, exist_ok=True)
    page = new_context(browser, "light", _PICTURE_WIDTH, now, scale=1.5).new_page()
    written = []
    for picture in PICTURES:
        page.set_viewport_size({"width": _PICTURE_WIDTH, "height": _HEIGHT})
        page.goto(sites.full + picture.target.format(**sites.places))
        if picture.click:
            page.click(picture.click)
        settle(page, _PICTURE_WIDTH)
        box = page.locator(picture.part).bounding_box()
        clip = {**box, "height": min(box["height"], picture.height or box["height"])}
        if picture.part not in ("body", "main"):  # air around a part
            clip = {
                name: value + by for (name, value), by in zip(clip.items(), (-16, -16, 32, 32), strict=True)
            }
        written.append(folder / f"{picture.name}.png")
        written[-1].write_bytes(in_few_colours(page.screenshot(clip=clip, animations="disabled")))
    page.context.close()
    return written


def in_few_colours(png: bytes) -> bytes:
    """Return a picture in its 256 most frequent colours, so that those of the page stay as they are."""
    from PIL import Image

    out = io.BytesIO()
    with Image.open(io.BytesIO(png)) as opened:
        image = opened.convert("RGB")
        counts = sorted(image.getcolors(image.width * image.height) or (), reverse=True)
        palette = Image.new("P", (1, 1))
        palette.putpalette([part for _, colour in counts[:256] for part in colour])
        image.quantize(palette=palette, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    return out.getvalue()


def demo_store(folder: Path) -> Path:
    """Return the database of a demonstration in a folder; it is run if there is none."""
    database = folder / "mirante.db"
    if not database.exists():
        print("running the demonstration first, which takes a minute or two", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "mirante", "demo", "--dir", str(folder), "--exit"], check=True)
    return database


def moment_of(store: Store) -> datetime:
    """Return a minute after the newest reading, on the whole minute: the present of the pictures."""
    newest = max(row.last_time for row in store.readings.subjects())
    return newest.replace(second=0, microsecond=0) + timedelta(minutes=2)


def main(arguments: list[str] | None = None) -> int:
    """Write the screenshots."""
    parser = argparse.ArgumentParser(prog="make screenshots", description=__doc__)
    parser.add_argument("--demo", type=Path, default=_BUILD / "demo", help="folder of a demonstration")
    parser.add_argument("--to", type=Path, default=_BUILD / "screenshots", help="where the pictures go")
    parser.add_argument("--only", default="", help="pages whose name contains this")
    parser.add_argument("--docs", action="store_true", help="write the pictures in docs/images instead")
    given = parser.parse_args(arguments)
    database = demo_store(given.demo)
    with tempfile.TemporaryDirectory() as folder:
        url = copy_store(database, Path(folder) / "shown.db")
        with Store(url) as store:
            now = moment_of(store)
            if not given.docs:
                add_what_people_say(store, now)
                add_an_experiment(store, now)
        rules = load_rules(given.demo / "rules.yaml")
        with all_sites(url, Path(folder), now, historic=True, rules=rules) as sites, chromium() as browser:
            if given.docs:
                written = write_pictures(browser, sites, _DOCS, now)
            else:
                written = write_all(browser, sites, given.to, now, only=given.only)
    print(f"{len(written)} pictures in {written[0].parent if written else given.to}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
