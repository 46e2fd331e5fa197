"""Long answers page by page: nothing twice, nothing left out, and no moment parted."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from mirante.readings import Reading
from mirante.store import AlertRow, Store, WindowRow
from mirante.web.api import v1
from mirante.web.asgi import create_app
from mirante.web.config import WebConfig
from tests.web.conftest import NOW, Client


@pytest.fixture
def filled(empty_store: Store) -> Client:
    """Three series, two of them at every second; windows of two versions; alerts of one moment."""
    seconds = [NOW + timedelta(seconds=n) for n in range(10)]
    hosts = ("a", "b")
    empty_store.readings.write(Reading("x", n, t, {"host": h}) for n, t in enumerate(seconds) for h in hosts)
    empty_store.readings.write(Reading("x", 0, NOW, {"host": f"many-{n}"}) for n in range(20))
    for t in seconds:
        for version in ("1", "2"):
            empty_store.windows.put(WindowRow("model/m@c", version, t, t + timedelta(seconds=1)))
    empty_store.alerts.save_all(
        [AlertRow(str(n), "r", {}, "host/a", "info", "firing", seconds[n // 4]) for n in range(9)]
    )
    return Client(create_app(empty_store, config=WebConfig(), clock=lambda: NOW))


def pages(client: Client, part: str, query: str) -> list[list[Any]]:
    found = []
    while True:
        answer = client.get(f"/api/v1/{part}?{query}", accept="application/json")
        assert answer.status == 200, answer.text
        found.append(json.loads(answer.body))
        link = answer.headers.get("link")
        if link is None:
            return found
        assert link.startswith("<?")
        assert link.endswith('>; rel="next"')
        query = link[2:].partition(">")[0]


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 39, 40, 1_000])
def test_readings_from_the_oldest_on(filled: Client, limit: int):
    found = pages(filled, "readings", f"name=x&order=oldest&limit={limit}")
    read = [(one["labels"]["host"], time) for page in found for one in page for time in one["times"]]
    assert len(read) == len(set(read)) == 40
    moments = [{time for one in page for time in one["times"]} for page in found]
    assert sum(map(len, moments)) == 10, "no moment is on two pages"
    assert [min(each) for each in moments] == sorted(min(each) for each in moments)
    assert not any(one["truncated"] for page in found for one in page)
    if limit == 1:
        assert len(found) == 10


@pytest.mark.parametrize("limit", [1, 3, 4, 20, 100])
def test_windows_from_the_newest_back(filled: Client, limit: int):
    found = pages(filled, "windows", f"subject=model/m@c&limit={limit}")
    read = [(one["start"], one["version"]) for page in reversed(found) for one in page]
    assert len(read) == 20
    assert read == sorted(set(read))


@pytest.mark.parametrize("limit", [1, 2, 4, 9])
def test_alerts_of_one_moment_are_parted_and_none_is_lost(filled: Client, limit: int):
    found = pages(filled, "alerts", f"limit={limit}&state=firing")
    assert all(len(page) <= limit for page in found)
    assert [one["id"] for page in found for one in page] == [str(n) for n in range(8, -1, -1)]


def test_after_an_alert_that_is_not_there(filled: Client):
    assert filled.get("/api/v1/alerts?after=none").status == 404


def test_what_was_asked_for_stays_in_the_next_question(filled: Client):
    answer = filled.get("/api/v1/readings?name=x&name=%22%3E%0D%0AX&subject=host/a&order=oldest&limit=1")
    link = answer.headers["link"]
    assert "name=x&name=%22%3E%0D%0AX&subject=host%2Fa&order=oldest&limit=1&since=" in link


def test_too_many_readings_at_once_are_refused(filled: Client, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(v1, "_MOST_READINGS", 39)
    answer = filled.get("/api/v1/readings?name=x")
    assert (answer.status, "order=oldest" in answer.text) == (422, True)
    assert filled.get("/api/v1/readings?name=x&subject=host/a").status == 200
    monkeypatch.setattr(v1, "_MOST_READINGS", 40)
    assert filled.get("/api/v1/readings?name=x").status == 200
