"""Chromium: how long until the overview can be used, with nothing in its cache and with everything."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np

__all__ = ["overview_times"]

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
TRIES = 7
# The first card is in the first paint that has contents: the page comes whole from the server.
PAINTED = """() => {
  const paint = performance.getEntriesByName("first-contentful-paint")[0];
  const [page] = performance.getEntriesByType("navigation");
  const card = document.querySelector(".card");
  if (!paint || !card || !page.domContentLoadedEventEnd) return null;
  return Math.max(paint.startTime, page.domContentLoadedEventEnd);
}"""


def _painted(page: Any, address: str) -> float:
    """Open a page, and return the seconds from the click to cards on the screen and scripts that have run."""
    page.goto(address)
    while (found := page.evaluate(PAINTED)) is None:
        time.sleep(0.01)
    return float(found) / 1000


def overview_times(app: Any) -> dict[str, float]:
    """Return the median seconds to the overview; of the cold ones each has a new context.

    Parameters
    ----------
    app : ASGI application
        What is looked at.
    """
    import uvicorn
    from playwright.sync_api import sync_playwright

    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    address = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    cold, warm = [], []
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
            for _ in range(TRIES):
                context = browser.new_context(viewport={"width": 1280, "height": 900})
                page = context.new_page()
                cold.append(_painted(page, address))
                warm.append(_painted(page, address))
                context.close()
            browser.close()
    finally:
        server.should_exit = True
        thread.join()
    return {
        "overview in Chromium, cold": float(np.median(cold)),
        "overview in Chromium, warm": float(np.median(warm)),
    }
