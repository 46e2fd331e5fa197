"""The windows' table: a window is marked for its columns, its broken limits and its slices."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mirante.readings import Reading
from mirante.store import SliceWindowRow, Store, WindowRow
from mirante.web.pages import Query, model_page
from mirante.web.pages.windowtable import window_table
from tests.web.conftest import FIRST, HOSTILE, NOW
from tests.web.test_pages import Reader

SUBJECT = "model/churn@champion"
DAY = timedelta(days=1)
QUERY = Query({"subject": SUBJECT}, now=NOW, path="/model")


def window(day: int, **verdicts: object) -> WindowRow:
    start = FIRST + day * DAY
    return WindowRow(SUBJECT, "1", start, start + DAY, 100, closed=True, verdicts=dict(verdicts))


def part(
    day: int, label: str, *, drifted: int = 0, effect: float = 0.1, **verdicts: object
) -> SliceWindowRow:
    start = FIRST + day * DAY
    found = {"drifted": [], "missing": [], "sentences": [], **verdicts}
    return SliceWindowRow(
        SUBJECT, "1", label, "true", start, start + DAY, 40, True, label, 5, drifted, "age", effect, found
    )


@pytest.fixture
def filled(empty_store: Store) -> Store:
    calm = {"age": {"drifted": False, "effect": 0.01}}
    limits = [
        {"limit": "out_of_range", "column": HOSTILE[0], "value": 0.2, "sentence": "20 % of it lies outside."},
        *({"limit": name, "column": "", "sentence": "x"} for name in ("row_count", "duplicates", "own")),
    ]
    for row in (window(0, columns=calm), window(1, columns=calm, limits=limits), window(2, columns=calm)):
        empty_store.windows.put(row)
    slices = [part(2, f"n == {number}", drifted=1, effect=number / 10) for number in range(5)]
    slices += [part(0, "calm"), part(1, "gaps", effect=float("nan"), missing=["age"])]
    empty_store.slice_windows.put(slices)
    labels = {"model": "churn", "alias": "champion", "version": "1"}
    empty_store.readings.write([Reading("predictions", 100, FIRST + day * DAY, labels) for day in range(3)])
    return empty_store


def test_what_is_fine_as_a_whole_is_marked_for_its_limits_and_slices(filled: Store):
    found = window_table(filled, filled.windows.list(SUBJECT, with_verdicts=False), None, QUERY)
    newest, middle, oldest = found["lines"]
    assert (newest.slices, newest.more_slices) == (["n == 4", "n == 3", "n == 2"], 2)
    assert (newest.drifted, newest.limits, newest.missing) == ([], [], [])
    assert [name for name, *_ in middle.limits] == ["out_of_range", "row_count", "duplicates"]
    assert (middle.more_limits, middle.slices) == (1, ["gaps"])
    assert (oldest.limits, oldest.slices, oldest.chosen) == ([], [], False)


def test_a_version_has_its_own_slices_and_no_window_none(filled: Store):
    other = window_table(filled, [WindowRow(SUBJECT, "2", FIRST + 2 * DAY, FIRST + 3 * DAY)], None, QUERY)
    assert [line.slices for line in other["lines"]] == [[]]
    assert window_table(filled, [], None, QUERY)["lines"] == []


def test_the_page_names_them_and_hostile_names_stay_text(filled: Store):
    html = model_page(filled, SUBJECT, QUERY)
    table = Reader(html).text.partition("Drifted, missing, beyond limits")[2]
    for said in (
        f"out of range: {HOSTILE[0]}",
        "number of rows",
        "copies of rows",
        "slice: n == 4",
        "slice: gaps",
    ):
        assert said in table, said
    assert HOSTILE[0] not in html
    assert 'title="20 % of it lies outside."' in html
