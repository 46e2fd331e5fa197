"""The result tables on the API: what the views say, page by page."""

from __future__ import annotations

import json
import re
from datetime import UTC
from typing import Any

import numpy as np
import pytest

from mirante.profiles import TableProfile
from mirante.store import Store
from mirante.views.tables.columns import TABLES
from mirante.views.tables.walk import batch_of, rows_of, walk
from mirante.web.api import tables
from mirante.web.asgi import create_app
from mirante.web.config import WebConfig
from tests.views.tables.conftest import HOUR, START, window_row
from tests.web.conftest import FIRST, MODEL, Client


def _pages(client: Client, target: str) -> list[list[dict[str, Any]]]:
    """Return all pages of an answer."""
    found, path = [], target.partition("?")[0]
    while True:
        answer = client.get(target, accept="application/json")
        assert answer.status == 200, answer.text
        found.append(json.loads(answer.body))
        following = re.search(r"<(\?.*)>; rel=\"next\"", answer.headers.get("link", ""))
        if following is None:
            return found
        target = path + following[1]


@pytest.mark.parametrize("table", TABLES)
def test_rows_are_those_of_the_view(client: Client, full_url: str, table: Any):
    pages = _pages(client, f"/api/v1/tables/{table}?subject={MODEL}&limit=7")
    assert len(pages) == 13
    found = [row for page in pages for row in page]
    with Store(full_url) as store:
        expected = [
            row for one in walk(store, MODEL) for row in batch_of(table, rows_of(table, one)).to_pylist()
        ]
    assert [list(row) for row in found] == [[one.name for one in TABLES[table]]] * len(expected)
    for row, known in zip(found, expected, strict=True):
        start = known["window_start"].astimezone(UTC).isoformat().replace("+00:00", "Z")
        assert (row["feature"], row["window_start"]) == (known["feature"], start)
        rest = [one.name for one in TABLES[table] if one.type in ("number", "whole", "truth")]
        assert [row[name] for name in rest] == [known[name] for name in rest]


def test_an_interval(client: Client):
    since = f"{FIRST:%Y-%m-%dT%H:%M:%SZ}"
    target = f"/api/v1/tables/profile_metrics?subject={MODEL}&since={since}&until=2013-01-03T05:00:00Z"
    (page,) = _pages(client, target)
    assert {row["window_start"] for row in page} == {"2013-01-01T05:00:00Z", "2013-01-02T05:00:00Z"}
    assert _pages(client, "/api/v1/tables/drift_metrics?subject=host/none") == [[]]
    assert client.get("/api/v1/tables/drift_metrics", accept="application/json").status == 422
    assert client.get("/api/v1/tables/other?subject=x", accept="application/json").status == 404


def test_windows_of_one_start_are_never_parted_and_wide_ones_make_short_pages(
    empty_store: Store, monkeypatch: pytest.MonkeyPatch
):
    profile = TableProfile.of({"x": [1.0, np.inf], "y": [np.nan, np.nan]})
    for hour in range(3):
        for version in "12":
            empty_store.windows.put(window_row(START + hour * HOUR, profile, subject=MODEL, version=version))
    client = Client(create_app(empty_store, config=WebConfig()))
    pages = _pages(client, f"/api/v1/tables/profile_metrics?subject={MODEL}&limit=1")
    assert [len(page) for page in pages] == [6, 6, 6]
    assert (pages[0][1]["maximum"], pages[0][1]["infinite"], pages[0][2]["mean"]) == (None, 1, None)
    monkeypatch.setattr(tables, "_MOST_ROWS", 7)
    assert [len(page) for page in _pages(client, f"/api/v1/tables/profile_metrics?subject={MODEL}")] == [
        12,
        6,
    ]
