"""Real Chromium, without a network, on a file of ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.tools import require_tool


@contextmanager
def opened(path: Path, *, width: int = 1280, dark: bool = False, javascript: bool = True) -> Iterator[Any]:
    """Yield the page and check, at the end, that the console stayed silent and nothing else was asked for."""
    from playwright.sync_api import sync_playwright

    program = require_tool("chromium")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        try:
            context = browser.new_context(
                viewport={"width": width, "height": 900},
                color_scheme="dark" if dark else "light",
                offline=True,
                java_script_enabled=javascript,
            )
            page = context.new_page()
            said: list[str] = []
            page.on("console", lambda message: said.append(message.text) if message.type != "log" else None)
            page.on("pageerror", lambda error: said.append(str(error)))
            page.on(
                "request", lambda request: said.append(request.url) if _outside(request.url, path) else None
            )
            page.on("dialog", lambda dialog: (said.append(f"dialog {dialog.message}"), dialog.dismiss()))
            page.goto(path.as_uri())
            yield page
            assert said == []
        finally:
            browser.close()


def _outside(url: str, path: Path) -> bool:
    """A file that needs no network asks for itself alone."""
    return url != path.as_uri() and not url.startswith(("data:", "blob:"))


def drawn(page: Any) -> int:
    """Wait until the page has drawn its charts, and return how many have a plot in them."""
    page.wait_for_selector("html[data-charts=drawn]", timeout=60_000)
    return int(page.locator(".chart .plot .main-svg:first-of-type").count())
